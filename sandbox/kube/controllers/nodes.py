"""Nodes: which of them take pods, and the pods of one that is gone, whose end nobody is left to confirm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.kube.admission import NOT_READY
from sandbox.kube.apply import now
from sandbox.kube.controllers.base import NODES, PODS, Controller, is_ready
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


class NodeTaints(Controller):
    """Taints nodes by their conditions: new pods stay away from one that is not ready or is cordoned off."""

    component = "node-controller"

    def keys(self, event: Event) -> Iterable[Any]:
        """The node's name."""
        return [event.object["metadata"]["name"]] if event.kind == NODES and event.type != "DELETED" else []

    def reconcile(self, key: str) -> None:
        """Put the taints that hold, take away those that do not."""
        node = self.get(NODES, "", key)
        if node is None:
            return
        holds = {NOT_READY: not is_ready(node), _CORDONED: bool(node["spec"].get("unschedulable"))}
        had = node["spec"].get("taints") or []
        kept = [t for t in had if holds.get(t["key"], True) or t["effect"] != _EFFECT]
        keys = {t["key"] for t in kept if t["effect"] == _EFFECT}
        added = [name for name, true in holds.items() if true and name not in keys]
        taints = kept + [{"key": name, "effect": _EFFECT, "timeAdded": now()} for name in added]
        if taints != had:
            self.update(NODES, {**node, "spec": {**node["spec"], "taints": taints}})


_CORDONED, _EFFECT = "node.kubernetes.io/unschedulable", "NoSchedule"
