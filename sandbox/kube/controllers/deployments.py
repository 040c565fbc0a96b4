"""Deployments: one ReplicaSet for each pod template they have had, and the way from one to the next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sandbox.kube.apply import now
from sandbox.kube.controllers.base import (
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    Controller,
    Obj,
    controller_of,
    is_finished,
    is_going,
    key_of,
    owner_key,
    owner_reference,
    template_hash,
    with_condition,
)
from sandbox.kube.controllers.rollout import Size, resolve, rolling_sizes
from sandbox.kube.store import Event

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


class Deployments(Controller):
    """Rolls Deployments out. minReadySeconds is not known here."""

    component = "deployment-controller"

    def keys(self, event: Event) -> Iterable[Any]:
        """The Deployment itself, that of a ReplicaSet, that of a pod which is gone (Recreate waits for it)."""
        if event.kind == DEPLOYMENTS:
            return [key_of(event.object)]
        if event.kind == REPLICA_SETS:
            return owner_key(event.object, "Deployment")
        if event.kind == PODS and event.type == "DELETED":
            for namespace, name in owner_key(event.object, "ReplicaSet"):
                replica_set = self.get(REPLICA_SETS, namespace, name)
                return owner_key(replica_set, "Deployment") if replica_set else []
        return []

    def reconcile(self, key: tuple[str, str]) -> None:
        """Create the new ReplicaSet, size all of them, report."""
        deployment = self.get(DEPLOYMENTS, *key)
        if deployment is None or is_going(deployment):
            return
        self.adopt(REPLICA_SETS, deployment)
        owned = sorted(
            self.owned(REPLICA_SETS, deployment), key=lambda r: (r["metadata"]["creationTimestamp"], _revision(r))
        )
        new = next((r for r in owned if _same_template(deployment, r)), None)
        old = [r for r in owned if r is not new]
        created = new is None
        if deployment["spec"].get("paused") and new is None:
            self._report(deployment, None, old, created=False)
            return
        if new is None:
            new = self._create(deployment, self._sizes(deployment, _NOTHING, old)[0])
        revision = max([_revision(r) for r in old], default=0) + 1
        if _revision(new) < revision:
            new = self.update(REPLICA_SETS, _annotated(new, revision))
        if _revision(deployment) != _revision(new):
            deployment = self.update(DEPLOYMENTS, _annotated(deployment, _revision(new)))
        new_size, old_sizes = self._sizes(deployment, new, old)
        new = self._resize(deployment, new, new_size)
        old = [self._resize(deployment, r, size) for r, size in zip(old, old_sizes, strict=True)]
        self._report(deployment, new, old, created)
        self._clean_up(deployment, old)

    def _create(self, deployment: Obj, size: int) -> Obj:
        meta, spec = deployment["metadata"], deployment["spec"]
        template = spec["template"]
        mark = template_hash(template)
        labels = {**(template["metadata"].get("labels") or {}), HASH: mark}
        selector = spec["selector"]
        body = {
            "metadata": {
                "name": f"{meta['name']}-{mark}",
                "labels": labels,
                "annotations": {
                    **{k: v for k, v in (meta.get("annotations") or {}).items() if not k.startswith(_NOT_COPIED)},
                    **_limits(deployment),
                },
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {
                "replicas": size,
                "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), HASH: mark}},
                "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
            },
        }
        made = self.create(REPLICA_SETS, meta["namespace"], body)
        if size:
            self._tell_size(deployment, made, 0)
        return made

    def _sizes(self, deployment: Obj, new: Obj, old: list[Obj]) -> tuple[int, list[int]]:
        spec = deployment["spec"]
        if spec["strategy"]["type"] == "Recreate":
            uids = {r["metadata"]["uid"] for r in old}
            pods = self.list(PODS, deployment["metadata"]["namespace"])
            waits = any((controller_of(p) or {}).get("uid") in uids and not is_finished(p) for p in pods)
            return (new["spec"]["replicas"] if waits else spec["replicas"]), [0] * len(old)
        rolling = spec["strategy"]["rollingUpdate"]
        return rolling_sizes(
            spec["replicas"], _size(new), [_size(r) for r in old], rolling["maxSurge"], rolling["maxUnavailable"]
        )

    def _resize(self, deployment: Obj, replica_set: Obj, size: int) -> Obj:
        had = replica_set["spec"]["replicas"]
        annotations = {**replica_set["metadata"]["annotations"], **_limits(deployment)}
        if had == size and (not size or annotations == replica_set["metadata"]["annotations"]):
            return replica_set
        meta, spec = {**replica_set["metadata"], "annotations": annotations}, {**replica_set["spec"], "replicas": size}
        sized = self.update(REPLICA_SETS, {**replica_set, "metadata": meta, "spec": spec})
        if had != size:
            self._tell_size(deployment, sized, had)
        return sized

    def _tell_size(self, deployment: Obj, replica_set: Obj, had: int) -> None:
        size, name = replica_set["spec"]["replicas"], replica_set["metadata"]["name"]
        way = "up" if size > had else "down"
        self.record(deployment, "ScalingReplicaSet", f"Scaled {way} replica set {name} from {had} to {size}")

    def _report(self, deployment: Obj, new: Obj | None, old: list[Obj], created: bool) -> None:
        wanted, every = deployment["spec"]["replicas"], [new, *old] if new else old
        counts = {field: sum(r["status"].get(field, 0) for r in every) for field in _COUNTS}
        counts["updatedReplicas"] = new["status"].get("replicas", 0) if new else 0
        counts["unavailableReplicas"] = max(max(wanted, counts["replicas"]) - counts["availableReplicas"], 0)
        had = deployment.get("status") or {}
        before = {field: had.get(field, 0) for field in counts}
        conditions = list(had.get("conditions") or [])
        if deployment["spec"].get("paused"):
            conditions = with_condition(conditions, _PAUSED | {"lastUpdateTime": now()})
        available = _available(deployment, counts["availableReplicas"])
        if not any(c["type"] == "Available" and c["status"] == available["status"] for c in conditions):
            conditions = with_condition(conditions, available | {"lastUpdateTime": now()})
        if new and not deployment["spec"].get("paused"):
            conditions = self._progress(deployment, new, conditions, counts, moved=created or counts != before)
        status = {"observedGeneration": deployment["metadata"]["generation"], "conditions": conditions}
        status |= {field: count for field, count in counts.items() if count}
        status["terminatingReplicas"] = sum(r["status"].get("terminatingReplicas", 0) for r in every)
        self.set_status(DEPLOYMENTS, deployment, status)

    def _progress(
        self, deployment: Obj, new: Obj, conditions: list[Obj], counts: dict[str, int], moved: bool
    ) -> list[Obj]:
        """The condition Progressing: done, under way, or too long without a step."""
        wanted = deployment["spec"]["replicas"]
        name = new["metadata"]["name"]
        had = next((c for c in conditions if c["type"] == "Progressing"), None)
        if all(counts[field] == wanted for field in ("updatedReplicas", "replicas", "availableReplicas")):
            told = {"status": "True", "reason": "NewReplicaSetAvailable"}
            told["message"] = f'ReplicaSet "{name}" has successfully progressed.'
            if had and {k: had[k] for k in told} == told:
                return conditions
        elif moved or had is None or had["reason"] == "NewReplicaSetAvailable":
            told = {"status": "True", "reason": "ReplicaSetUpdated", "message": f'ReplicaSet "{name}" is progressing.'}
        else:
            left = deployment["spec"]["progressDeadlineSeconds"] - _seconds_since(had["lastUpdateTime"])
            if had["status"] == "False" or left > 0:
                if had["status"] == "True":
                    self.enqueue_in(key_of(deployment), left + 1)
                return conditions
            told = {"status": "False", "reason": "ProgressDeadlineExceeded"}
            told["message"] = f'ReplicaSet "{name}" has timed out progressing.'
        if told["reason"] == "ReplicaSetUpdated":
            self.enqueue_in(key_of(deployment), deployment["spec"]["progressDeadlineSeconds"] + 1)
        return with_condition(conditions, {"type": "Progressing", **told, "lastUpdateTime": now()})

    def _clean_up(self, deployment: Obj, old: list[Obj]) -> None:
        """Forget ReplicaSets beyond the revisions to be kept."""
        empty = [r for r in old if not r["spec"]["replicas"] and not r["status"].get("replicas")]
        excess = len(empty) - deployment["spec"]["revisionHistoryLimit"]
        for replica_set in sorted(empty, key=_revision)[: max(excess, 0)]:
            self.delete(REPLICA_SETS, replica_set)


_NOTHING: Obj = {"spec": {"replicas": 0}, "status": {}}
_PAUSED = {
    "type": "Progressing",
    "status": "Unknown",
    "reason": "DeploymentPaused",
    "message": "Deployment is paused",
}
_COUNTS = ("replicas", "readyReplicas", "availableReplicas")
_NOT_COPIED = ("kubectl.kubernetes.io/last-applied-configuration", REVISION)


def _same_template(deployment: Obj, replica_set: Obj) -> bool:
    template = replica_set["spec"]["template"]
    labels = {k: v for k, v in (template["metadata"].get("labels") or {}).items() if k != HASH}
    return deployment["spec"]["template"] == {**template, "metadata": {**template["metadata"], "labels": labels}}


def _revision(obj: Obj) -> int:
    return int((obj["metadata"].get("annotations") or {}).get(REVISION, 0))


def _annotated(obj: Obj, revision: int) -> Obj:
    annotations = {**(obj["metadata"].get("annotations") or {}), REVISION: str(revision)}
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def _limits(deployment: Obj) -> dict[str, str]:
    """What a ReplicaSet is told of its Deployment's size."""
    spec = deployment["spec"]
    surge = 0
    if spec["strategy"]["type"] == "RollingUpdate":
        surge = resolve(spec["strategy"]["rollingUpdate"]["maxSurge"], spec["replicas"], up=True)
    told = {"desired-replicas": spec["replicas"], "max-replicas": spec["replicas"] + surge}
    return {f"deployment.kubernetes.io/{name}": str(number) for name, number in told.items()}


def _size(replica_set: Obj) -> Size:
    return Size(replica_set["spec"]["replicas"], replica_set["status"].get("availableReplicas", 0))


def _available(deployment: Obj, available: int) -> Obj:
    spec = deployment["spec"]
    lacking = spec["replicas"]
    if spec["strategy"]["type"] == "RollingUpdate":
        lacking -= min(
            resolve(spec["strategy"]["rollingUpdate"]["maxUnavailable"], spec["replicas"], up=False), spec["replicas"]
        )
    enough = available >= lacking
    return {
        "type": "Available",
        "status": "True" if enough else "False",
        "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if enough else 'does not have'} minimum availability.",
    }


def _seconds_since(stamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds()
