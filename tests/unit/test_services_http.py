"""Errors of HTTP services in the product's words: the service's own reason, and whether asking again can help."""

from __future__ import annotations

import httpx
import pytest

from magnumhub.domain.errors import AuthenticationError, DeadlineError, MagnumhubError, ServiceError, TransientError
from magnumhub.services.http import ask, wait_until


def client(response: httpx.Response | httpx.HTTPError) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(response, httpx.HTTPError):
            raise response
        return response

    return httpx.Client(base_url="http://hub.example", transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("response", "error", "words"),
    [
        (
            httpx.Response(503, text="<head><title>x</title></head><body><h1>503</h1>busy</body>"),
            TransientError,
            "503 busy",
        ),
        (httpx.Response(429), TransientError, "429: Too Many Requests"),
        (httpx.Response(403, json={"status": 403, "message": "no scope"}), AuthenticationError, "no scope"),
        (httpx.Response(500, json={"error": "Permission failure"}), ServiceError, "Permission failure"),
        (
            httpx.Response(404, text="<noscript>no script</noscript> not here"),
            ServiceError,
            "404: not here",
        ),
        (httpx.ConnectTimeout("timed out"), TransientError, "no answer from http://hub.example: timed out"),
        (httpx.ReadError(""), TransientError, "no answer from http://hub.example: ReadError"),
    ],
)
def test_an_error_says_who_was_asked_and_what_was_answered(
    response: httpx.Response | httpx.HTTPError, error: type[MagnumhubError], words: str
) -> None:
    with pytest.raises(error) as raised:
        ask(client(response), "GET", "/hub/health?token=abc", what="hub health")
    assert raised.value.message.startswith("hub health: ")
    assert words in raised.value.message
    assert "abc" not in raised.value.message


def test_an_accepted_status_is_no_error() -> None:
    assert ask(client(httpx.Response(409)), "POST", "/x", what="user", accept=(201, 409)).status_code == 409


def test_waiting_ends_with_the_last_reason() -> None:
    told: list[str] = []

    def probe() -> None:
        raise TransientError(f"reason {min(len(told), 1)}")

    with pytest.raises(DeadlineError) as raised:
        wait_until(probe, what="hub", deadline_s=0.5, report=told.append, hint="look")
    assert told == ["hub: reason 0", "hub: reason 1"]
    assert "reason 1" in raised.value.message
    assert raised.value.hint == "look"
