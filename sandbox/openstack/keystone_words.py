"""What Keystone's answers share: its roles, its links, its refusals."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse

from sandbox.openstack.service import Answer, ApiError, Call

MALFORMED = (
    "The server could not comply with the request since it is either malformed or otherwise incorrect."
    " The client is assumed to be in error."
)
ROLES = [
    {
        "id": uuid.uuid5(uuid.NAMESPACE_DNS, role).hex,
        "name": role,
        "domain_id": None,
        "description": None,
        "options": {"immutable": True},
    }
    for role in ("member", "reader")
]
_PAGES = {
    404: (
        "Not Found",
        "The requested URL was not found on the server. If you entered the URL manually please check your spelling"
        " and try again.",
    ),
    405: ("Method Not Allowed", "The method is not allowed for the requested URL."),
}


def refused() -> ApiError:
    """401, whatever the reason."""
    return ApiError(401, "The request you have made requires authentication.")


def forbidden(what: str) -> ApiError:
    """403."""
    return ApiError(403, f"You are not authorized to perform the requested action: {what}.")


def list_links(call: Call) -> dict[str, Any]:
    """The links of a list that has one page."""
    return {"next": None, "self": call.cloud.url(f"identity{call.asked_path}"), "previous": None}


def elsewhere(call: Call, status: int) -> Answer:
    """The framework below answers: a page, or JSON at resources, where only the method was wrong."""
    title, words = _PAGES[status]
    if status == 405 and call.asked_path not in ("/", "/v3", "/v3/"):
        return JSONResponse({"message": words}, 405)
    head = f"<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n"
    return HTMLResponse(f"{head}<h1>{title}</h1>\n<p>{words}</p>\n", status)
