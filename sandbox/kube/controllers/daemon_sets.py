"""DaemonSets: one pod on each node that takes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.kube.controllers.base import (
    DAEMON_SETS,
    NODES,
    PODS,
    Controller,
    Obj,
    is_active,
    is_going,
    is_ready,
    key_of,
    owner_key,
    pod_of,
    template_hash,
)
from sandbox.kube.controllers.placement import fits_labels, untolerated_taint
from sandbox.kube.store import Event

HASH = "controller-revision-hash"
_GENERATION = "deprecated.daemonset.template.generation"
_TOLERATED = {
    "NoExecute": ("not-ready", "unreachable"),
    "NoSchedule": ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"),
}


class DaemonSets(Controller):
    """Makes one pod a node, tied to it by node affinity as the real controller does; replaces outdated ones singly."""

    component = "daemonset-controller"

    def keys(self, event: Event) -> Iterable[Any]:
        """The DaemonSet itself, that of a pod, or all of them when nodes come, go or change their labels and taints."""
        if event.kind == DAEMON_SETS:
            return [key_of(event.object)]
        if event.kind == PODS:
            return owner_key(event.object, "DaemonSet")
        if event.kind == NODES and _nature(event.object) != _nature(event.previous):
            return [key_of(o) for o in self.list(DAEMON_SETS)]
        return [key_of(o) for o in self.list(DAEMON_SETS)] if event.kind == NODES and event.type != "MODIFIED" else []

    def reconcile(self, key: tuple[str, str]) -> None:
        """A pod where one lacks, none where none belongs, then report."""
        daemon_set = self.get(DAEMON_SETS, *key)
        if daemon_set is None or is_going(daemon_set):
            return
        template = daemon_set["spec"]["template"]
        mark = template_hash(template)
        nodes = {n["metadata"]["name"] for n in self.list(NODES) if _takes(n, template["spec"])}
        pods = {_node_of(p): p for p in self.owned(PODS, daemon_set) if is_active(p)}
        for node in sorted(nodes - pods.keys()):
            if not any(_node_of(p) == node and is_going(p) for p in self.owned(PODS, daemon_set)):
                labels = {HASH: mark, "pod-template-generation": daemon_set["metadata"]["annotations"][_GENERATION]}
                pod = self.create(PODS, key[0], _pinned(pod_of(template, daemon_set, labels), node))
                self.record(daemon_set, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        for node in pods.keys() - nodes:
            self.delete(PODS, pods[node])
        self._replace_outdated(daemon_set, [p for node, p in pods.items() if node in nodes], mark)
        self._report(daemon_set, len(nodes), mark)

    def _replace_outdated(self, daemon_set: Obj, pods: list[Obj], mark: str) -> None:
        outdated = [p for p in pods if p["metadata"]["labels"].get(HASH) != mark]
        current = [p for p in pods if p not in outdated]
        if outdated and all(is_ready(p) for p in current):
            self.delete(PODS, outdated[0])

    def _report(self, daemon_set: Obj, wanted: int, mark: str) -> None:
        pods = [p for p in self.owned(PODS, daemon_set) if is_active(p)]
        ready = sum(is_ready(p) for p in pods)
        status: Obj = {
            "currentNumberScheduled": len(pods),
            "desiredNumberScheduled": wanted,
            "numberMisscheduled": 0,
            "numberReady": ready,
            "observedGeneration": daemon_set["metadata"]["generation"],
        }
        updated = sum(p["metadata"]["labels"].get(HASH) == mark for p in pods)
        optional = {"numberAvailable": ready, "numberUnavailable": wanted - ready, "updatedNumberScheduled": updated}
        status |= {field: count for field, count in optional.items() if count}
        self.set_status(DAEMON_SETS, daemon_set, status)


def _nature(node: Obj | None) -> Any:
    return node and (node["metadata"].get("labels"), node["spec"].get("taints"))


def _takes(node: Obj, pod_spec: Obj) -> bool:
    return fits_labels(pod_spec, node) and untolerated_taint(_with_tolerations(pod_spec), node) is None


def _with_tolerations(pod_spec: Obj) -> Obj:
    """A daemon runs also where a node is not ready or does not take other pods."""
    added = [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect}
        for effect, names in _TOLERATED.items()
        for name in names
    ]
    return {**pod_spec, "tolerations": [*(pod_spec.get("tolerations") or []), *added]}


def _pinned(pod: Obj, node: str) -> Obj:
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    return {
        **pod,
        "spec": {**_with_tolerations(pod["spec"]), "affinity": {**(pod["spec"].get("affinity") or {}), **affinity}},
    }


def _node_of(pod: Obj) -> str:
    terms = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    return terms[0]["matchFields"][0]["values"][0]
