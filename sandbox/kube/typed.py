"""What is wrong with the values of an applied object, in the words of the library that a real server applies with."""

from __future__ import annotations

import json
from typing import Any

from sandbox.kube.fields import item_step, spoken
from sandbox.kube.patches import go_map
from sandbox.kube.types import Type

_NUMBERS = ("int32", "int64", "integer", "number")
_TEXTS = ("string", "bytes", "time")


def typed_problem(value: Any, told: Type, path: str = "") -> str:
    """The first value that is not of its field's type, or field that there is none of; empty if all is well."""
    if value is None or told.kind == "any":
        return ""
    if told.kind in ("object", "map"):
        return _of_map(value, told, path)
    if told.kind == "list":
        return _of_list(value, told, path)
    if told.kind in _TEXTS and not isinstance(value, str):
        return f"{path}: expected string, got &value.valueUnstructured{{Value:{_go_value(value)}}}"
    if told.kind == "boolean" and not isinstance(value, bool):
        return f"{path}: expected boolean, got &{{{go_map(value)}}}"
    if told.kind in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
        return f"{path}: expected numeric (int or float), got {_go_type(value)}"
    return ""


def _of_map(value: Any, told: Type, path: str) -> str:
    if not isinstance(value, dict):
        return f"{path}: expected map, got &{{{go_map(value)}}}"
    for name, inner in value.items():
        kind = told.field(name)
        if kind is None:
            return f"{path}.{name}: field not declared in schema"
        if problem := typed_problem(inner, kind, f"{path}.{name}"):
            return problem
    return ""


def _of_list(value: Any, told: Type, path: str) -> str:
    if not isinstance(value, list):
        return f"{path}: expected list, got &{{{go_map(value)}}}"
    for place, item in enumerate(value):
        if told.keys and not isinstance(item, dict):
            return f"{path}: element {place}: associative list with keys may not have non-map elements"
        step = spoken((item_step(item, told),)) if told.keys else f"[{place}]"
        if problem := typed_problem(item, told.items, path + step):
            return problem
    return ""


def _go_value(value: Any) -> str:
    """As Go prints a value with its types."""
    if isinstance(value, dict):
        inner = ", ".join(f'"{key}":{_go_value(item)}' for key, item in sorted(value.items()))
        return f"map[string]interface {{}}{{{inner}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(_go_value, value))}}}"
    return json.dumps(value)


def _go_type(value: Any) -> str:
    if isinstance(value, dict | list):
        return "map[string]interface {}" if isinstance(value, dict) else "[]interface {}"
    return "bool" if isinstance(value, bool) else "string"
