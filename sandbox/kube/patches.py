"""JSON patch (RFC 6902), merge patch (RFC 7386) and Kubernetes' strategic merge patch."""

from __future__ import annotations

from typing import Any

import jsonpatch
import jsonpointer

from sandbox.kube.errors import bad_request, not_applicable
from sandbox.kube.types import ANY, Type

_DIRECTIVES = ("$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/")


def json_patch(obj: dict[str, Any], operations: Any) -> dict[str, Any]:
    """The object after the operations; one that fails is refused with 422 as the real server does."""
    try:
        return jsonpatch.apply_patch(obj, operations)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError) as error:
        raise not_applicable() from error


def go_map(value: Any) -> str:
    """A value as Go prints it, which is how the server shows a strategic patch: `map[spec:map[foo:1]]`."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_map(inner)}' for key, inner in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_map, value))}]"
    return str(value).lower() if isinstance(value, bool) else "<nil>" if value is None else str(value)


def merge_patch(value: Any, patch: Any) -> Any:
    """RFC 7386: null deletes, maps merge, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), change)
    return merged


def strategic_merge(value: Any, patch: dict[str, Any], told: Type) -> dict[str, Any]:
    """As merge patch, but lists whose items have a key merge by it; directives ($patch, $retainKeys, …) are obeyed."""
    if patch.get("$patch") == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"}
    merged = dict(value) if isinstance(value, dict) else {}
    if "$retainKeys" in patch:
        merged = {k: v for k, v in merged.items() if k in patch["$retainKeys"]}
    for key, gone in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            field = key.partition("/")[2]
            merged[field] = [item for item in merged.get(field) or [] if item not in gone]
    for key, change in patch.items():
        if key.startswith(_DIRECTIVES):
            continue
        inner = told.field(key) or ANY
        if change is None or (isinstance(change, dict) and change.get("$patch") == "delete"):
            merged.pop(key, None)
        elif isinstance(change, dict):
            merged[key] = strategic_merge(merged.get(key), change, inner)
        elif isinstance(change, list):
            merged[key] = _merge_lists(merged.get(key) or [], change, inner)
        else:
            merged[key] = change
    for key, order in patch.items():
        if key.startswith("$setElementOrder/"):
            field = key.partition("/")[2]
            if isinstance(merged.get(field), list):
                merged[field] = _in_order(merged[field], order, told.field(field) or ANY)
    return merged


def _merge_lists(items: list[Any], changes: list[Any], told: Type) -> list[Any]:
    if told.merge == "":
        return items + [item for item in changes if item not in items]
    directives = [c for c in changes if isinstance(c, dict) and "$patch" in c]
    if any(c["$patch"] == "replace" for c in directives):
        return [c for c in changes if c not in directives]
    if told.merge is None:
        return changes
    merged = {item.get(told.merge): item for item in items}
    had = list(merged)
    for change in changes:
        if told.merge not in change:
            raise bad_request(f"map: {change} does not contain declared merge key: {told.merge}")
        mark = change[told.merge]
        if change.get("$patch") == "delete":
            merged.pop(mark, None)
        else:
            merged[mark] = strategic_merge(merged.get(mark), change, told.items)
    patched = [change[told.merge] for change in changes if change[told.merge] in merged]
    return [merged[mark] for mark in _woven(patched, had, list(merged))]


def _woven(patched: list[Any], had: list[Any], merged: list[Any]) -> list[Any]:
    """Keys in the server's order where it knows both; what only the patch has comes before what only the server has."""
    left = [mark for mark in had if mark in merged and mark not in patched]
    woven = []
    for mark in patched:
        while left and mark in had and had.index(left[0]) < had.index(mark):
            woven.append(left.pop(0))
        woven.append(mark)
    return woven + left


def _in_order(items: list[Any], order: list[Any], told: Type) -> list[Any]:
    """Items as `order` lists them; those it does not name keep their place behind."""
    if not told.merge:
        places = {repr(item): place for place, item in enumerate(order)}
        return sorted(items, key=lambda item: places.get(repr(item), len(order)))
    ranks = {item[told.merge]: place for place, item in enumerate(order)}
    return sorted(items, key=lambda item: ranks.get(item.get(told.merge), len(order)))
