"""Bodies in protobuf, which Go clients send from their typed clients and from which they do not fall back to JSON.

Only the kinds are known that helm and kubectl send so (helm its release Secrets); answers are always JSON, which they
accept.
Source: generated.proto beside each type in k8s.io/api and k8s.io/apimachinery.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sandbox.kube.errors import bad_request, unsupported_media

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
# A message: field number -> (name, type). Types: text, number, truth, time, map (of text), bytesmap, another message; a
# list of one of them where a field repeats.
Message = dict[int, tuple[str, Any]]
_OWNER: Message = {1: ("kind", "text"), 3: ("name", "text"), 4: ("uid", "text"), 5: ("apiVersion", "text")}
_OWNER |= {6: ("controller", "truth"), 7: ("blockOwnerDeletion", "truth")}
_META: Message = {
    1: ("name", "text"),
    2: ("generateName", "text"),
    3: ("namespace", "text"),
    5: ("uid", "text"),
    6: ("resourceVersion", "text"),
    7: ("generation", "number"),
    8: ("creationTimestamp", "time"),
    9: ("deletionTimestamp", "time"),
    10: ("deletionGracePeriodSeconds", "number"),
    11: ("labels", "map"),
    12: ("annotations", "map"),
    13: ("ownerReferences", [_OWNER]),
    14: ("finalizers", ["text"]),
}
_ATTRIBUTES: Message = {
    number: (name, "text")
    for number, name in enumerate(("namespace", "verb", "group", "version", "resource", "subresource", "name"), start=1)
}
_KINDS: dict[str, Message] = {
    "ConfigMap": {1: ("metadata", _META), 2: ("data", "map"), 3: ("binaryData", "bytesmap"), 4: ("immutable", "truth")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "number"),
        2: ("preconditions", {1: ("uid", "text"), 2: ("resourceVersion", "text")}),
        3: ("orphanDependents", "truth"),
        4: ("propagationPolicy", "text"),
        5: ("dryRun", ["text"]),
    },
    "Namespace": {1: ("metadata", _META), 2: ("spec", {1: ("finalizers", ["text"])})},
    "Secret": {
        1: ("metadata", _META),
        2: ("data", "bytesmap"),
        3: ("type", "text"),
        4: ("stringData", "map"),
        5: ("immutable", "truth"),
    },
    "SelfSubjectAccessReview": {1: ("metadata", _META), 2: ("spec", {1: ("resourceAttributes", _ATTRIBUTES)})},
    "SelfSubjectReview": {1: ("metadata", _META)},
    "ServiceAccount": {1: ("metadata", _META)},
    "TokenRequest": {
        1: ("metadata", _META),
        2: ("spec", {1: ("audiences", ["text"]), 4: ("expirationSeconds", "number")}),
    },
}


def decode(body: bytes) -> dict[str, Any]:
    """The body as the object it would be in JSON; StatusError 415 for a kind not known here."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body is not Kubernetes protobuf")
    head = dict(_fields(body[len(_MAGIC) :]))
    named = {number: value.decode() for number, value in _fields(head.get(1, b""))}
    kind = named.get(2, "")
    if kind not in _KINDS:
        raise unsupported_media(["application/json", "application/yaml"])
    return {"apiVersion": named.get(1, ""), "kind": kind, **_message(head.get(2, b""), _KINDS[kind])}


def _message(data: bytes, message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, raw in _fields(data):
        if number not in message:
            continue
        name, kind = message[number]
        if isinstance(kind, list):
            found.setdefault(name, []).append(_value(raw, kind[0]))
        elif kind in ("map", "bytesmap"):
            entry = dict(_fields(raw))
            value = entry.get(2, b"")
            found.setdefault(name, {})[entry.get(1, b"").decode()] = (
                value.decode() if kind == "map" else base64.b64encode(value).decode()
            )
        else:
            value = _value(raw, kind)
            # Go writes every text field, also the empty ones that JSON would leave out.
            if value not in ("", None):
                found[name] = value
    return found


def _value(raw: Any, kind: Any) -> Any:
    if isinstance(kind, dict):
        return _message(raw, kind)
    if kind == "time":
        seconds = dict(_fields(raw)).get(1)
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None
    if kind == "truth":
        return bool(raw)
    return raw.decode() if kind == "text" else raw


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers with numbers or bytes, of the two wire types that Kubernetes' objects use here."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        if tag & 7 == 0:
            value, place = _varint(data, place)
            yield tag >> 3, value
        elif tag & 7 == 2:
            length, place = _varint(data, place)
            yield tag >> 3, data[place : place + length]
            place += length
        else:
            raise bad_request(f"protobuf wire type {tag & 7} is not expected")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place += 1
        shift += 7
        if byte < 128:
            return value, place
