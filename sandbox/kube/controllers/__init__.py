"""The controllers of a cluster. Each follows the store's events; none polls."""

from __future__ import annotations

import asyncio
import contextlib

from sandbox.kube.controllers.daemon_sets import DaemonSets
from sandbox.kube.controllers.deployments import Deployments
from sandbox.kube.controllers.endpoints import Endpoints
from sandbox.kube.controllers.garbage import Garbage
from sandbox.kube.controllers.jobs import Jobs
from sandbox.kube.controllers.namespaces import Namespaces
from sandbox.kube.controllers.nodes import NodeTaints, PodsOfGoneNodes
from sandbox.kube.controllers.replica_sets import ReplicaSets
from sandbox.kube.controllers.scheduler import Scheduler
from sandbox.kube.controllers.volumes import NoStorage, VolumeHooks, Volumes
from sandbox.kube.objects import Objects

__all__ = ["Controllers", "VolumeHooks"]


class Controllers:
    """All of them, from construction on taking note of events, from `start` on acting."""

    def __init__(self, objects: Objects, volume_hooks: VolumeHooks | None, ca_cert: str) -> None:
        plain = (Deployments, ReplicaSets, DaemonSets, Jobs, Endpoints, Scheduler, NodeTaints, PodsOfGoneNodes, Garbage)
        self._controllers = [controller(objects) for controller in plain]
        self._controllers += [Namespaces(objects, ca_cert), Volumes(objects, volume_hooks or NoStorage())]
        for controller in self._controllers:
            objects.store.subscribe(controller.observe)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Act on what has been noted, and on what comes."""
        self._tasks = [asyncio.create_task(c.run(), name=type(c).__name__) for c in self._controllers]

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
