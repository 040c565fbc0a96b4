"""Label and field selectors, in the query's notation and as objects carry them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sandbox.kube.errors import bad_request

Match = Callable[[dict[str, Any]], bool]
_IN = re.compile(r"^(\S+)\s+(in|notin)\s*\(([^)]*)\)$")
_EQUAL = re.compile(r"^([^=!\s]+)\s*(==|=|!=)\s*(.*)$")


def everything(_: dict[str, Any]) -> bool:
    """The empty selector."""
    return True


def label_selector(text: str) -> Match:
    """What the query's labelSelector selects among objects."""
    terms = [_label_term(term.strip()) for term in re.split(r",(?![^(]*\))", text) if term.strip()]
    if not terms:
        return everything

    def match(obj: dict[str, Any]) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(term(labels) for term in terms)

    return match


def _label_term(term: str) -> Match:
    if found := _IN.match(term):
        key, operator, listed = found.groups()
        values = {value.strip() for value in listed.split(",")}
        return lambda labels: (labels.get(key) in values) if operator == "in" else (labels.get(key) not in values)
    if found := _EQUAL.match(term):
        key, operator, value = found.groups()
        return lambda labels: (labels.get(key) == value) == (operator != "!=")
    if term.startswith("!"):
        return lambda labels: term[1:].strip() not in labels
    if " " in term:
        raise bad_request(f"unable to parse requirement: {term}")
    return lambda labels: term in labels


def field_selector(text: str) -> Match:
    """What the query's fieldSelector selects; any dotted path is taken, a missing field is the empty string."""
    terms = []
    for term in filter(None, (t.strip() for t in text.split(","))):
        found = _EQUAL.match(term)
        if not found:
            raise bad_request(f"invalid field selector: {term}")
        path, operator, value = found.groups()
        terms.append((path.split("."), operator != "!=", value))

    def match(obj: dict[str, Any]) -> bool:
        return all((_field(obj, path) == value) == wanted for path, wanted, value in terms)

    return match if terms else everything


def _field(obj: Any, path: list[str]) -> str:
    for step in path:
        obj = obj.get(step) if isinstance(obj, dict) else None
    if isinstance(obj, bool):
        return str(obj).lower()
    return "" if obj is None else str(obj)


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
