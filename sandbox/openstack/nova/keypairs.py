"""Keypairs: of users, not of projects."""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import re
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.cloud import Cloud
from sandbox.openstack.nova.pages import invalid
from sandbox.openstack.nova.versions import minor_of, shown_at
from sandbox.openstack.service import Answer, ApiError, Call
from sandbox.store import Resource

_TYPES = 2  # keypairs have a type, and creating and deleting has proper statuses
_NO_GENERATING = 92
_NAME = r"^[_\- a-zA-Z0-9]+$"
_numbers = itertools.count(1)


def create_keypair(cloud: Cloud, project_id: str, user_id: str, name: str, public_key: str) -> Resource:
    """A user's keypair.

    Raises:
        ApiError: 400, that is no public key.
    """
    fields = {"public_key": public_key, "fingerprint": _fingerprint(public_key), "type": "ssh", "user_id": user_id}
    return cloud.store.create("keypair", name=name, project_id=project_id, number=next(_numbers), **fields)


def _fingerprint(public_key: str) -> str:
    try:
        digest = hashlib.md5(base64.b64decode(public_key.split()[1], validate=True), usedforsecurity=False).hexdigest()
    except (IndexError, binascii.Error) as error:
        raise ApiError(400, "Keypair data is invalid: failed to generate fingerprint") from error
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def _own(call: Call, **equal: Any) -> list[Resource]:
    return call.cloud.store.list("keypair", user_id=call.request_token["user_id"], **equal)


def _find(call: Call) -> Resource:
    found = _own(call, name=call.path["name"])
    if not found:
        raise ApiError(404, f"Keypair {call.path['name']} not found for user {call.request_token['user_id']}")
    return found[0]


def _shown(call: Call, keypair: Resource, *more: str) -> dict[str, Any]:
    fields = {key: keypair[key] for key in ("name", "public_key", "fingerprint", "type", *more)}
    return shown_at(minor_of(call.request), fields, since={"type": _TYPES})


def list_keypairs(call: Call) -> Answer:
    """GET /v2.1/os-keypairs."""
    found = sorted(_own(call), key=lambda keypair: str(keypair["name"]))
    return {"keypairs": [{"keypair": _shown(call, keypair)} for keypair in found]}


def get_keypair(call: Call) -> Answer:
    """GET /v2.1/os-keypairs/{name}."""
    keypair = _find(call)
    created_at = keypair["created_at"].replace("Z", ".000000")
    record = {"id": keypair["number"], "created_at": created_at, "updated_at": None, "deleted": False}
    return {"keypair": _shown(call, keypair, "user_id") | record | {"deleted_at": None}}


def post_keypair(call: Call) -> Answer:
    """POST /v2.1/os-keypairs."""
    if not isinstance(call.body, dict) or "keypair" not in call.body:
        raise ApiError(400, "'keypair' is a required property")
    wanted, minor = call.body["keypair"], minor_of(call.request)
    _check(wanted, minor)
    if _own(call, name=wanted["name"]):
        raise ApiError(409, f"Key pair '{wanted['name']}' already exists.")
    generated = {} if "public_key" in wanted else _generate()
    public_key = (wanted | generated)["public_key"]
    keypair = create_keypair(call.cloud, call.project_id, call.request_token["user_id"], wanted["name"], public_key)
    return (201 if minor >= _TYPES else 200), {"keypair": generated | _shown(call, keypair, "user_id")}


def _check(wanted: dict[str, Any], minor: int) -> None:
    allowed = {"name", "public_key"} | ({"type"} if minor >= _TYPES else set())
    required = {"name"} | ({"public_key"} if minor >= _NO_GENERATING else set())
    wrong = [f"'{key}' is a required property" for key in sorted(required - set(wanted))]
    wrong += [f"Additional properties are not allowed ('{k}' was unexpected)" for k in sorted(set(wanted) - allowed)]
    if wrong:
        raise ApiError(400, f"Invalid input for field/attribute keypair. Value: {wanted}. {wrong[0]}")
    if not re.match(_NAME, wanted["name"]):
        raise invalid("field/attribute name", wanted["name"], f"does not match {_NAME!r}")


def _generate() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return {"private_key": private.decode(), "public_key": f"{public.decode()} Generated-by-Nova"}


def delete_keypair(call: Call) -> Answer:
    """DELETE /v2.1/os-keypairs/{name}."""
    call.cloud.store.delete("keypair", _find(call)["id"])
    return (204 if minor_of(call.request) >= _TYPES else 202), None
