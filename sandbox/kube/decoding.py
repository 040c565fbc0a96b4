"""Bodies: from bytes to an object of the kind that the path says, without the fields that the kind does not have.

The words are those of the real server's decoder, as far as its errors can be told from here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import orjson
import yaml

from sandbox.kube import protobuf
from sandbox.kube.errors import StatusError, bad_request, unsupported_media
from sandbox.kube.kinds import Kinds, Resource
from sandbox.kube.quantities import canonical
from sandbox.kube.types import Type

Obj = dict[str, Any]
_JSON, _YAML = "application/json", "application/yaml"
_TAKEN = [_JSON, _YAML, protobuf.MEDIA_TYPE]
_GO_TYPES = {"boolean": "bool", "number": "float64", "bytes": "[]uint8", "time": "string", "quantity": "string"}
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/=\s]")
_QUANTITY = re.compile(r"([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)")
_HEAD = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'


def json_problem(raw: bytes) -> str:
    """What is wrong with a text that is not JSON, in the words of Go's decoder."""
    text = raw.decode(errors="replace")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text):
            return "unexpected end of JSON input"
        wanted = "object key string" if "property name" in error.msg else "value"
        return f"invalid character '{text[error.pos]}' looking for beginning of {wanted}"
    return ""


def parsed(raw: bytes, content_type: str) -> Any:
    """A body as JSON or YAML; None if it is empty. StatusError 415 for other types."""
    if content_type not in _TAKEN:
        raise unsupported_media(_TAKEN)
    if not raw:
        return None
    if content_type == protobuf.MEDIA_TYPE:
        return protobuf.decode(raw)
    if content_type == _YAML:
        return _yaml(raw)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {json_problem(raw)}") from error


def _yaml(raw: bytes) -> Any:
    try:
        return yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: {error}") from error


def object_of(raw: bytes, content_type: str, resource: Resource, kinds: Kinds) -> Obj:
    """A body as an object of this kind; StatusError 400 where it is none."""
    unrecognized = f"the object provided is unrecognized (must be of type {resource.kind}): "
    shown = raw.decode(errors="replace") if raw.startswith(b"{") else raw.hex() or "<empty>"
    try:
        body = parsed(raw, content_type)
    except StatusError as error:
        if error.code != 400:
            raise
        raise bad_request(f"{unrecognized}{error.message} ({shown})") from error
    if body is None:
        raise bad_request(f"{unrecognized}couldn't get version/kind; json parse error: {json_problem(raw)} ({shown})")
    if not isinstance(body, dict):
        problem = f"json: cannot unmarshal {_json_type(body)} into Go value of type {_HEAD}"
        raise bad_request(f"{unrecognized}couldn't get version/kind; json parse error: {problem} ({shown})")
    _check_kind(body, resource, kinds)
    return body


def _check_kind(body: Obj, resource: Resource, kinds: Kinds) -> None:
    version, kind = body.get("apiVersion") or resource.group_version, body.get("kind") or resource.kind
    if (version, kind) == (resource.group_version, resource.kind):
        return
    known = next((r for r in kinds if (r.group_version, r.kind) == (version, kind)), None)
    if known is None:
        why = f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"'
    else:
        wanted = f"{resource.group.partition('.')[0] or 'core'}.{resource.kind}"
        why = f"converting ({known.version}.{kind}) to ({wanted}): unknown conversion"
    raise bad_request(f"{_cannot(kind, version.rpartition('/')[2], resource)}{why}")


def _cannot(kind: str, version: str, resource: Resource) -> str:
    return f'{kind} in version "{version}" cannot be handled as a {resource.kind}: '


class TypeProblemError(Exception):
    """A value of another type than the field's."""


@dataclass
class Known:
    """An object without the fields that its type does not have, and which those were."""

    value: Any
    unknown: list[str] = field(default_factory=list)

    @property
    def problem(self) -> str:
        """All of them, as a strict decoder tells."""
        return "strict decoding error: " + ", ".join(f'unknown field "{path}"' for path in self.unknown)


def known_fields(obj: Obj, told: Type) -> Known:
    """Take out what the type does not know; TypeProblemError where a value is of another type."""
    found = Known(None)
    found.value = _known(obj, told, "", "", "", found.unknown)
    return found


def checked(obj: Obj, told: Type, resource: Resource, validation: str) -> Known:
    """The same for a body, with `validation` Strict refusing unknown fields."""
    cannot = _cannot(resource.kind, resource.version, resource)
    try:
        known = known_fields(obj, told)
    except TypeProblemError as error:
        if resource.custom:  # its schema tells that, with all else
            return Known(obj)
        raise bad_request(f"{cannot}{error}") from error
    if known.unknown and validation == "Strict":
        raise bad_request(cannot + known.problem)
    return known


def _known(value: Any, told: Type, owner: str, path: str, plain: str, unknown: list[str]) -> Any:
    """`path` has indexes, `plain` has none: the decoder's two kinds of errors differ in that."""
    if value is None or told.kind == "any":
        return value
    if told.kind == "object":
        _expect(value, dict, told, owner, plain)
        kept = {}
        for name, inner in value.items():
            kind = told.field(name)
            if kind is None:
                unknown.append(_joined(path, name))
            else:
                kept[name] = _known(inner, kind, told.name, _joined(path, name), _joined(plain, name), unknown)
        return kept
    if told.kind == "map":
        _expect(value, dict, told, owner, plain)
        inner = told.items
        return {k: _known(v, inner, owner, _joined(path, k), plain, unknown) for k, v in value.items()}
    if told.kind == "list":
        _expect(value, list, told, owner, plain)
        return [_known(v, told.items, owner, f"{path}[{i}]", plain, unknown) for i, v in enumerate(value)]
    _expect(value, _PYTHON.get(told.kind, str), told, owner, plain)
    if told.kind == "bytes" and (found := _NO_BASE64.search(value)):
        raise TypeProblemError(f"illegal base64 data at input byte {found.start()}")
    if told.kind == "quantity":
        if not _QUANTITY.fullmatch(str(value)):
            raise TypeProblemError(f"quantities must match the regular expression '^{_QUANTITY.pattern}$'")
        return canonical(value)
    return value


_PYTHON: dict[str, Any] = {
    "boolean": bool,
    "int32": int,
    "int64": int,
    "integer": int,
    "number": (int, float),
    "int-or-string": (int, str),
    "quantity": (int, float, str),
}


def _expect(value: Any, types: Any, told: Type, owner: str, path: str) -> None:
    if isinstance(value, types) and (types is bool or not isinstance(value, bool) or told.kind == "any"):
        return
    raise TypeProblemError(
        f"json: cannot unmarshal {_json_type(value)} into Go struct field {owner}.{path} of type {_go_type(told)}"
    )


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return {str: "string", int: "number", float: "number", list: "array", dict: "object"}.get(type(value), "null")


def _go_type(told: Type) -> str:
    if told.kind == "object":
        return f"v1.{told.name}"
    if told.kind == "list":
        return f"[]{_go_type(told.items)}"
    return f"map[string]{_go_type(told.items)}" if told.kind == "map" else _GO_TYPES.get(told.kind, told.kind)
