"""This test's process as a client of a Prefect server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)

from tests.support.relay import relay


@contextmanager
def using_server(url: str, home: Path) -> Iterator[None]:
    """Let flows and clients use that server: without what takes a second a flow, or is sent when the server is gone."""
    settings = {
        PREFECT_API_URL: url,
        PREFECT_HOME: home,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with temporary_settings(settings):
        yield


@contextmanager
def losable_server(url: str) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Lead to that server over a connection that is lost while the yielded one's block runs: also in a flow, which
    keeps the client that it began with."""
    at = httpx.URL(url)
    assert at.port is not None
    with relay(at.host, at.port) as way:

        @contextmanager
        def lost() -> Iterator[None]:
            there, way.leads_to = way.leads_to, (at.host, 9)
            way.cut()
            try:
                yield
            finally:
                way.leads_to = there

        through = {PREFECT_API_URL: f"http://127.0.0.1:{way.port}/api", PREFECT_CLIENT_MAX_RETRIES: 0}
        with temporary_settings(through):
            yield lost
