"""The refusals of the framework below Nova, Neutron and Glance: pages, or JSON for those who say that they read it."""

from __future__ import annotations

from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.openstack.service import Answer, Call

_TITLES = {401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed"}


def page(status: int, words: str) -> str:
    """The page of one refusal."""
    title = f"{status} {_TITLES[status]}"
    head = f" <head>\n  <title>{title}</title>\n </head>"
    return f"<html>\n{head}\n <body>\n  <h1>{title}</h1>\n  {_ended(status, words)}\n\n </body>\n</html>"


def refusal(call: Call, status: int, words: str) -> Response:
    """A page, or JSON."""
    if "json" not in call.request.headers.get("accept", ""):
        return HTMLResponse(page(status, words), status)
    title = _TITLES[status]
    told = {"message": f"{_ended(status, words)}\n", "code": f"{status} {title}", "title": title}
    return JSONResponse(told, status)


def nothing_there(call: Call, status: int) -> Answer:
    """No such path (404), or not by this method (405)."""
    if status == 404:
        return refusal(call, 404, "The resource could not be found.")
    return refusal(call, 405, f"The method {call.request.method} is not allowed for this resource.")


def _ended(status: int, words: str) -> str:
    return f"{words} <br /><br />" if status == 405 else f"{words}<br /><br />\n\n"
