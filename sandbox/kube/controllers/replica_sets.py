"""ReplicaSets: as many pods as they ask for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.kube.controllers.base import (
    PODS,
    REPLICA_SETS,
    Controller,
    Obj,
    is_active,
    is_going,
    is_ready,
    key_of,
    owner_key,
    pod_of,
)
from sandbox.kube.store import Event


class ReplicaSets(Controller):
    """Makes and deletes pods. Pods that it did not make are not adopted."""

    component = "replicaset-controller"

    def keys(self, event: Event) -> Iterable[Any]:
        """The ReplicaSet itself, or that of a pod."""
        if event.kind == REPLICA_SETS:
            return [key_of(event.object)]
        return owner_key(event.object, "ReplicaSet") if event.kind == PODS else []

    def reconcile(self, key: tuple[str, str]) -> None:
        """Make or delete the difference, then report."""
        replica_set = self.get(REPLICA_SETS, *key)
        if replica_set is None or is_going(replica_set):
            return
        wanted = replica_set["spec"]["replicas"]
        active = [p for p in self.owned(PODS, replica_set) if is_active(p)]
        for _ in range(wanted - len(active)):
            pod = self.create(PODS, key[0], pod_of(replica_set["spec"]["template"], replica_set))
            self.record(replica_set, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        for pod in sorted(active, key=_worth)[: max(len(active) - wanted, 0)]:
            self.record(replica_set, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
            self.delete(PODS, pod)
        self._report(replica_set)

    def _report(self, replica_set: Obj) -> None:
        owned = self.owned(PODS, replica_set)
        active = [p for p in owned if is_active(p)]
        ready = sum(is_ready(p) for p in active)
        status: Obj = {"replicas": len(active), "observedGeneration": replica_set["metadata"]["generation"]}
        if active:
            status["fullyLabeledReplicas"] = len(active)
        if ready:
            status |= {"readyReplicas": ready, "availableReplicas": ready}
        status["terminatingReplicas"] = sum(is_going(p) for p in owned)
        self.set_status(REPLICA_SETS, replica_set, status)


def _worth(pod: Obj) -> tuple[bool, bool, bool, float]:
    """Order in which pods may go: without node, not running, not ready, youngest first."""
    running = pod["status"].get("phase") == "Running"
    return bool(pod["spec"].get("nodeName")), running, is_ready(pod), -int(pod["metadata"]["resourceVersion"])
