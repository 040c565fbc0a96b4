"""How an object goes: at once, when its node has confirmed, or when the last finalizer is taken away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.kube.errors import conflict
from sandbox.kube.kinds import Resource

Obj = dict[str, Any]
_PRECONDITIONS = (
    ("uid", "UID", "The object might have been deleted and then recreated"),
    ("resourceVersion", "ResourceVersion", "The object might have been modified"),
)


def check_preconditions(resource: Resource, obj: Obj, preconditions: Obj) -> None:
    """StatusError 409 where the object is not the one that is meant."""
    for field, told, perhaps in _PRECONDITIONS:
        asked, have = preconditions.get(field), obj["metadata"][field]
        if asked and asked != have:
            why = f"the {told} in the precondition ({asked}) does not match the {told} in record ({have}). {perhaps}"
            raise conflict(resource.group, resource.kind, obj["metadata"]["name"], why)


def marked(resource: Resource, old: Obj, options: Obj) -> Obj:
    """The object as one that is being deleted; what it says already stays, but for a shorter time."""
    meta = dict(old["metadata"])
    finalizers = _with_policy(resource, list(meta.get("finalizers") or []), options)
    grace = _grace_period(resource, old, options.get("gracePeriodSeconds"))
    if "deletionTimestamp" not in meta or grace < meta.get("deletionGracePeriodSeconds", 0):
        ends = datetime.now(UTC) + timedelta(seconds=grace)
        meta["deletionTimestamp"] = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
        meta["deletionGracePeriodSeconds"] = grace
    if finalizers:
        meta["finalizers"] = finalizers
    if "generation" in meta and "deletionTimestamp" not in old["metadata"]:
        meta["generation"] += 1
    going = {**old, "metadata": meta}
    if resource.key == ("", "namespaces"):
        going["status"] = {**old["status"], "phase": "Terminating"}
        meta.pop("deletionGracePeriodSeconds", None)
    return going


def _with_policy(resource: Resource, finalizers: list[str], options: Obj) -> list[str]:
    """Finalizers with the one that the propagation policy asks for; a Job orphans its pods unless told otherwise."""
    policy = options.get("propagationPolicy") or ("Orphan" if resource.key == ("batch", "jobs") else "Background")
    if options.get("orphanDependents") is not None:
        policy = "Orphan" if options["orphanDependents"] else "Background"
    wanted = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}.get(policy)
    if wanted and wanted not in finalizers:
        finalizers.append(wanted)
    return finalizers


def _grace_period(resource: Resource, obj: Obj, asked: int | None) -> int:
    """Seconds that a pod gets; 0 for everything else, and for pods that no node runs."""
    if resource.key != ("", "pods"):
        return 0
    if not obj["spec"].get("nodeName") or obj["status"].get("phase") in ("Succeeded", "Failed"):
        return 0
    return obj["spec"]["terminationGracePeriodSeconds"] if asked is None else asked


def is_gone(resource: Resource, obj: Obj) -> bool:
    """Whether nothing holds a deleted object any more."""
    if obj["metadata"].get("finalizers"):
        return False
    if resource.key == ("", "namespaces"):
        return not obj["spec"].get("finalizers")
    return not obj["metadata"].get("deletionGracePeriodSeconds")
