"""The rules whose breach a chart or a client could run into; everything else is taken as it comes."""

from __future__ import annotations

import re
from typing import Any

import orjson

from sandbox.kube.errors import StatusError, bad_request, invalid
from sandbox.kube.kinds import Resource
from sandbox.kube.selectors import matches_labels

Obj = dict[str, Any]
_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_FIXED: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "persistentvolumeclaims"): ("spec.accessModes", "spec.storageClassName", "spec.volumeMode"),
    ("", "secrets"): ("type",),
    ("apps", "daemonsets"): ("spec.selector",),
    ("apps", "deployments"): ("spec.selector",),
    ("batch", "jobs"): ("spec.selector", "spec.completions", "spec.template"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"): ("roleRef",),
    ("rbac.authorization.k8s.io", "rolebindings"): ("roleRef",),
    ("storage.k8s.io", "storageclasses"): ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"),
}


def check_shape(resource: Resource, obj: Any) -> None:
    """The body is an object of the kind that the path says; StatusError 400 otherwise."""
    if not isinstance(obj, dict) or not isinstance(obj.get("metadata", {}), dict):
        raise bad_request("the request body is not an object")
    if (
        obj.get("kind", resource.kind) != resource.kind
        or obj.get("apiVersion", resource.group_version) != resource.group_version
    ):
        told = f"{obj.get('apiVersion')}, Kind={obj.get('kind')}"
        raise bad_request(f"the object provided is unrecognized (must be of type {resource.kind}): got {told}")


def validate(resource: Resource, obj: Obj, old: Obj | None) -> None:
    """StatusError 422 where the object breaks a rule that is held here."""
    name = obj["metadata"]["name"]
    causes = [] if old else _name_problems(resource, name)
    causes += _label_problems(obj)
    spec = obj.get("spec") or {}
    if resource.key in (("apps", "deployments"), ("apps", "daemonsets"), ("apps", "replicasets")):
        causes += _selector_problems(spec)
    if resource.key == ("", "pods"):
        causes += _container_problems(spec, "spec.")
    elif "template" in spec and not resource.custom:
        causes += _container_problems(spec["template"]["spec"], "spec.template.spec.")
    if resource.key == ("", "services"):
        causes += _service_problems(spec)
    if old:
        causes += [(path, _fixed(obj, path)) for path in _FIXED.get(resource.key, ()) if _changed(old, obj, path)]
    if causes:
        raise invalid(resource.group, resource.kind, name, causes)


def _name_problems(resource: Resource, name: str) -> list[tuple[str, str]]:
    if resource.group == "rbac.authorization.k8s.io" or (_NAME.match(name) and len(name) <= 253):
        return []
    return [("metadata.name", f'Invalid value: "{name}": {_NAME_RULE}')]


def _label_problems(obj: Obj) -> list[tuple[str, str]]:
    causes = []
    for field in ("labels", "annotations"):
        for key, value in (obj["metadata"].get(field) or {}).items():
            if not isinstance(value, str):
                raise StatusError(
                    400, "BadRequest", f"cannot unmarshal {key!r} in metadata.{field}: it must be a string"
                )
            if field == "labels" and len(value) > 63:
                causes.append(("metadata.labels", f'Invalid value: "{value}": must be no more than 63 characters'))
    return causes


def _selector_problems(spec: Obj) -> list[tuple[str, str]]:
    selector = spec.get("selector")
    if not selector:
        return [("spec.selector", "Required value")]
    labels = spec["template"]["metadata"].get("labels") or {}
    if matches_labels(selector, labels):
        return []
    told = orjson.dumps(labels).decode()
    return [("spec.template.metadata.labels", f"Invalid value: {told}: `selector` does not match template `labels`")]


def _container_problems(spec: Obj, prefix: str) -> list[tuple[str, str]]:
    if not spec.get("containers"):
        return [(f"{prefix}containers", "Required value")]
    causes = []
    for index, container in enumerate(spec["containers"]):
        causes += [
            (f"{prefix}containers[{index}].{f}", "Required value") for f in ("name", "image") if not container.get(f)
        ]
    return causes


def _service_problems(spec: Obj) -> list[tuple[str, str]]:
    headless = spec.get("clusterIP") == "None" or spec["type"] == "ExternalName"
    ports = spec.get("ports") or []
    if not ports and not headless:
        return [("spec.ports", "Required value")]
    if len(ports) > 1:
        return [(f"spec.ports[{i}].name", "Required value") for i, port in enumerate(ports) if not port.get("name")]
    return []


def _changed(old: Obj, new: Obj, path: str) -> bool:
    before, after = _at(old, path), _at(new, path)
    # A claim's class is set once by whoever finds the default; that is no change.
    return before is not None and before != after


def _fixed(obj: Obj, path: str) -> str:
    return f"Invalid value: {orjson.dumps(_at(obj, path)).decode()}: field is immutable"


def _at(obj: Any, path: str) -> Any:
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj
