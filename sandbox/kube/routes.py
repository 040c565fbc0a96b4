"""What a request asks for, and which statuses it may be answered with.

The route's name is what the table below knows it by; verb, group, resource and names are what roles speak of. The table
is a claim that is held against a real API server (tests/contract); an answer outside of it is an error of the sandbox.
Source of the parsing: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_OF_COLLECTION = {"get": "list", "delete": "deletecollection"}
_PATCHES = {
    "application/apply-patch+yaml": "apply",
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
}
_OF_NAMESPACES = ("status", "finalize")
_PATHS = (
    "/version",
    "/healthz",
    "/livez",
    "/readyz",
    "/api",
    "/api/v1",
    "/apis",
    "/apis/{group}",
    "/apis/{group}/{version}",
    "/openapi/v3",
    "/openapi/v3/{document}",
)
_PATTERNS = [
    (path, re.compile(re.sub(r"\{document\}", ".+", re.sub(r"\{(group|version)\}", "[^/]+", path)))) for path in _PATHS
]


@dataclass(frozen=True, slots=True)
class Route:
    """A request, as roles and the table of answers see it; `resource` is empty for a path of another kind."""

    name: str
    verb: str
    path: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    object_name: str = ""


def route_of(method: str, path: str, query: Mapping[str, str], content_type: str = "") -> Route:
    """The route of a request; also where nothing is served."""
    steps = path.strip("/").split("/")
    if steps[0] == "api" and len(steps) > 2:
        return _resource_route(method, path, query, content_type, "", steps[1], steps[2:])
    if steps[0] == "apis" and len(steps) > 3:
        return _resource_route(method, path, query, content_type, steps[1], steps[2], steps[3:])
    verb = method.lower()
    known = next((name for name, pattern in _PATTERNS if pattern.fullmatch(path.rstrip("/"))), "")
    return Route(f"{verb} {known}" if known and verb == "get" else "other path", verb, path)


def _resource_route(
    method: str,
    path: str,
    query: Mapping[str, str],
    content_type: str,
    group: str,
    version: str,
    steps: list[str],
) -> Route:
    namespace = ""
    if steps[0] == "namespaces" and len(steps) > 1:
        namespace = steps[1]
        if len(steps) > 2 and steps[2] not in _OF_NAMESPACES:
            steps = steps[2:]
    resource, name, subresource = (*steps[:3], "", "")[:3]
    verb = _VERBS.get(method, method.lower())
    if not name:
        verb = _OF_COLLECTION.get(verb, verb)
    watches = query.get("watch", "").lower() in ("true", "1")
    if watches and verb == "list":
        verb = "watch"
    told = "watch" if watches and verb == "get" else verb
    if verb == "patch" and (kind := _PATCHES.get(content_type.partition(";")[0].strip())):
        told = f"patch {kind}"
    if resource.endswith("reviews"):
        told = f"{told} review"
    told = f"{told} {subresource}".strip()
    return Route(told, verb, path, group, version, resource, subresource, namespace, name)


_EVERYWHERE = (401, 403)
# Of every route, besides: 401 for a credential that is not known, 403 for what its user may not do.
_ANSWERS: dict[str, tuple[int, ...]] = {}


def allowed(route: Route) -> tuple[int, ...]:
    """The statuses that a request may be answered with."""
    return (*_ANSWERS.get(route.name, ()), *_EVERYWHERE)


def answers() -> Iterator[tuple[str, int]]:
    """(route, status): all that this API can answer."""
    for name, statuses in _ANSWERS.items():
        for status in (*statuses, *_EVERYWHERE):
            yield name, status
