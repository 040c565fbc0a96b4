"""OpenAPI v3 documents, as thin as helm and kubectl allow.

They look for two things: which kinds a version has, and whether the server validates fields itself (parameter
fieldValidation). Schemas stay open: strategic merge is not offered here in writing, so that kubectl computes its
patches from the types built into it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from sandbox.kube.kinds import Kinds, Resource

_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]


class OpenApi:
    """Documents of all versions, made when first asked for after the table of kinds changed."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._made_for = -1
        self._documents: dict[str, bytes] = {}

    def index(self) -> dict[str, Any]:
        """The document at /openapi/v3: where the others are, with the hash of each."""
        paths = {}
        for name, document in self._all().items():
            digest = hashlib.sha256(document).hexdigest().upper()
            paths[name] = {"serverRelativeURL": f"/openapi/v3/{name}?hash={digest}"}
        return {"paths": paths}

    def document(self, name: str) -> bytes | None:
        """One version's document, `api/v1` or `apis/GROUP/VERSION`; None if that is not served."""
        return self._all().get(name)

    def _all(self) -> dict[str, bytes]:
        if self._made_for != self._kinds.generation:
            by_version: dict[str, list[Resource]] = {}
            for resource in self._kinds:
                by_version.setdefault(_prefix(resource), []).append(resource)
            self._documents = {name: orjson.dumps(_document(rs)) for name, rs in by_version.items()}
            self._made_for = self._kinds.generation
        return self._documents


def _prefix(resource: Resource) -> str:
    return f"{'apis' if resource.group else 'api'}/{resource.group_version}"


def _document(resources: list[Resource]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for r in resources:
        kind = {"group": r.group, "version": r.version, "kind": r.kind}
        name = f"{(r.group or 'core').replace('/', '.')}.{r.version}.{r.kind}"
        schemas[name] = {"type": "object", "x-kubernetes-group-version-kind": [kind]}
        collection = f"/{_prefix(r)}/{'namespaces/{namespace}/' if r.namespaced else ''}{r.plural}"
        paths[collection] = {"get": _operation(kind, name, "list"), "post": _operation(kind, name, "post")}
        paths[collection + "/{name}"] = {
            method: _operation(kind, name, method) for method in ("get", "put", "patch", "delete")
        }
    info = {"title": "Kubernetes", "version": "unversioned"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _operation(kind: dict[str, str], schema: str, action: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    operation: dict[str, Any] = {
        "responses": {"200": {"description": "OK", "content": content}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": kind,
    }
    if action in ("post", "put", "patch"):
        types = ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"]
        body = {"content": {t: {"schema": {"type": "object"}} for t in types} if action == "patch" else content}
        operation |= {"parameters": _PARAMETERS, "requestBody": body}
    return operation
