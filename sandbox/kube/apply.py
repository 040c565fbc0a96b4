"""Server-side apply, and the record of owners that every write leaves in metadata.managedFields.

Helm 4 applies this way: a field that somebody else has set to another value since is a conflict (409), unless the
request forces it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.kube.errors import StatusError
from sandbox.kube.fields import (
    Path,
    changes,
    decode,
    encode,
    fields_of,
    in_order,
    item_step,
    names_an_item,
    remove_path,
    spoken,
)
from sandbox.kube.types import ANY, Type

Owner = tuple[str, str, str]  # manager, operation (Apply or Update), subresource
Obj = dict[str, Any]


def owners_of(obj: Obj | None) -> dict[Owner, set[Path]]:
    """managedFields, decoded."""
    entries = (obj or {}).get("metadata", {}).get("managedFields") or []
    return {
        (e["manager"], e["operation"], e.get("subresource", "")): set(decode(e.get("fieldsV1") or {}))
        for e in entries
        if "manager" in e
    }


def with_owners(obj: Obj, owners: dict[Owner, set[Path]], before: Obj | None) -> Obj:
    """The object with its managedFields; the time of an entry moves only with the entry."""
    known = {}
    for entry in (before or {}).get("metadata", {}).get("managedFields") or []:
        known[entry.get("manager"), entry.get("operation"), entry.get("subresource", "")] = entry
    entries = []
    for owner, paths in owners.items():
        if not paths:
            continue
        manager, operation, subresource = owner
        fields = encode(paths)
        entry = known.get(owner)
        if entry is None or entry.get("fieldsV1") != fields:
            entry = {"manager": manager, "operation": operation, "apiVersion": obj["apiVersion"]}
            entry |= {"time": now()} if subresource != "scale" else {}  # a real server forgets it there
            entry |= {"fieldsType": "FieldsV1", "fieldsV1": fields}
            entry |= {"subresource": subresource} if subresource else {}
        entries.append(entry)
    entries.sort(key=lambda e: (e["operation"], e.get("time", ""), e["manager"], e.get("subresource", "")))
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": meta | ({"managedFields": entries} if entries else {})}


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record_update(before: Obj | None, after: Obj, told: Type, manager: str, subresource: str) -> Obj:
    """`after` with the fields that changed owned by the manager that changed them."""
    # Managed fields sent along are obeyed: so clients hand over ownership (kubectl after a client-side apply).
    owners = owners_of(after) if "managedFields" in after["metadata"] else owners_of(before)
    changed = changes(before, after, told, subresource)
    mine = (manager, "Update", subresource)
    for owner, paths in owners.items():
        if owner != mine:
            owners[owner] = paths - changed.written - changed.removed
    owners[mine] = (owners.get(mine, set()) - changed.removed) | changed.written
    return with_owners(after, owners, before)


def apply(before: Obj | None, wanted: Obj, told: Type, manager: str, force: bool, subresource: str) -> Obj:
    """What server-side apply makes of an object.

    Raises: StatusError 409 naming every field that another manager owns with another value; `force` takes them.
    """
    mine = (manager, "Apply", subresource)
    owners = owners_of(before)
    asked = fields_of(wanted, told, subresource)
    merged = merge_applied(before or {}, _part(wanted, subresource), told)
    changed = changes(before, merged, told, subresource).written if before else set()
    conflicts = {owner: paths & changed for owner, paths in owners.items() if owner != mine and paths & changed}
    if conflicts and not force:
        raise _conflict(conflicts, wanted["apiVersion"])
    for owner, paths in conflicts.items():
        owners[owner] = owners[owner] - paths
    dropped = owners.get(mine, set()) - asked.keys() - _owned_by_others(owners, mine)
    # Items before their fields: without its key an item could no longer be found.
    for path in sorted(dropped, key=len):
        if not names_an_item(path) or path[:-1] in dropped:
            merged = remove_path(merged, path, told)
    owners[mine] = set(asked)
    if before is None:
        merged = {**merged, "metadata": {k: v for k, v in merged["metadata"].items() if k != "managedFields"}}
    return with_owners(merged, owners, before)


def _part(wanted: Obj, subresource: str) -> Obj:
    """What of an applied object counts: status for the subresource status, all else otherwise."""
    if subresource == "status":
        return {k: v for k, v in wanted.items() if k == "status"}
    meta = {k: v for k, v in wanted["metadata"].items() if k != "managedFields"}
    return {**{k: v for k, v in wanted.items() if k != "status"}, "metadata": meta}


def _owned_by_others(owners: dict[Owner, set[Path]], mine: Owner) -> set[Path]:
    """Paths of other managers with all that leads to them: an item stays while somebody owns a field in it."""
    kept: set[Path] = set()
    for owner, paths in owners.items():
        if owner != mine:
            for path in paths:
                kept.update(path[:length] for length in range(1, len(path) + 1))
    return kept


def merge_applied(live: Any, wanted: Any, told: Type) -> Any:
    """`wanted` laid over `live`: maps merge, keyed lists merge by key, sets unite, all else replaces."""
    if not told.separable:
        return wanted
    if isinstance(wanted, dict) and isinstance(live, dict):
        merged = dict(live)
        for key, value in wanted.items():
            merged[key] = merge_applied(live.get(key), value, told.field(key) or ANY)
        return merged
    if isinstance(wanted, list) and isinstance(live, list):
        if told.unique:
            return live + [item for item in wanted if item not in live]
        if told.keys:
            return _merge_items(live, wanted, told)
    return wanted


def _merge_items(live: list[Obj], wanted: list[Obj], told: Type) -> list[Obj]:
    """The order asked for; what only the live object has keeps its place before what follows it there."""
    have = {item_step(item, told): item for item in live}
    asked = {item_step(item, told) for item in wanted}
    left, merged = list(have), []
    for item in wanted:
        step = item_step(item, told)
        while left and left[0] != step and left[0] not in asked:
            merged.append(have[left.pop(0)])
        if step in left:
            left.remove(step)
        merged.append(merge_applied(have.get(step, {}), item, told.items))
    return merged + [have[step] for step in left]


def _conflict(conflicts: dict[Owner, set[Path]], api_version: str) -> StatusError:
    causes, told = [], {}
    for (manager, operation, subresource), paths in sorted(conflicts.items()):
        by = f'"{manager}"' + (f' with subresource "{subresource}"' if subresource else "")
        by += f" using {api_version}" if operation == "Update" else ""
        told[by] = [spoken(path) for path in in_order(paths)]
        causes += [
            {"reason": "FieldManagerConflict", "message": f"conflict with {by}", "field": field} for field in told[by]
        ]
    if len(causes) == 1:
        message = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        listed = ["\n- ".join([f"conflicts with {by}:", *fields]) for by, fields in told.items()]
        message = f"Apply failed with {len(causes)} conflicts: " + "\n".join(listed)
    return StatusError(409, "Conflict", message, {"causes": causes})
