"""Watching ends with its listener: a connection that was closed on purpose is not tried again."""

from __future__ import annotations

import threading
from typing import Any, NoReturn

import pytest
from urllib3.exceptions import ProtocolError

from magnumhub.domain.errors import DeadlineError
from magnumhub.kube.watching import changes


def test_what_fails_after_the_end_is_not_tried_again() -> None:
    closed, tries = threading.Event(), []

    def closed_meanwhile(**options: Any) -> NoReturn:
        tries.append(options)
        closed.set()
        raise ProtocolError("the tunnel is closed")

    assert list(changes("watching", closed_meanwhile, deadline_s=60, closed=closed)) == []
    assert len(tries) == 1


def test_an_api_that_does_not_answer_is_told_at_the_deadline() -> None:
    def away(**options: Any) -> NoReturn:
        raise ProtocolError("nobody is there")

    with pytest.raises(DeadlineError, match="nobody is there"):
        list(changes("watching", away, deadline_s=0.1))
