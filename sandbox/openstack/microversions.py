"""Magnum's microversions, 1.1 to 1.14: what a request asks for, what a reply says, and what is refused."""

from __future__ import annotations

import inspect
import re

from starlette.requests import Request

from sandbox.openstack.service import Answer, ApiError, Call, Handler

LOWEST, HIGHEST = (1, 1), (1, 14)
UNSUPPORTED = "microversion"
"""The kind of a refusal that Magnum words in a way of its own."""

_SERVICE = "container-infrastructure-management"
_ASKED = re.compile(r"container-infra(?:structure-management)? (\S+)")


def microversion(request: Request) -> tuple[int, int]:
    """What the request asks for; 1.1 when it does not say (as openstacksdk does not).

    Raises:
        ApiError: 406, it is no version or not one of ours.
    """
    asked = _ASKED.match(request.headers.get("openstack-api-version", ""))
    if not asked:
        return LOWEST
    if asked[1] == "latest":
        return HIGHEST
    number = re.fullmatch(r"(\d+)\.(\d+)", asked[1])
    if not number:
        raise ApiError(406, "")
    version = (int(number[1]), int(number[2]))
    if not LOWEST <= version <= HIGHEST:
        raise ApiError(406, asked[1], UNSUPPORTED)
    return version


def from_version(request: Request, first: tuple[int, int]) -> None:
    """Refuse what this version has not yet.

    Raises:
        ApiError: 406.
    """
    if microversion(request) < first:
        raise ApiError(406, "")


def versioned(handler: Handler) -> Handler:
    """A handler that looks at the version before anything else."""

    async def checked(call: Call) -> Answer:
        microversion(call.request)
        answer = handler(call)
        return await answer if inspect.isawaitable(answer) else answer

    return checked


def version_headers(request: Request) -> dict[str, str]:
    """What every reply below /v1 says; the root knows no versions."""
    if not request.scope["path"].removeprefix(request.scope.get("root_path", "")).startswith("/v1"):
        return {}
    asked = _ASKED.match(request.headers.get("openstack-api-version", ""))
    version = asked[1] if asked else _text(LOWEST)
    return {
        "OpenStack-API-Version": f"{_SERVICE} {_text(HIGHEST) if version == 'latest' else version}",
        "OpenStack-API-Minimum-Version": f"{_SERVICE} {_text(LOWEST)}",
        "OpenStack-API-Maximum-Version": f"{_SERVICE} {_text(HIGHEST)}",
        "Vary": "OpenStack-API-Version",
    }


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
