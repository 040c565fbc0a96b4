"""The rules of objects: those whose breach a chart or a client could run into. Everything else is taken as it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from sandbox.kube import names
from sandbox.kube.access_rules import ACCESS
from sandbox.kube.errors import Cause, bad_request, invalid
from sandbox.kube.fixed import fixed_problems
from sandbox.kube.kinds import Resource
from sandbox.kube.mounted_rules import MOUNTED
from sandbox.kube.pod_rules import pod_problems
from sandbox.kube.schemas import schema_problems
from sandbox.kube.selectors import matches_labels
from sandbox.kube.service_rules import service_problems, service_status_problems
from sandbox.kube.signal_rules import SIGNALS

Obj = dict[str, Any]
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_OF_KINDS = {**ACCESS, **MOUNTED, **SIGNALS}
_WORKLOADS = ("deployments", "daemonsets", "replicasets")


def check_shape(resource: Resource, obj: Any) -> None:
    """The body is an object of the kind that the path says; StatusError 400 otherwise."""
    if not isinstance(obj, dict) or not isinstance(obj.get("metadata") or {}, dict):
        raise bad_request("the request body is not an object")


def validate(resource: Resource, obj: Obj, old: Obj | None) -> None:
    """StatusError 422 where the object breaks a rule that is held here."""
    causes = metadata_problems(resource, obj)
    spec = obj.get("spec") or {}
    if resource.custom:
        causes += schema_problems(obj, resource.schema or {})
    elif resource.group == "apps" and resource.plural in _WORKLOADS:
        causes += _workload_problems(resource, spec)
    elif resource.key == ("batch", "jobs"):
        causes += _job_problems(spec)
    elif resource.key == ("", "pods"):
        causes += pod_problems(spec, "spec.")
    elif resource.key == ("", "services"):
        causes += service_problems(spec) + service_status_problems(obj.get("status") or {})
    elif found := _OF_KINDS.get(resource.key):
        causes += found(obj)
    if old:
        causes += fixed_problems(resource, obj, old)
    if causes:
        raise invalid(resource.group, resource.kind, obj["metadata"]["name"], causes)


def metadata_problems(resource: Resource, obj: Obj) -> list[Cause]:
    """What is wrong with names, labels, annotations, finalizers and owners."""
    meta = obj["metadata"]
    causes: list[Cause] = []
    rule = _name_rule(resource)
    if meta.get("generateName"):
        told = rule(meta["generateName"].rstrip("-") + "a")
        causes += [("metadata.generateName", f'Invalid value: "{meta["generateName"]}": {problem}') for problem in told]
    if not meta.get("name"):
        causes.append(("metadata.name", "Required value: name or generateName is required"))
    else:
        causes += [("metadata.name", f'Invalid value: "{meta["name"]}": {problem}') for problem in rule(meta["name"])]
    for key, value in (meta.get("labels") or {}).items():
        causes += _about("metadata.labels", key, names.qualified_name_problems(key))
        causes += _about("metadata.labels", value, names.label_value_problems(value))
    for key in meta.get("annotations") or {}:
        causes += _about("metadata.annotations", key, names.qualified_name_problems(key.lower()))
    causes += _finalizer_problems("metadata.finalizers", meta.get("finalizers") or [])
    if resource.key == ("", "namespaces"):
        causes += _finalizer_problems("spec.finalizers", obj["spec"].get("finalizers") or [])
    for owner in meta.get("ownerReferences") or []:
        causes += _owner_problems(owner)
    return causes


def _about(field: str, value: str, problems: list[str]) -> list[Cause]:
    return [(field, f'Invalid value: "{value}": {problem}') for problem in problems]


def _finalizer_problems(field: str, finalizers: list[str]) -> list[Cause]:
    told = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        (f"{field}[{place}]", f'Invalid value: "{name}": {told}')
        for place, name in enumerate(finalizers)
        if "/" not in name and name not in _STANDARD_FINALIZERS
    ]


def _owner_problems(owner: Obj) -> list[Cause]:
    empty = {"apiVersion": "version must not be empty"}
    empty |= {"kind": "must not be empty", "name": "must not be empty", "uid": "must not be empty"}
    return [
        (f"metadata.ownerReferences.{field}", f'Invalid value: "": {told}')
        for field, told in empty.items()
        if not owner.get(field)
    ]


def _name_rule(resource: Resource) -> Callable[[str], list[str]]:
    if resource.group == "rbac.authorization.k8s.io":
        return names.path_problems
    if resource.key == ("", "services"):
        return names.service_name_problems
    return names.dns_label_problems if resource.key == ("", "namespaces") else names.subdomain_problems


def _workload_problems(resource: Resource, spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    selector, labels = spec.get("selector"), spec["template"]["metadata"].get("labels")
    if (spec.get("replicas") or 0) < 0:
        causes.append(("spec.replicas", f"Invalid value: {spec['replicas']}: must be greater than or equal to 0"))
    strategy = spec.get("strategy") or {"type": "Recreate"}
    if selector is None:
        causes.append(("spec.selector", "Required value"))
    elif not (selector.get("matchLabels") or selector.get("matchExpressions")):
        kind = resource.kind.lower()
        causes.append(("spec.selector", f"Invalid value: {{}}: empty selector is invalid for {kind}"))
        selector = None if kind == "deployment" else selector
    if (selector is None and spec.get("selector") is None) or (selector and not matches_labels(selector, labels)):
        told = orjson.dumps(labels, option=orjson.OPT_SORT_KEYS).decode()
        why = f"Invalid value: {told}: `selector` does not match template `labels`"
        causes.append(("spec.template.metadata.labels", why))
    if strategy["type"] not in ("Recreate", "RollingUpdate"):
        told = f'{{"Type":"{strategy["type"]}","RollingUpdate":null}}'
        why = f'Unsupported value: {told}: supported values: "Recreate", "RollingUpdate"'
        causes.append(("spec.strategy", why))
    causes += pod_problems(spec["template"]["spec"], "spec.template.spec.")
    again = spec["template"]["spec"].get("restartPolicy", "Always")
    if again != "Always":
        why = f'Unsupported value: "{again}": supported values: "Always"'
        causes.append(("spec.template.spec.restartPolicy", why))
    return causes


def _job_problems(spec: Obj) -> list[Cause]:
    template = spec["template"]["spec"]
    causes = pod_problems(template, "spec.template.spec.")
    if template.get("restartPolicy") == "Always":
        why = 'Required value: valid values: "OnFailure", "Never"'
        causes.append(("spec.template.spec.restartPolicy", why))
    return causes
