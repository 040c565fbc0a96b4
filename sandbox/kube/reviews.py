"""Token and access reviews. Access is not restricted here: whoever is known may do everything."""

from __future__ import annotations

from typing import Any

from sandbox.kube.auth import Tokens
from sandbox.kube.kinds import Resource

Obj = dict[str, Any]


def review(resource: Resource, body: Obj, user: Obj, tokens: Tokens) -> Obj:
    """The review with its answer."""
    answered = {"metadata": {}, "spec": {}, **body, "kind": resource.kind, "apiVersion": resource.group_version}
    if resource.plural == "tokenreviews":
        found = tokens.user((body.get("spec") or {}).get("token", ""))
        status: Obj = {"authenticated": found is not None}
        status |= {"user": _told(found)} if found else {"user": {}, "error": "[invalid bearer token]"}
        return {**answered, "status": status}
    if resource.plural == "selfsubjectreviews":
        return {**answered, "status": {"userInfo": _told(user)}}
    return {**answered, "status": {"allowed": True, "reason": "access is not restricted in this cluster"}}


def _told(user: Obj) -> Obj:
    return {"username": user["name"], "groups": user["groups"]}
