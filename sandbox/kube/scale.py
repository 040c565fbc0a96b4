"""The subresource scale: replicas of a Deployment or ReplicaSet as an object of their own."""

from __future__ import annotations

from typing import Any

from sandbox.kube.cells import labels
from sandbox.kube.errors import conflict
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
    """The workload with the replicas that a Scale asks for."""
    meta = obj["metadata"]
    if scale["metadata"].get("resourceVersion") not in (None, "", meta["resourceVersion"]):
        raise conflict("apps", obj["kind"].lower() + "s", meta["name"])
    return {**obj, "spec": {**obj["spec"], "replicas": (scale.get("spec") or {}).get("replicas", 0)}}
