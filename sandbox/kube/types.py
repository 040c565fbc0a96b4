"""What fields the built-in kinds have: read from types.json, which a real API server's OpenAPI was written into.

Strict field validation, patches and server-side apply go by it. `tests/contract/kubernetes/record_types.py` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.kube.kinds import Resource

FILE = Path(__file__).with_name("types.json")
META = "meta.v1.ObjectMeta"


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """The type of a value.

    Args:
        kind: object, map, list, any (what has no schema), or what a scalar is.
        name: of an object's type: `DeploymentSpec`.
        fields: of an object: name -> type as the file writes it.
        item: of a list or map, as the file writes it.
        atomic: whether it is owned and replaced as a whole.
        keys: what tells the items of a list apart.
        unique: whether a list is a set.
        merge: the key by which strategic merge unites lists, empty for lists of scalars; None if it replaces them.
        retain_keys: whether strategic merge keeps only what a patch lists.
        always: fields of an object that are there even if nobody gave them, with what they are then.
        defaults: of keys that may be left out.
        open: whether an object takes fields that it does not know.
    """

    kind: str
    name: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    item: Any = "any"
    atomic: bool = False
    keys: tuple[str, ...] = ()
    unique: bool = False
    merge: str | None = None
    retain_keys: bool = False
    always: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    open: bool = False

    def field(self, name: str) -> Type | None:
        """The type of a field or of a map's value; None if the object has no such field."""
        if self.kind == "any":
            return ANY
        if self.kind == "map":
            return read(self.item)
        if name in self.fields:
            return read(self.fields[name])
        return ANY if self.open else None

    @property
    def items(self) -> Type:
        """The type of a list's items."""
        return read(self.item)

    @property
    def separable(self) -> bool:
        """Whether its parts have owners of their own."""
        if self.atomic:
            return False
        return self.kind in ("object", "map", "any") or bool(self.keys) or self.unique


ANY = Type("any")


def read(written: Any) -> Type:
    """A type as the file (or a definition's schema, see schemas.py) writes it."""
    if isinstance(written, Type):
        return written
    if isinstance(written, str):
        return _named(written)
    if "ref" in written:
        return _marked(written["ref"], written.get("atomic", False), written.get("retain_keys", False))
    if "map" in written:
        return Type("map", item=written["map"], atomic=written.get("atomic", False))
    keys, unique = tuple(written.get("keys", ())), written.get("set", False)
    atomic = not keys and not unique
    return Type("list", item=written["list"], keys=keys, unique=unique, merge=written.get("merge"), atomic=atomic)


@cache
def _file() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text()))


@cache
def _named(name: str) -> Type:
    found = _file()["types"].get(name)
    if found is None:
        return ANY if name == "any" else Type(name)
    return Type(
        "object",
        name=name.rpartition(".")[2],
        fields=found["fields"],
        atomic=found.get("atomic", False),
        always=found.get("always", {}),
        defaults=found.get("defaults", {}),
    )


@cache
def _marked(name: str, atomic: bool, retain_keys: bool) -> Type:
    plain = _named(name)
    return Type(
        plain.kind,
        name=plain.name,
        fields=plain.fields,
        atomic=atomic or plain.atomic,
        retain_keys=retain_keys,
        always=plain.always,
        defaults=plain.defaults,
    )


@cache
def built_in(group: str, version: str, kind: str) -> Type:
    """The type of a built-in kind."""
    return _named(_file()["kinds"][f"{group}/{version}/{kind}"])


@cache
def custom() -> Type:
    """The type of an object that only its own definition describes."""
    return Type("object", fields={"apiVersion": "string", "kind": "string", "metadata": META}, open=True)


def type_of(resource: Resource) -> Type:
    """The type of a resource's objects."""
    if resource.custom:
        return resource.described or custom()
    return built_in(resource.group, resource.version, resource.kind)


def empty(told: Type) -> dict[str, Any]:
    """What an object of this type holds before anybody has given it anything."""
    return completed({}, told)


def completed(value: Any, told: Type) -> Any:
    """The value as the server keeps it: with what is always written, and without empty maps and lists."""
    if told.kind == "list" and isinstance(value, list):
        return [completed(item, told.items) for item in value]
    if told.kind == "map" and isinstance(value, dict):
        return {key: completed(item, told.items) for key, item in value.items()}
    if told.kind != "object" or not isinstance(value, dict):
        return value
    kept = {name: completed(inner, told.field(name) or ANY) for name, inner in value.items()}
    for name in [name for name, inner in kept.items() if inner in ({}, []) and _is_collection(told.field(name))]:
        del kept[name]
    for name, usual in told.always.items():
        if name not in kept:
            kept[name] = empty(told.field(name) or ANY) if usual == {} else usual
    return kept


def _is_collection(told: Type | None) -> bool:
    return told is not None and told.kind in ("map", "list")
