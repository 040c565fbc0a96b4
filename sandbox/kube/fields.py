"""Who owns which field: sets of field paths, and metadata.managedFields made of them.

A path is a tuple of steps as FieldsV1 writes them: `f:spec`, `k:{"name":"hub"}`, `v:"x"`; the set holds the leaves and
the items of keyed lists. Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from sandbox.kube.lists import ATOMIC_MAPS, SETS, keys_of

Path = tuple[str, ...]
# What no manager owns: the server's own part of metadata, and what names the object.
_UNOWNED = frozenset(
    [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "generateName",
        "selfLink",
    ]
)


def item_step(item: dict[str, Any], keys: tuple[str, ...]) -> str:
    """The step to an item of a keyed list."""
    named = {key: item.get(key, "TCP" if key == "protocol" else None) for key in keys}
    return "k:" + orjson.dumps(named, option=orjson.OPT_SORT_KEYS).decode()


def value_step(value: Any) -> str:
    """The step to a member of a set."""
    return "v:" + orjson.dumps(value).decode()


def paths_of(obj: dict[str, Any], subresource: str) -> dict[Path, Any]:
    """All owned paths of an object with their values (None for items); without status, or of status alone."""
    found: dict[Path, Any] = {}
    for name, value in obj.items():
        if name in ("apiVersion", "kind") or (name == "status") != (subresource == "status"):
            continue
        if name == "metadata":
            value = {k: v for k, v in value.items() if k not in _UNOWNED}
            if not value:
                continue
        _walk(name, value, (f"f:{name}",), found)
    return found


def _walk(name: str, value: Any, path: Path, found: dict[Path, Any]) -> None:
    if isinstance(value, dict) and value and name not in ATOMIC_MAPS:
        for key, inner in value.items():
            _walk(key, inner, (*path, f"f:{key}"), found)
    elif isinstance(value, list) and name in SETS:
        found.update({(*path, value_step(item)): None for item in value})
    elif isinstance(value, list) and (keys := keys_of(name, value)):
        for item in value:
            step = (*path, item_step(item, keys))
            found[step] = None
            _walk("", item, step, found)
    else:
        found[path] = value


def encode(paths: Iterable[Path]) -> dict[str, Any]:
    """A set of paths as FieldsV1."""
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        if path[-1].startswith("k:"):
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


def names_an_item(path: Path) -> bool:
    """Whether the path leads to a key of a list's item, which stays as long as the item does."""
    if len(path) < 2 or not path[-2].startswith("k:"):
        return False
    return path[-1].removeprefix("f:") in orjson.loads(path[-2][2:])


def remove_path(obj: Any, path: Path) -> Any:
    """A copy of the object without what the path leads to, and without maps and lists that this empties."""
    name, rest = path[0].partition(":")[2], path[1:]
    if not isinstance(obj, dict) or name not in obj:
        return obj
    inner = _without(obj[name], rest) if rest else None
    if inner is None or inner == {} or inner == []:
        return {k: v for k, v in obj.items() if k != name}
    return {**obj, name: inner}


def _without(value: Any, path: Path) -> Any:
    step, rest = path[0], path[1:]
    if step.startswith("f:"):
        return remove_path(value, path)
    if not isinstance(value, list):
        return value
    if step.startswith("v:"):
        return [item for item in value if value_step(item) != step]
    keys = tuple(orjson.loads(step[2:]))
    kept = []
    for item in value:
        if not isinstance(item, dict) or item_step(item, keys) != step:
            kept.append(item)
        elif rest:
            kept.append(_without(item, rest))
    return kept
