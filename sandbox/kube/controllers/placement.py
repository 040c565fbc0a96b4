"""Where a pod may run, as pure functions over a pod's spec and nodes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.kube.quantities import quantity
from sandbox.kube.selectors import matches_expression

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Room:
    """Cores, bytes of memory and number of pods: what a node has, or what pods take of it."""

    cpu: Decimal
    memory: Decimal
    pods: int

    def __add__(self, other: Room) -> Room:
        return Room(self.cpu + other.cpu, self.memory + other.memory, self.pods + other.pods)


NOTHING = Room(Decimal(0), Decimal(0), 0)


def needs(spec: Obj) -> Room:
    """What a pod requests: its containers together, or its largest init container."""

    def of(container: Obj, name: str) -> Decimal:
        return quantity(((container.get("resources") or {}).get("requests") or {}).get(name))

    def total(name: str) -> Decimal:
        first = max((of(c, name) for c in spec.get("initContainers") or []), default=Decimal(0))
        return max(first, sum((of(c, name) for c in spec["containers"]), Decimal(0)))

    return Room(total("cpu"), total("memory"), 1)


def allocatable(node: Obj) -> Room:
    """What a node has for pods."""
    status = node["status"]
    has = status.get("allocatable") or status.get("capacity") or {}
    return Room(quantity(has.get("cpu")), quantity(has.get("memory")), int(has.get("pods", 110)))


def fits_labels(spec: Obj, node: Obj) -> bool:
    """Whether the node has the labels (and the name) that nodeSelector and required node affinity ask for."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(k) != v for k, v in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    fields = {"metadata.name": node["metadata"]["name"]}
    return required is None or any(
        all(matches_expression(e, labels) for e in term.get("matchExpressions") or [])
        and all(matches_expression(e, fields) for e in term.get("matchFields") or [])
        for term in required["nodeSelectorTerms"]
    )


def taints_of(node: Obj) -> list[Obj]:
    """A node's taints, and those that its state amounts to."""
    taints = list(node["spec"].get("taints") or [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions") or [])
    if not ready and not any(t["key"] == "node.kubernetes.io/not-ready" for t in taints):
        taints.append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})
    if node["spec"].get("unschedulable"):
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    return taints


def untolerated_taint(spec: Obj, node: Obj) -> str | None:
    """The first taint that keeps the pod away, as the scheduler words it."""
    for taint in taints_of(node):
        if taint["effect"] != "PreferNoSchedule" and not any(
            _tolerates(t, taint) for t in spec.get("tolerations") or []
        ):
            return f"{{{taint['key']}: {taint.get('value', '')}}}"
    return None


def _tolerates(toleration: Obj, taint: Obj) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]) or toleration.get("key") not in (
        None,
        "",
        taint["key"],
    ):
        return False
    return toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")


def refusal(spec: Obj, node: Obj, used: Room) -> list[str]:
    """Why the node does not take the pod, in the scheduler's words; empty if it does."""
    if taint := untolerated_taint(spec, node):
        if taint == "{node.kubernetes.io/unschedulable: }":
            return ["node(s) were unschedulable"]
        return [f"node(s) had untolerated taint {taint}"]
    if not fits_labels(spec, node):
        return ["node(s) didn't match Pod's node affinity/selector"]
    after, has = used + needs(spec), allocatable(node)
    wanted = needs(spec)
    reasons = []
    if after.pods > has.pods:
        reasons.append("Too many pods")
    if wanted.cpu and after.cpu > has.cpu:
        reasons.append("Insufficient cpu")
    if wanted.memory and after.memory > has.memory:
        reasons.append("Insufficient memory")
    return reasons


def unschedulable_message(reasons: list[list[str]], roomy: int) -> str:
    """The scheduler's sentence about all nodes; `roomy` is how many would take the pod if no other ran there."""
    if not reasons:
        return "no nodes available to schedule pods"
    counted = Counter(reason for of_node in reasons for reason in of_node)
    told = ", ".join(sorted(f"{count} {reason}" for reason, count in counted.items()))
    total = len(reasons)
    victims = [f"{roomy} No preemption victims found for incoming pod"] if roomy else []
    victims += [f"{total - roomy} Preemption is not helpful for scheduling"] if total > roomy else []
    tried = f"no new claims to deallocate, preemption: 0/{total} nodes are available: {', '.join(victims)}."
    return f"0/{total} nodes are available: {told}. {tried}"
