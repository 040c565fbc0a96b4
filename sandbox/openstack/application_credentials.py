"""Keystone's application credentials: a user's own, for the project that the user is in, some for a time only."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from sandbox.openstack.keystone_words import MALFORMED, ROLES, forbidden, list_links
from sandbox.openstack.service import Answer, ApiError, Call, Routes
from sandbox.store import Resource

_KIND = "application_credential"


def rest_s(credential: Resource) -> float:
    """How long it is still good for; only of those that end."""
    return (datetime.fromisoformat(f"{credential['expires_at']}Z") - datetime.now(UTC)).total_seconds()


def has_ended(credential: Resource) -> bool:
    """Whether its time is over."""
    return credential["expires_at"] is not None and rest_s(credential) <= 0


def _list(call: Call) -> Answer:
    _own_user(call, "list_application_credentials")
    owned = call.cloud.store.list(_KIND, user_id=call.request_token["user_id"])
    return {"application_credentials": [_shown(call, credential) for credential in owned], "links": list_links(call)}


def _get(call: Call) -> Answer:
    _own_user(call, "get_application_credential")
    return {_KIND: _shown(call, call.cloud.store.get(_KIND, call.path["credential_id"]))}


def _create(call: Call) -> Answer:
    _own_user(call, "create_application_credential")
    _check_unrestricted(call)
    wanted = call.wanted(_KIND)
    name = _free_name(call, wanted)
    credential = call.cloud.store.create(
        _KIND,
        id=uuid.uuid4().hex,
        name=name,
        description=wanted.get("description"),
        user_id=call.request_token["user_id"],
        project_id=call.project_id,
        system=None,
        secret=secrets.token_urlsafe(64),
        unrestricted=wanted.get("unrestricted"),
        expires_at=_end(wanted),
    )
    return 201, {_KIND: _shown(call, credential) | {"secret": credential["secret"]}}


def _free_name(call: Call, wanted: dict[str, Any]) -> str:
    if "name" not in wanted:
        words = f"Value: {wanted}. 'name' is a required property"
        raise ApiError(400, f"Invalid input for field/attribute {_KIND}. {words}")
    name = str(wanted["name"])
    if call.cloud.store.list(_KIND, user_id=call.request_token["user_id"], name=name):
        words = f"attempting to store {_KIND} - Duplicate entry found with name {name}."
        raise ApiError(409, f"Conflict occurred {words}")
    return name


def _end(wanted: dict[str, Any]) -> str | None:
    if wanted.get("expires_at") is None:
        return None
    try:
        end = datetime.fromisoformat(wanted["expires_at"].rstrip("Z"))
    except ValueError as error:
        raise ApiError(400, f"Timestamp not in expected format. {MALFORMED}") from error
    if end.replace(tzinfo=UTC) <= datetime.now(UTC):
        raise ApiError(400, f"The 'expires_at' must not be before now. {MALFORMED}")
    return end.strftime("%Y-%m-%dT%H:%M:%S.%f")


def _delete(call: Call) -> Answer:
    _own_user(call, "delete_application_credential")
    _check_unrestricted(call)
    call.cloud.store.get(_KIND, call.path["credential_id"])
    call.cloud.store.delete(_KIND, call.path["credential_id"])
    for token in call.cloud.store.list("token", application_credential_id=call.path["credential_id"]):
        token["revoked"] = True
    return 204, None


def _own_user(call: Call, action: str) -> None:
    if call.path["user_id"] != call.request_token["user_id"]:
        raise forbidden(f"identity:{action}")


def _check_unrestricted(call: Call) -> None:
    """A credential that is not unrestricted makes and ends no others."""
    by = call.request_token["application_credential_id"]
    if by is not None and not call.cloud.store.get(_KIND, by)["unrestricted"]:
        words = "Using method 'application_credential' is not allowed for managing additional application credentials."
        raise forbidden(words)


def _shown(call: Call, credential: Resource) -> dict[str, Any]:
    kept = ("id", "name", "description", "user_id", "project_id", "system", "expires_at", "unrestricted")
    link = call.cloud.url(f"identity/v3/application_credentials/{credential['id']}")
    return {**{field: credential[field] for field in kept}, "roles": ROLES, "links": {"self": link}}


_PATH = "/v3/users/{user_id}/application_credentials"
ROUTES: Routes = [
    ("GET", _PATH, _list, (200, 403)),
    ("POST", _PATH, _create, (201, 400, 403, 409)),
    ("GET", f"{_PATH}/{{credential_id}}", _get, (200, 403, 404)),
    ("DELETE", f"{_PATH}/{{credential_id}}", _delete, (204, 403, 404)),
]
"""Part of Keystone's table."""
