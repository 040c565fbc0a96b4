"""Label and field selectors, in the query's notation and as objects carry them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sandbox.kube.errors import bad_request
from sandbox.kube.kinds import Resource
from sandbox.kube.label_selectors import parse

Match = Callable[[dict[str, Any]], bool]
_EQUAL = re.compile(r"^([^=!\s]+)\s*(==|=|!=)\s*(.*)$")
_METADATA = ("metadata.name", "metadata.namespace")
# What objects can be chosen by besides; of some kinds a wrong field is told in other words.
_FIELDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "events"): (
        *(
            f"involvedObject.{field}"
            for field in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
        ),
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    ("", "namespaces"): ("status.phase",),
    ("", "nodes"): ("spec.unschedulable",),
    ("", "pods"): (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    ("", "secrets"): ("type",),
    ("", "services"): ("spec.clusterIP", "spec.type"),
    ("batch", "jobs"): ("status.successful",),
}
_BOOLEANS = ("spec.hostNetwork", "spec.unschedulable")


def everything(_: dict[str, Any]) -> bool:
    """The empty selector."""
    return True


def label_selector(text: str) -> Match:
    """What the query's labelSelector selects among objects."""
    terms = parse(text)
    if not terms:
        return everything

    def match(obj: dict[str, Any]) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(term(labels) for term in terms)

    return match


def field_selector(text: str, resource: Resource) -> Match:
    """What the query's fieldSelector selects among objects of a resource; StatusError 400 for a field it has not."""
    terms = []
    for term in filter(None, (t.strip() for t in text.split(","))):
        found = _EQUAL.match(term)
        if not found:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        path, operator, value = found.groups()
        _check_field(path, resource)
        terms.append((path, operator != "!=", value))

    def match(obj: dict[str, Any]) -> bool:
        return all((_field(obj, path) == value) == wanted for path, wanted, value in terms)

    return match if terms else everything


def _check_field(path: str, resource: Resource) -> None:
    if path in _METADATA or path in _FIELDS.get(resource.key, ()):
        return
    if resource.kind == "Job":
        raise bad_request(f'field label "{path}" not supported for Job')
    if resource.key in _FIELDS or resource.custom:
        raise bad_request(f"field label not supported: {path}")
    known = ", ".join(f'"{name}"' for name in _METADATA)
    raise bad_request(f'"{path}" is not a known field selector: only {known}')


def _field(obj: Any, path: str) -> str:
    missing = "false" if path in _BOOLEANS else ""
    if path == "source":  # an event's is the component that tells
        path = "source.component"
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    if isinstance(obj, bool):
        return str(obj).lower()
    return missing if obj is None else str(obj)


def matches_labels(selector: dict[str, Any], labels: dict[str, str] | None) -> bool:
    """Whether a LabelSelector object (matchLabels, matchExpressions) selects these labels."""
    labels = labels or {}
    if any(labels.get(k) != v for k, v in (selector.get("matchLabels") or {}).items()):
        return False
    return all(matches_expression(e, labels) for e in selector.get("matchExpressions") or [])


def matches_expression(expression: dict[str, Any], labels: dict[str, str]) -> bool:
    """One requirement of a label selector or a node selector."""
    key, operator, values = expression["key"], expression["operator"], expression.get("values") or []
    have = labels.get(key)
    if operator == "In":
        return have in values
    if operator == "NotIn":
        return have not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    if have is None or not have.lstrip("-").isdigit():
        return False
    return int(have) > int(values[0]) if operator == "Gt" else int(have) < int(values[0])
