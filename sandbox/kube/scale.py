"""The subresource scale: replicas of a Deployment or ReplicaSet as an object of their own."""

from __future__ import annotations

from typing import Any

from sandbox.kube.cells import labels
from sandbox.kube.errors import conflict, invalid
from sandbox.kube.kinds import Resource

Obj = dict[str, Any]
SCALE = Resource("autoscaling", "v1", "scales", "Scale", True)


def scale_of(obj: Obj) -> Obj:
    """The Scale object of a workload."""
    named = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: obj["metadata"][key] for key in named},
        "spec": {"replicas": replicas} if (replicas := obj["spec"].get("replicas", 0)) else {},
        "status": {"replicas": obj["status"].get("replicas", 0), "selector": labels(obj["spec"]["selector"])},
    }


def apply_scale(obj: Obj, scale: Obj) -> Obj:
    """The workload with the replicas that a Scale asks for; StatusError 409 or 422 where it cannot have them."""
    meta = obj["metadata"]
    if scale["metadata"].get("resourceVersion") not in (None, "", meta["resourceVersion"]):
        raise conflict("apps", obj["kind"].lower() + "s", meta["name"])
    return {**obj, "spec": {**obj["spec"], "replicas": replicas_of(scale)}}


def replicas_of(scale: Obj) -> int:
    """How many a Scale asks for; StatusError 422 for less than none."""
    replicas = int((scale.get("spec") or {}).get("replicas") or 0)
    if replicas < 0:
        why = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid(SCALE.group, SCALE.kind, scale["metadata"]["name"], [("spec.replicas", why)])
    return replicas
