"""What all of Neutron's resources have: an owner, tags, a revision; and how it refuses what it is told of them."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from sandbox.cloud import Cloud
from sandbox.openstack.service import ApiError, Call
from sandbox.store import Resource, now

_TEXT_MAX = 255
READ_ONLY = frozenset({"id", "status", "tags", "created_at", "updated_at", "revision_number"})


def create(cloud: Cloud, kind: str, project_id: str, **fields: Any) -> Resource:
    """Keep a new resource."""
    owned = {"project_id": project_id, "tenant_id": project_id, "description": "", "tags": [], "revision_number": 0}
    return cloud.store.create(kind, **owned | {"updated_at": now()} | fields)


def change(cloud: Cloud, kind: str, resource: Resource, fields: dict[str, Any]) -> None:
    """Change a resource: its next revision."""
    cloud.store.update(kind, resource["id"], fields | {"revision_number": resource["revision_number"] + 1})


def bad_request(message: str, kind: str = "HTTPBadRequest") -> ApiError:
    """A refusal of what was sent."""
    return ApiError(400, message, kind)


def body_of(call: Call, singular: str, missing: str) -> dict[str, Any]:
    """The object of a request.

    Args:
        missing: what is said when it is not there.
    """
    found = call.body.get(singular) if isinstance(call.body, dict) else None
    if found is None:
        raise bad_request(missing)
    return dict(found)


def check(wanted: dict[str, Any], *, allowed: Collection[str], shown: Collection[str], refusal: str) -> None:
    """Refuse what clients may not set, and what is no value.

    Args:
        shown: what the resource has besides.
        refusal: what is said of one of those.
    """
    if unknown := sorted(set(wanted) - set(allowed) - set(shown)):
        raise bad_request(f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    if fixed := sorted(set(wanted) - set(allowed)):
        raise bad_request(refusal.format(fixed[0]))
    for key, value in wanted.items():
        if key.endswith("_id") and key != "device_id" and value is not None and not is_uuid(value):
            raise bad_request(f"Invalid input for {key}. Reason: '{value}' is not a valid UUID.")
        if key in ("name", "description"):
            _check_text(key, value)


def _check_text(key: str, value: Any) -> None:
    if not isinstance(value, str):
        raise bad_request(f"Invalid input for {key}. Reason: '{value}' is not a valid string.")
    if len(value) > _TEXT_MAX:
        raise bad_request(f"Invalid input for {key}. Reason: '{value}' exceeds maximum length of {_TEXT_MAX}.")


def required(wanted: dict[str, Any], key: str) -> str:
    """A value that has to be given."""
    if key not in wanted:
        raise bad_request(f"Failed to parse request. Required attribute '{key}' not specified")
    return str(wanted[key])


def new_id() -> str:
    """An id of something that is kept inside a resource."""
    return str(uuid.uuid4())


def is_uuid(value: Any) -> bool:
    """Whether Neutron takes it for an id (Keystone's have no dashes)."""
    try:
        uuid.UUID(str(value))
    except ValueError:
        return False
    return True
