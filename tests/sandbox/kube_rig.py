"""A Kubernetes API of the sandbox in this process, with a node whose pods are ready at once, and clients to ask it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client, config

from sandbox.kube import KubeCluster, VolumeHooks
from sandbox.kube.certificates import Authority
from sandbox.openstack.certificates import make_ca
from sandbox.tools import executable
from tests.support.instant_node import InstantNode

HOST = "127.0.0.1"
CA = make_ca("test")


class Rig:
    """One cluster; coroutines run on its own thread's loop."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.cluster = self.call(self._start, settings)
        self.server = f"https://{HOST}:{self._port}"
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(self.cluster.kubeconfig(self.server, "admin", ["system:masters"]))
        self.api = config.new_client_from_config(str(self.kubeconfig))
        self.core = client.CoreV1Api(self.api)
        self.apps = client.AppsV1Api(self.api)

    async def _start(self, settings: dict[str, Any]) -> KubeCluster:
        base = {"name": "test", "version": "v1.31.1", "service_cidr": "127.99.20.0/22", "sans": [HOST]}
        cluster = KubeCluster(ca_cert=CA[0], ca_key=CA[1], **{**base, **settings})
        await cluster.start()
        self._port = await cluster.listen(HOST, 0)
        return cluster

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a coroutine function on the cluster's loop."""
        return asyncio.run_coroutine_threadsafe(function(*arguments), self._loop).result(30)

    def close(self) -> None:
        self.call(self.cluster.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def node(self) -> InstantNode:
        """A node for it."""
        return InstantNode(self.api, self.folder, Authority(*CA))

    def run(self, tool: str, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """helm or kubectl, whatever it exits with."""
        homes = {f"HELM_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        environment = {**os.environ, **homes, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder)}
        command = [str(executable(tool)), *arguments]
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, timeout=60)

    def out(self, tool: str, *arguments: str, stdin: str | None = None) -> str:
        """What helm or kubectl prints, which must succeed."""
        done = self.run(tool, *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def rig_with_node(folder: Path, volume_hooks: VolumeHooks | None = None, **settings: Any) -> Iterator[Rig]:
    """A cluster with one instant node."""
    with closing(Rig(folder, volume_hooks=volume_hooks, **settings)) as rig, closing(rig.node()):
        yield rig
