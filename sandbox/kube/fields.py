"""Who owns which field: sets of field paths, and metadata.managedFields made of them.

A path is a tuple of steps as FieldsV1 writes them: `f:spec`, `k:{"name":"hub"}`, `v:"x"`. Which fields have owners of
their own, and what tells the items of a list apart, is a matter of the kind's type.
Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ and sigs.k8s.io/structured-merge-diff.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from sandbox.kube.types import Type, empty

Path = tuple[str, ...]
_MISSING: Any = object()
# What no manager owns: the server's own part of metadata, and what names the object.
_SERVERS = ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
_UNOWNED = {("f:apiVersion",), ("f:kind",), ("f:metadata",), *(("f:metadata", f"f:{name}") for name in _SERVERS)}
_UNOWNED.add(("f:metadata", "f:selfLink"))


def item_step(item: dict[str, Any], told: Type) -> str:
    """The step to an item of a keyed list; a key not given has its default."""
    defaults = told.items.defaults
    named = {key: item.get(key, defaults.get(key)) for key in told.keys}
    return "k:" + orjson.dumps(named, option=orjson.OPT_SORT_KEYS).decode()


def value_step(value: Any) -> str:
    """The step to a member of a set."""
    return "v:" + orjson.dumps(value).decode()


def _parts(value: Any, told: Type) -> list[tuple[str, Any, Type]] | None:
    """The parts of a value that have owners of their own, as (step, part, its type); None if it is owned as a whole."""
    if not told.separable:
        return None
    if isinstance(value, dict):
        return [(f"f:{key}", inner, told.field(key) or Type("any")) for key, inner in value.items()]
    if isinstance(value, list) and told.unique:
        return [(value_step(item), item, told.items) for item in value]
    if isinstance(value, list) and told.keys:
        return [(item_step(item, told), item, told.items) for item in value]
    return [] if value is None and told.kind != "any" else None


def fields_of(obj: dict[str, Any], told: Type, subresource: str) -> dict[Path, Any]:
    """All paths that an applied object speaks of, with their values; without status, or of status alone."""
    found: dict[Path, Any] = {}
    _collect(obj, told, (), found)
    return {path: value for path, value in found.items() if _counts(path, subresource)}


def _collect(value: Any, told: Type, path: Path, found: dict[Path, Any]) -> None:
    parts = _parts(value, told)
    if parts is None:
        found[path] = value
        return
    for step, part, inner in parts:
        _collect(part, inner, (*path, step), found)
        if not step.startswith("f:") or part in (None, {}):
            found.setdefault((*path, step), None)


@dataclass
class Changes:
    """What differs between two states of an object."""

    written: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)


def changes(old: dict[str, Any] | None, new: dict[str, Any], told: Type, subresource: str) -> Changes:
    """What a write changes: new and other values, and what is gone."""
    found = Changes()
    _compare(empty(told) if old is None else old, new, told, (), found)
    return Changes(
        {path for path in found.written if _counts(path, subresource)},
        {path for path in found.removed if _counts(path, subresource)},
    )


def _compare(old: Any, new: Any, told: Type, path: Path, found: Changes) -> None:
    if new is None or new is _MISSING:  # a field written as null is as good as missing
        if old is None or old is _MISSING:
            return
        new = _MISSING
    had, has = _parts(old, told), _parts(new, told)
    if old is _MISSING or old is None:
        had = [] if has is not None else None
    if new is _MISSING:
        has = [] if had is not None else None
    if had is None or has is None or not (had or has):
        _compare_whole(old, new, path, found)
        return
    before = {step: part for step, part, _ in had}
    after = {step: part for step, part, _ in has}
    types = {step: inner for step, _, inner in [*had, *has]}
    for step, inner in types.items():
        _compare(before.get(step, _MISSING), after.get(step, _MISSING), inner, (*path, step), found)
    _compare_presence(old, new, path, found)


def _compare_whole(old: Any, new: Any, path: Path, found: Changes) -> None:
    if old is not _MISSING and new is not _MISSING and old != new:
        found.written.add(path)
    _compare_presence(old, new, path, found)


def _compare_presence(old: Any, new: Any, path: Path, found: Changes) -> None:
    if old is _MISSING:
        found.written.add(path)
    elif new is _MISSING:
        found.removed.add(path)


def _counts(path: Path, subresource: str) -> bool:
    """Whether a write of this subresource makes an owner of that path."""
    if path in _UNOWNED:
        return False
    return path[0] in ("f:status", "f:metadata") if subresource == "status" else path[0] != "f:status"


def encode(paths: Iterable[Path]) -> dict[str, Any]:
    """A set of paths as FieldsV1."""
    tree: dict[str, Any] = {}
    ordered = sorted(paths)
    for path in ordered:
        node = tree
        for step in path:
            node = node.setdefault(step, {})
    for path in ordered:
        node = tree
        for step in path:
            node = node[step]
        if node:
            node["."] = {}
    return tree


def decode(tree: dict[str, Any], path: Path = ()) -> Iterator[Path]:
    """FieldsV1 as paths."""
    for step, inner in tree.items():
        if step == ".":
            yield path
        elif inner:
            yield from decode(inner, (*path, step))
        else:
            yield (*path, step)


def spoken(path: Path) -> str:
    """A path as conflicts name it: `.spec.template.spec.containers[name="hub"].image`."""
    told = ""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            told += f".{rest}"
        elif kind == "k":
            named = orjson.loads(rest)
            told += "[" + ",".join(f"{k}={orjson.dumps(v).decode()}" for k, v in named.items()) + "]"
        else:
            told += f"[={rest}]"
    return told


def in_order(paths: Iterable[Path]) -> list[Path]:
    """As the server goes through a set: what ends at a level comes before what leads on from it."""
    return sorted(paths, key=lambda path: [(place < len(path) - 1, step) for place, step in enumerate(path)])


def names_an_item(path: Path) -> bool:
    """Whether the path leads to a key of a list's item, which stays as long as the item does."""
    if len(path) < 2 or not path[-2].startswith("k:"):
        return False
    return path[-1].removeprefix("f:") in orjson.loads(path[-2][2:])


def remove_path(obj: Any, path: Path, told: Type) -> Any:
    """A copy of the object without what the path leads to, and without maps and lists that this empties."""
    name, rest = path[0].partition(":")[2], path[1:]
    if not isinstance(obj, dict) or name not in obj:
        return obj
    inner = _without(obj[name], rest, told.field(name) or Type("any")) if rest else None
    if inner is None or inner == {} or inner == []:
        return {k: v for k, v in obj.items() if k != name}
    return {**obj, name: inner}


def _without(value: Any, path: Path, told: Type) -> Any:
    step, rest = path[0], path[1:]
    if step.startswith("f:"):
        return remove_path(value, path, told)
    if not isinstance(value, list):
        return value
    if step.startswith("v:"):
        return [item for item in value if value_step(item) != step]
    kept = []
    for item in value:
        if not isinstance(item, dict) or item_step(item, told) != step:
            kept.append(item)
        elif rest:
            kept.append(_without(item, rest, told.items))
    return kept
