"""Token and access reviews: questions that are asked by creating an object, which nobody keeps."""

from __future__ import annotations

from typing import Any

from sandbox.kube import apply as ownership
from sandbox.kube.auth import Tokens
from sandbox.kube.errors import Cause, StatusError, bad_request
from sandbox.kube.kinds import Resource
from sandbox.kube.rbac import Access, Authorizer
from sandbox.kube.types import type_of

Obj = dict[str, Any]
_ONE_OF = "exactly one of nonResourceAttributes or resourceAttributes must be specified"


class Reviews:
    """Answers reviews."""

    def __init__(self, tokens: Tokens, authorizer: Authorizer) -> None:
        self._tokens, self._authorizer = tokens, authorizer

    def answer(self, resource: Resource, namespace: str, body: Obj, user: Obj, manager: str) -> Obj:
        """The review with its answer."""
        spec = body.get("spec") or {}
        if resource.plural == "selfsubjectreviews":
            head = {"kind": resource.kind, "apiVersion": resource.group_version}
            return {**head, "metadata": {"creationTimestamp": ownership.now()}, "status": {"userInfo": _told(user)}}
        if resource.plural == "tokenreviews":
            status = self._token(spec)
        else:
            asked = {"name": user["name"], "groups": user["groups"]}
            if resource.plural != "selfsubjectaccessreviews":
                asked = {"name": spec.get("user", ""), "groups": spec.get("groups") or []}
            status = self._access(resource, namespace, spec, asked)
        meta = {**(body.get("metadata") or {}), **({"namespace": namespace} if namespace else {})}
        answered = {"kind": resource.kind, "apiVersion": resource.group_version, "metadata": meta, "spec": spec}
        told = ownership.record_update(None, answered, type_of(resource), manager, "")
        return {**told, "status": status}

    def _token(self, spec: Obj) -> Obj:
        if not spec.get("token"):
            raise bad_request("token is required for TokenReview in authentication")
        found = self._tokens.read(spec["token"], spec.get("audiences") or [])
        if found is None:
            return {"user": {}, "error": "invalid bearer token"}
        return {"authenticated": True, "user": _told(found.user), "audiences": found.audiences}

    def _access(self, resource: Resource, namespace: str, spec: Obj, user: Obj) -> Obj:
        attributes, paths = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        causes: list[Cause] = []
        if (attributes is None) == (paths is None):
            causes.append(("spec.resourceAttributes", f"Invalid value: null: {_ONE_OF}"))
        if not user["name"] and not user["groups"]:
            causes.append(("spec.user", 'Invalid value: "": at least one of user or group must be specified'))
        if namespace and attributes and attributes.get("namespace", "") != namespace:
            other = f'Invalid value: "{attributes.get("namespace", "")}": must match metadata.namespace'
            causes.append(("spec.resourceAttributes.namespace", other))
        if causes:
            raise _invalid(resource, causes)
        decision = self._authorizer.decide(user, _asked(attributes, paths))
        return {"allowed": decision.allowed, **({"reason": decision.reason} if decision.reason else {})}


def _asked(attributes: Obj | None, paths: Obj | None) -> Access:
    if paths:
        return Access(paths.get("verb", ""), path=paths.get("path", ""))
    told = attributes or {}
    named = {name: told.get(name, "") for name in ("group", "resource", "subresource", "namespace", "name")}
    return Access(told.get("verb", ""), **named)


def _invalid(resource: Resource, causes: list[Cause]) -> StatusError:
    """The real server names no kind here, only the group."""
    told = [f"{field}: {message}" for field, message in causes]
    listed = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    fields = [{"reason": "FieldValueInvalid", "message": message, "field": field} for field, message in causes]
    details = {"group": resource.group, "causes": fields}
    return StatusError(422, "Invalid", f'.{resource.group} "" is invalid: {listed}', details)


def _told(user: Obj) -> Obj:
    optional = {key: user[key] for key in ("uid", "extra") if user.get(key)}
    return {"username": user["name"], "groups": user["groups"], **optional}
