"""The structural schema of a custom resource: its type, its defaults, and what it refuses.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from sandbox.kube.errors import Cause
from sandbox.kube.types import ANY, META, Type

Obj = dict[str, Any]
_SCALARS = {"string": "string", "integer": "int64", "number": "number", "boolean": "boolean"}
_TYPES: dict[str, Any] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "string": str,
}


def type_of_schema(schema: Obj, *, root: bool = False) -> Type:
    """The type that a schema describes."""
    if schema.get("x-kubernetes-int-or-string"):
        return Type("int-or-string")
    if schema.get("type") == "array":
        keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
        unique = schema.get("x-kubernetes-list-type") == "set"
        item = type_of_schema(schema.get("items") or {})
        return Type("list", item=item, keys=keys, unique=unique, atomic=not keys and not unique)
    keeps = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    properties = schema.get("properties") or {}
    if schema.get("type") == "object" and (properties or root):
        fields: Obj = {name: type_of_schema(inner) for name, inner in properties.items()}
        if root:
            fields |= {"apiVersion": "string", "kind": "string", "metadata": META}
        return Type("object", fields=fields, open=keeps)
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return Type("map", item=type_of_schema(schema["additionalProperties"]))
    if schema.get("type") == "object" and not keeps:
        return Type("object")
    return Type(_SCALARS[schema["type"]]) if schema.get("type") in _SCALARS else ANY


def set_schema_defaults(value: Any, schema: Obj) -> None:
    """Fill in, in place, what the schema gives a default for."""
    if isinstance(value, dict):
        for name, inner in (schema.get("properties") or {}).items():
            if name not in value and "default" in inner:
                value[name] = orjson.loads(orjson.dumps(inner["default"]))
            if name in value:
                set_schema_defaults(value[name], inner)
    elif isinstance(value, list):
        for item in value:
            set_schema_defaults(item, schema.get("items") or {})


def schema_problems(value: Any, schema: Obj, path: str = "") -> list[Cause]:
    """Where a value is not what the schema says."""
    kind = schema.get("type")
    if kind and not _is(value, kind):
        told = orjson.dumps(value).decode()
        found = {"str": "string", "int": "integer", "float": "number", "dict": "object", "list": "array"}
        what = found.get(type(value).__name__, "boolean" if isinstance(value, bool) else "null")
        why = f'{path or "<nil>"} in body must be of type {kind}: "{what}"'
        return [(path, f"Invalid value: {_shown(value, told, what)}: {why}")]
    causes = _scalar_problems(value, schema, path)
    if isinstance(value, dict):
        missing = [name for name in schema.get("required") or [] if name not in value]
        causes += [(_joined(path, name), "Required value") for name in missing]
        for name, inner in (schema.get("properties") or {}).items():
            if name in value and (path or name not in ("apiVersion", "kind", "metadata")):
                causes += schema_problems(value[name], inner, _joined(path, name))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            causes += schema_problems(item, schema.get("items") or {}, f"{path}[{place}]")
    return causes


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _shown(value: Any, told: str, what: str) -> str:
    return f'"{what}"' if not isinstance(value, dict | list) else told


def _scalar_problems(value: Any, schema: Obj, path: str) -> list[Cause]:
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(orjson.dumps(word).decode() for word in schema["enum"])
        return [(path, f"Unsupported value: {orjson.dumps(value).decode()}: supported values: {supported}")]
    causes: list[Cause] = []
    told = orjson.dumps(value).decode()
    for bound, words, broken in (
        ("minimum", "greater than or equal to", lambda limit: value < limit),
        ("maximum", "less than or equal to", lambda limit: value > limit),
    ):
        if bound in schema and isinstance(value, int | float) and broken(schema[bound]):
            causes.append((path, f"Invalid value: {told}: {path} in body should be {words} {schema[bound]}"))
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        causes.append((path, f"Invalid value: {told}: {path} in body should match '{schema['pattern']}'"))
    return causes


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
