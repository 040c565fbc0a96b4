"""Pods of a node that is gone: nobody is left to confirm their end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.kube.controllers.base import NODES, PODS, Controller
from sandbox.kube.store import Event


class PodsOfGoneNodes(Controller):
    """Takes pods out whose node has been deleted."""

    component = "pod-garbage-collector"

    def keys(self, event: Event) -> Iterable[Any]:
        """The name of a deleted node."""
        return [event.object["metadata"]["name"]] if event.kind == NODES and event.type == "DELETED" else []

    def reconcile(self, key: str) -> None:
        """Delete its pods at once, unless the node is back."""
        if self.get(NODES, "", key):
            return
        for pod in self.list(PODS):
            if pod["spec"].get("nodeName") == key:
                self.delete(PODS, pod, gracePeriodSeconds=0)
