"""What a request asks for, and which statuses it may be answered with.

The route's name is what the table below knows it by; verb, group, resource and names are what roles speak of. The table
is a claim that is held against a real API server (tests/contract); an answer outside of it is an error of the sandbox.
Source of the parsing: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox.kube.errors import qualified
from sandbox.kube.kinds import Kinds

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_OF_COLLECTION = {"get": "list", "delete": "deletecollection"}
_PATCHES = {
    "application/apply-patch+yaml": "apply",
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
}
_OF_NAMESPACES = ("status", "finalize")
_READ = ("/version", "/api", "/api/v1", "/apis/{group}/{version}")  # other methods than GET are refused
_SHOWN = (  # whatever the method
    "/healthz",
    "/livez",
    "/readyz",
    "/apis",
    "/apis/{group}",
    "/openapi/v3",
    "/openapi/v3/{document}",
)
_PATTERNS = [
    (path, re.compile(re.sub(r"\{document\}", ".+", re.sub(r"\{(group|version)\}", "[^/]+", path))))
    for path in (*_READ, *_SHOWN)
]
OTHERWISE = "otherwise"
"""The route of all that the table does not have: paths where nothing is served, methods that nothing takes."""


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
    known = next((name for name, pattern in _PATTERNS if pattern.fullmatch(path.rstrip("/"))), OTHERWISE)
    return Route(_in_table(f"{verb} {known}" if known in _READ else known), verb, path)


def _in_table(name: str) -> str:
    return name if name in _ANSWERS else OTHERWISE


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
    told = "head" if method == "HEAD" else verb
    if verb == "patch" and (kind := _PATCHES.get(content_type.partition(";")[0].strip())):
        told = f"patch {kind}"
    if resource.endswith("reviews"):
        told = f"{told} review"
    told = f"{told} {subresource}".strip()
    return Route(_in_table(told), verb, path, group, version, resource, subresource, namespace, name)


def longest(route: Route) -> int:
    """How many steps the path of a request of this route has at most."""
    named = 2 if route.namespace and route.resource != "namespaces" else 0
    return (3 if route.group else 2) + named + 3


_UNKNOWN, _REFUSED = 401, 403
_BODY = (400, 415, 422)
# Besides: 401 for a credential that is not known, 403 for what its user may not do, of every route.
_ANSWERS: dict[str, tuple[int, ...]] = {
    **{f"get {path}": (200,) for path in _READ},
    **dict.fromkeys(_SHOWN, (200,)),
    "/apis/{group}": (200, 404),
    "get /apis/{group}/{version}": (200, 404),
    "/openapi/v3/{document}": (200, 304, 404),
    OTHERWISE: (404, 405),
    "get": (200, 400, 404, 406, 504),
    "list": (200, 400, 404, 406, 410, 422, 504),
    "watch": (200, 400, 404, 422, 500),
    "create": (201, 404, 405, 409, 500, *_BODY),
    "update": (200, 201, 404, 405, 409, *_BODY),
    "patch": (405, 415),
    "patch apply": (200, 201, 404, 405, 409, 500, 400, 422),
    "patch json": (200, 404, 405, 409, 400, 422),
    "patch merge": (200, 404, 405, 409, 400, 422),
    "patch strategic": (200, 404, 405, 409, 400, 415, 422),
    "delete": (200, 404, 409, 400, 422),
    "deletecollection": (200, 400, 404, 405, 422),
    "create review": (201, 400, 415, 422),
    "get status": (200, 404),
    "update status": (200, 404, 409, *_BODY),
    "patch apply status": (200, 404, 409, 400, 422),
    "patch json status": (200, 404, 422),
    "patch merge status": (200, 404, 409, 422),
    "patch strategic status": (200, 404, 409, 422),
    "get scale": (200, 404),
    "update scale": (200, 404, 409, *_BODY),
    "patch scale": (415,),
    "patch apply scale": (200, 404, 409, 500, 400, 422),
    "patch json scale": (200, 404, 409, 400, 422),
    "patch merge scale": (200, 404, 409, 400, 422),
    "patch strategic scale": (200, 404, 409, 400, 422),
    "get log": (200, 400, 404),
    "create binding": (201, 404, 409, 500, *_BODY),
    "create token": (201, 404, *_BODY),
    "update finalize": (200, 404, 409, *_BODY),
}


def allowed(route: Route) -> tuple[int, ...]:
    """The statuses that a request may be answered with."""
    return (*_ANSWERS[route.name], _UNKNOWN, _REFUSED)


def answers() -> Iterator[tuple[str, int]]:
    """(route, status): all that this API can answer."""
    for name, statuses in _ANSWERS.items():
        refused = () if name == "get /version" else (_REFUSED,)  # to everybody
        for status in (*statuses, _UNKNOWN, *refused):
            yield name, status
    for resource in Kinds():
        for verb in resource.verbs:
            yield of_kind(verb, resource.group, resource.plural), 201 if verb == "create" else 200


def of_kind(verb: str, group: str, plural: str) -> str:
    """The route of what succeeds: `create deployments.apps`. Refusals are claimed of the verb alone."""
    return f"{verb} {qualified(group, plural)}"
