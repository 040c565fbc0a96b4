"""What Nova's resources and lists have in common: links to themselves, pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from sandbox.openstack.service import ApiError, Call
from sandbox.store import Resource


def links(call: Call, plural: str, ident: str) -> list[dict[str, str]]:
    """Where a resource is: with the version for clients, and without to be kept."""
    return [
        {"rel": "self", "href": call.cloud.url(f"compute/v2.1/{plural}/{ident}")},
        bookmark(call, plural, ident),
    ]


def bookmark(call: Call, plural: str, ident: str) -> dict[str, str]:
    """A resource's address that outlives versions."""
    return {"rel": "bookmark", "href": call.cloud.url(f"compute/{plural}/{ident}")}


def page(call: Call, plural: str, found: list[Resource]) -> tuple[list[Resource], dict[str, Any]]:
    """The part of a list that `marker` and `limit` ask for, and the link to the next.

    Raises:
        ApiError: 400, there is no such marker, or the limit is no number.
    """
    options = dict(call.query)
    if marker := options.get("marker"):
        ids = [resource["id"] for resource in found]
        if marker not in ids:
            raise ApiError(400, f"marker [{marker}] not found")
        found = found[ids.index(marker) + 1 :]
    if not options.get("limit"):
        return found, {}
    if not options["limit"].isdigit():
        raise invalid("query parameters limit", options["limit"], "does not match '^[0-9]*$'")
    shown = found[: int(options["limit"])]
    if not shown or len(shown) < int(options["limit"]):
        return shown, {}
    path = call.request.scope["path"].removeprefix(call.request.scope.get("root_path", "")).lstrip("/")
    query = urlencode({**dict(sorted(options.items())), "marker": shown[-1]["id"]})
    return shown, {f"{plural}_links": [{"rel": "next", "href": f"{call.cloud.url('compute')}/{path}?{query}"}]}


def invalid(what: str, value: str, wrong: str) -> ApiError:
    """A refusal of a value, in the words of Nova's schemas."""
    return ApiError(400, f"Invalid input for {what}. Value: {value}. '{value}' {wrong}")
