"""The scheduler: gives pods without a node one that has room for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.kube.controllers.base import (
    CLAIMS,
    NODES,
    PODS,
    Controller,
    Obj,
    is_active,
    is_finished,
    key_of,
    with_condition,
)
from sandbox.kube.controllers.placement import NOTHING, Room, needs, refusal, unschedulable_message
from sandbox.kube.store import Event

SELECTED_NODE = "volume.kubernetes.io/selected-node"
_PASS = "pass"  # noqa: S105 - the one key of this queue


class Scheduler(Controller):
    """Looks at all waiting pods whenever a pod, a node or a claim changed in a way that matters."""

    component = "default-scheduler"
    manager = "kube-scheduler"

    def keys(self, event: Event) -> Iterable[Any]:
        """One key for all: places depend on one another."""
        if event.kind == NODES:
            return [_PASS] if _nature(event.object) != _nature(event.previous) or event.type == "DELETED" else []
        if event.kind == CLAIMS:
            return [_PASS]
        if event.kind != PODS:
            return []
        waits = event.type == "ADDED" and not event.object["spec"].get("nodeName")
        frees = event.type == "DELETED" or (
            is_finished(event.object) and not is_finished(event.previous or event.object)
        )
        return [_PASS] if waits or frees else []

    def reconcile(self, key: str) -> None:
        """Place the waiting pods, in the order of their creation, as long as there is room."""
        nodes = self.list(NODES)
        used = self._used()
        waiting = [p for p in self.list(PODS) if not p["spec"].get("nodeName") and is_active(p)]
        waiting = [p for p in waiting if p["spec"]["schedulerName"] == self.component]
        for pod in sorted(waiting, key=lambda p: (-p["spec"].get("priority", 0), p["metadata"]["creationTimestamp"])):
            if problem := self._claims_problem(pod):
                self._refuse(pod, f"0/{len(nodes)} nodes are available: {problem}. not found")
                continue
            reasons = {
                n["metadata"]["name"]: refusal(pod["spec"], n, used.get(n["metadata"]["name"], NOTHING)) for n in nodes
            }
            fitting = [name for name, why in reasons.items() if not why]
            if not fitting:
                roomy = sum(not refusal(pod["spec"], node, NOTHING) for node in nodes)
                self._refuse(pod, unschedulable_message(list(reasons.values()), roomy))
                continue
            node = min(fitting, key=lambda name: (used.get(name, NOTHING).memory, used.get(name, NOTHING).pods, name))
            if self._claims_bound(pod, node):
                used[node] = used.get(node, NOTHING) + needs(pod["spec"])
                self._bind(pod, node)

    def _used(self) -> dict[str, Room]:
        used: dict[str, Room] = {}
        for pod in self.list(PODS):
            node = pod["spec"].get("nodeName")
            if node and not is_finished(pod):
                used[node] = used.get(node, NOTHING) + needs(pod["spec"])
        return used

    def _claims(self, pod: Obj) -> list[tuple[str, Obj | None]]:
        sources = [v["persistentVolumeClaim"] for v in pod["spec"].get("volumes") or [] if "persistentVolumeClaim" in v]
        return [(s["claimName"], self.get(CLAIMS, pod["metadata"]["namespace"], s["claimName"])) for s in sources]

    def _claims_problem(self, pod: Obj) -> str | None:
        """Why the pod's claims keep it from any node."""
        for name, claim in self._claims(pod):
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if claim["status"].get("phase") != "Bound" and not self._waits_for_consumer(claim):
                return "pod has unbound immediate PersistentVolumeClaims"
        return None

    def _waits_for_consumer(self, claim: Obj) -> bool:
        storage_class = self.get(("storage.k8s.io", "storageclasses"), "", claim["spec"].get("storageClassName") or "")
        return (storage_class or {}).get("volumeBindingMode") == "WaitForFirstConsumer"

    def _claims_bound(self, pod: Obj, node: str) -> bool:
        """Whether all claims have volumes; those that wait for a pod are told of its node, and get them then."""
        unbound = [claim for _, claim in self._claims(pod) if claim and claim["status"].get("phase") != "Bound"]
        for claim in unbound:
            annotations = claim["metadata"].get("annotations") or {}
            if SELECTED_NODE not in annotations:
                meta = {**claim["metadata"], "annotations": {**annotations, SELECTED_NODE: node}}
                self.update(CLAIMS, {**claim, "metadata": meta})
        return not unbound

    @property
    def source(self) -> Obj:
        """None: the scheduler tells its events by their newer kind."""
        return {}

    def _bind(self, pod: Obj, node: str) -> None:
        namespace, name = key_of(pod)
        bound = self.update(PODS, {**pod, "spec": {**pod["spec"], "nodeName": node}})
        self._condition(bound, {"status": "True"})
        self.record(bound, "Scheduled", f"Successfully assigned {namespace}/{name} to {node}")

    def _refuse(self, pod: Obj, message: str) -> None:
        had = next((c for c in pod["status"].get("conditions") or [] if c["type"] == "PodScheduled"), {})
        if had.get("message") != message:
            told = {"status": "False", "reason": "Unschedulable", "message": message}
            self._condition(pod, {**told, "observedGeneration": pod["metadata"]["generation"]})
            self.record(pod, "FailedScheduling", message, "Warning")

    def _condition(self, pod: Obj, told: Obj) -> None:
        others = [c for c in pod["status"].get("conditions") or [] if c["type"] != "PodScheduled"]
        conditions = with_condition(others, {"type": "PodScheduled", "lastProbeTime": None, **told})
        self.set_status(PODS, pod, {**pod["status"], "conditions": conditions})


def _nature(node: Obj | None) -> Any:
    """What of a node decides on pods; its heartbeats change nothing of it."""
    if node is None:
        return None
    ready = [c["status"] for c in node["status"].get("conditions") or [] if c["type"] == "Ready"]
    spec = (node["spec"].get("taints"), node["spec"].get("unschedulable"))
    return ready, spec, node["status"].get("allocatable"), node["metadata"].get("labels")
