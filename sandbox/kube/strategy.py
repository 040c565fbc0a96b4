"""What the server fills in as it stores an object: it knows the name and uid by then, and nobody owns these fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.kube.apply import now
from sandbox.kube.defaults import fill

Obj = dict[str, Any]
CLAIM_PROTECTION, VOLUME_PROTECTION = "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"
_UNREACHABLE = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def _pod(pod: Obj) -> None:
    spec = pod["spec"]
    fill(spec, priority=0, preemptionPolicy="PreemptLowerPriority")
    tolerations = spec.setdefault("tolerations", [])
    for key in _UNREACHABLE:
        if not any(t.get("key") in (key, None) and t.get("effect") in ("NoExecute", None) for t in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    fill(pod.setdefault("status", {}), phase="Pending", qosClass=_quality(spec))


def _quality(spec: Obj) -> str:
    """The pod's quality of service class."""
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    resources = [c["resources"] for c in containers]
    if not any(r.get("requests") or r.get("limits") for r in resources):
        return "BestEffort"
    full = all(
        {"cpu", "memory"} <= (r.get("limits") or {}).keys() and r.get("requests") == r["limits"] for r in resources
    )
    return "Guaranteed" if full else "Burstable"


def _job(job: Obj) -> None:
    spec, meta = job["spec"], job["metadata"]
    if spec["manualSelector"]:
        return
    fill(spec, selector={"matchLabels": {"batch.kubernetes.io/controller-uid": meta["uid"]}})
    labels = spec["template"]["metadata"].get("labels") or {}
    for prefix in ("", "batch.kubernetes.io/"):
        labels |= {f"{prefix}controller-uid": meta["uid"], f"{prefix}job-name": meta["name"]}
    spec["template"]["metadata"]["labels"] = labels
    fill(meta, labels=dict(labels))


def _namespace(namespace: Obj) -> None:
    if "deletionTimestamp" not in namespace["metadata"]:
        fill(namespace["spec"], finalizers=["kubernetes"])
    fill(namespace.setdefault("status", {}), phase="Active")


def _service(service: Obj) -> None:
    if service["spec"]["type"] != "ExternalName":
        fill(service["spec"], ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")


def _claim(claim: Obj) -> None:
    fill(claim.setdefault("status", {}), phase="Pending")


def _volume(volume: Obj) -> None:
    fill(volume.setdefault("status", {}), phase="Pending", lastPhaseTransitionTime=now())


_FILLED: dict[tuple[str, str], Callable[[Obj], None]] = {
    ("", "namespaces"): _namespace,
    ("", "persistentvolumeclaims"): _claim,
    ("", "persistentvolumes"): _volume,
    ("", "pods"): _pod,
    ("", "services"): _service,
    ("batch", "jobs"): _job,
}


def fill_in(group: str, resource: str, obj: Obj) -> None:
    """Fill in, in place, what the server fills in when it stores."""
    if found := _FILLED.get((group, resource)):
        found(obj)
