"""Nova's microversions: what a request asks for decides which fields it is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from sandbox.openstack.pages import nothing_there
from sandbox.openstack.service import Answer, ApiError, Call

OLDEST, NEWEST = 1, 104  # of 2.x


def _asked(request: Request) -> str:
    found = re.search(r"\bcompute (\S+)", request.headers.get("openstack-api-version", ""))
    asked = found[1] if found else request.headers.get("x-openstack-nova-api-version", f"2.{OLDEST}")
    return f"2.{NEWEST}" if asked == "latest" else asked


def minor_of(request: Request) -> int:
    """The N of the version 2.N that a request asks for; without asking it is the oldest.

    Raises:
        ApiError: 406, Nova has no such version.
    """
    found = re.fullmatch(r"2\.(\d+)", asked := _asked(request))
    if found is None or not OLDEST <= int(found[1]) <= NEWEST:
        words = f"Version {asked} is not supported by the API. Minimum is 2.{OLDEST} and maximum is 2.{NEWEST}."
        raise ApiError(406, words)
    return int(found[1])


def version_headers(request: Request) -> dict[str, str]:
    """What Nova adds to every answer below a version: the one asked for, also where it has none."""
    if not request.scope["path"].removeprefix(request.scope.get("root_path", "")).startswith("/v2.1"):
        return {}
    asked = _asked(request)
    return {
        "OpenStack-API-Version": f"compute {asked}",
        "X-OpenStack-Nova-API-Version": asked,
        "Vary": "OpenStack-API-Version, X-OpenStack-Nova-API-Version",
    }


def shown_at(
    minor: int,
    fields: dict[str, Any],
    *,
    since: Mapping[str, int] | None = None,
    until: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The fields that a version has: those of `since` from it on, those of `until` up to it, all others always."""
    since, until = since or {}, until or {}
    return {key: value for key, value in fields.items() if since.get(key, OLDEST) <= minor <= until.get(key, NEWEST)}


def get_version(call: Call) -> Answer:
    """GET /v2.1/: what clients find out the newest version from."""
    links = [
        {"rel": "self", "href": call.cloud.url("compute/v2.1/")},
        {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"},
    ]
    media = {"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}
    version = {
        "id": "v2.1",
        "status": "CURRENT",
        "version": f"2.{NEWEST}",
        "min_version": f"2.{OLDEST}",
        "updated": "2013-07-23T11:33:21Z",
        "links": links,
        "media-types": [media],
    }
    return {"version": version}


def list_versions(call: Call) -> Answer:
    """GET /: the frozen 2.0 and the one that goes on."""
    shown = [_listed(call, *version) for version in _VERSIONS]
    return {"versions": shown}


def elsewhere(call: Call, status: int) -> Answer:
    """What the table has not: documents of versions are got by any method, other paths are offered at each version."""
    if call.asked_path == "/":
        return list_versions(call)
    if call.asked_path in ("/v2.1", "/v2.1/"):
        return JSONResponse(get_version(call), 200, version_headers(call.request))
    if call.asked_path.startswith("/v2.1/"):
        return nothing_there(call, 404)
    return 300, {"choices": [_choice(call, *version) for version in _VERSIONS]}


_VERSIONS = [  # id, status, path, newest, oldest, updated
    ("v2.0", "DEPRECATED", "v2", "", "", "2025-07-04T12:00:00Z"),
    ("v2.1", "CURRENT", "v2.1", f"2.{NEWEST}", f"2.{OLDEST}", "2013-07-23T11:33:21Z"),
]


def _listed(call: Call, ident: str, status: str, path: str, newest: str, oldest: str, updated: str) -> dict[str, Any]:
    links = [{"rel": "self", "href": call.cloud.url(f"compute/{path}/")}]
    numbers = {"version": newest, "min_version": oldest, "updated": updated}
    return {"id": ident, "status": status, **numbers, "links": links}


def _choice(call: Call, ident: str, status: str, path: str, *_: str) -> dict[str, Any]:
    links = [{"rel": "self", "href": call.cloud.url(f"compute/{path}{call.asked_path}")}]
    media = {"base": "application/json", "type": f"application/vnd.openstack.compute+json;version={path[1:]}"}
    return {"id": ident, "status": status, "links": links, "media-types": [media]}
