"""What may not change once an object is there."""

from __future__ import annotations

from typing import Any

import orjson

from sandbox.kube.errors import Cause
from sandbox.kube.kinds import Resource

Obj = dict[str, Any]
_FIXED: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "secrets"): ("type",),
    ("apps", "daemonsets"): ("spec.selector",),
    ("apps", "deployments"): ("spec.selector",),
    ("apps", "replicasets"): ("spec.selector",),
    ("batch", "jobs"): ("spec.selector", "spec.completions", "spec.template.spec"),
    ("storage.k8s.io", "storageclasses"): ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"),
}
_SETTLED = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
_POD_MAY_CHANGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def fixed_problems(resource: Resource, obj: Obj, old: Obj) -> list[Cause]:
    """What has been changed that may not be; without the comparison of its own types that the real server adds."""
    causes = _finalizer_problems(obj, old)
    if resource.key in (("", "configmaps"), ("", "secrets")) and old.get("immutable"):
        causes += _sealed_problems(obj, old)
    for path in _FIXED.get(resource.key, ()):
        before, after = _at(old, path), _at(obj, path)
        if before is not None and before != after:
            causes.append((path, f"Invalid value: {_told(after)}: field is immutable"))
    if resource.group == "rbac.authorization.k8s.io" and obj.get("roleRef") != old.get("roleRef"):
        role = {"APIGroup": obj["roleRef"]["apiGroup"], "Kind": obj["roleRef"]["kind"], "Name": obj["roleRef"]["name"]}
        causes.append(("roleRef", f"Invalid value: {_told(role)}: cannot change roleRef"))
    if resource.key == ("", "persistentvolumeclaims") and _claim_differs(obj, old):
        causes.append(("spec", f"Forbidden: {_SETTLED}"))
    if resource.key == ("", "pods") and _pod_shape(obj) != _pod_shape(old):
        causes.append(("spec", f"Forbidden: {_POD_MAY_CHANGE}"))
    return causes


def _finalizer_problems(obj: Obj, old: Obj) -> list[Cause]:
    had, has = (o["metadata"].get("finalizers") or [] for o in (old, obj))
    added = [name for name in has if name not in had]
    if "deletionTimestamp" not in old["metadata"] or not added:
        return []
    told = ", ".join(f'"{name}"' for name in added)
    why = "no new finalizers can be added if the object is being deleted, found new finalizers"
    return [("metadata.finalizers", f"Forbidden: {why} []string{{{told}}}")] * 2  # the real server tells it twice


def _sealed_problems(obj: Obj, old: Obj) -> list[Cause]:
    told = "Forbidden: field is immutable when `immutable` is set"
    return [(field, told) for field in ("immutable", "data", "binaryData") if obj.get(field) != old.get(field)]


def _claim_differs(claim: Obj, old: Obj) -> bool:
    """A claim's class may be filled in later, its volume is found later, and a bound claim may grow."""
    free = {"volumeName", "storageClassName", *(("resources",) if old["status"].get("phase") == "Bound" else ())}
    before, after = ({k: v for k, v in c["spec"].items() if k not in free} for c in (old, claim))
    had = old["spec"].get("storageClassName")
    return before != after or had not in (None, claim["spec"].get("storageClassName"))


def _pod_shape(pod: Obj) -> Obj:
    spec = {k: v for k, v in pod["spec"].items() if k not in ("activeDeadlineSeconds", "tolerations", "nodeName")}
    for field in ("containers", "initContainers"):
        spec[field] = [{k: v for k, v in c.items() if k != "image"} for c in spec.get(field) or []]
    return spec


def _told(value: Any) -> str:
    return orjson.dumps(value).decode()


def _at(obj: Any, path: str) -> Any:
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj
