"""One way to ask an HTTP service and to say in the product's words what went wrong.

Hub, gateway and notebook server answer errors as JSON, as HTML or not at all; whoever calls wants the service's own
reason and to know whether asking again can help.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from html import unescape
from typing import Any

import httpx

from magnumhub.domain.errors import AuthenticationError, DeadlineError, MagnumhubError, ServiceError, TransientError
from magnumhub.domain.results import Report

_BUSY = frozenset({429, 502, 503, 504})
_REASON_CHARACTERS = 300


def ask(
    client: httpx.Client,
    method: str,
    path: str,
    *,
    what: str,
    accept: Collection[int] = (200,),
    **options: Any,
) -> httpx.Response:
    """Send one request and return its answer, if the status is one of `accept`.

    Args:
        what: who is asked for what, for the error's message: "the hub's version".

    Raises:
        TransientError: no answer, or the service says it is busy (429, 502, 503, 504).
        AuthenticationError: 401 or 403.
        ServiceError: any other status that is not accepted.
    """
    try:
        response = client.request(method, path, **options)
    except httpx.HTTPError as error:
        raise unanswered(error, what=what, where=str(client.base_url)) from error
    if response.status_code not in accept:
        raise refused(response, what=what)
    return response


def unanswered(error: httpx.HTTPError, *, what: str, where: str) -> TransientError:
    """The error of a request that got no answer."""
    reason = str(error) or type(error).__name__
    return TransientError(
        f"{what}: no answer from {where.rstrip('/')}: {reason}",
        "check that the address is reachable from here: firewall, floating IP, load balancer",
    )


def refused(response: httpx.Response, *, what: str) -> MagnumhubError:
    """The error of an answer that is none of those expected."""
    status = response.status_code
    message = f"{what}: {response.url.copy_with(query=None)} answered {status}: {reason_of(response)}"
    if status in _BUSY:
        return TransientError(message, "the service behind this address is not ready; look at its pods")
    if status in (401, 403):
        return AuthenticationError(message, "the credentials used here may not do this")
    return ServiceError(message, "look at the service's own log")


def reason_of(response: httpx.Response) -> str:
    """The service's own words in an error's body, in one short line."""
    try:
        body = response.json()
    except ValueError:
        return _words(response.text) or response.reason_phrase
    if isinstance(body, dict):
        body = body.get("message") or body.get("error") or body.get("reason") or body
    return str(body)[:_REASON_CHARACTERS]


def _words(html: str) -> str:
    body = re.sub(r"(?is)<(head|script|noscript|style|nav)\b.*?</\1>", " ", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())[:_REASON_CHARACTERS]


def wait_until(probe: Callable[[], None], *, what: str, deadline_s: float, report: Report, hint: str) -> None:
    """Call `probe` until it no longer raises a MagnumhubError.

    An HTTP service offers nothing to watch, so it is asked again, at most every two seconds.

    Raises:
        DeadlineError: it still raised at the deadline; the message has the last reason.
    """
    start = time.monotonic()
    pause_s, reason = 0.25, ""
    while True:
        try:
            probe()
        except MagnumhubError as error:
            if error.message != reason:
                reason = error.message
                report(f"{what}: {reason}")
            waited_s = time.monotonic() - start
            if waited_s + pause_s > deadline_s:
                raise DeadlineError(f"{what}: not there after {waited_s:.0f} s; last seen: {reason}", hint) from error
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 2.0)
        else:
            return
