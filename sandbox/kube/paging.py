"""Lists in parts: `limit`, and the token with which a client asks for the next part."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.kube.decoding import json_problem
from sandbox.kube.errors import StatusError, bad_request
from sandbox.kube.web import Request

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """The part that is asked for: how many objects, after which one, of the list as it was when it began."""

    limit: int
    after: str = ""
    revision: int | None = None


def page_asked(request: Request) -> Asked:
    """What `limit` and `continue` ask for; StatusError 400 where they cannot be understood."""
    text = request.query.get("limit") or "0"
    try:
        limit = max(int(text), 0)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error
    token = request.query.get("continue", "")
    if not token:
        return Asked(limit)
    if request.query.get("resourceVersion"):
        raise bad_request("specifying resource version is not allowed when using continue")
    told = _read(token)
    return Asked(limit, told["start"], told["rv"])


def page(found: list[Obj], asked: Asked, revision: int, selects: bool) -> tuple[list[Obj], Obj]:
    """The part, and the list's metadata. How many are left is not told where a selector chooses among them."""
    if asked.after:
        found = [obj for obj in found if _key(obj) + "\0" > asked.after]
    meta: Obj = {"resourceVersion": str(asked.revision or revision)}
    if not asked.limit or len(found) <= asked.limit:
        return found, meta
    part = found[: asked.limit]
    token = {"v": "meta.k8s.io/v1", "rv": asked.revision or revision, "start": _key(part[-1]) + "\0"}
    meta["continue"] = base64.urlsafe_b64encode(orjson.dumps(token)).rstrip(b"=").decode()
    if not selects:
        meta["remainingItemCount"] = len(found) - len(part)
    return part, meta


def _key(obj: Obj) -> str:
    return f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"


def _read(token: str) -> Obj:
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError) as error:
        raise StatusError(400, "BadRequest", f"invalid continue token: continue key is not valid: {error}") from error
    try:
        return dict(orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        why = f"continue key is not valid: {json_problem(raw)}"
        raise bad_request(f"invalid continue token: {why}") from error
