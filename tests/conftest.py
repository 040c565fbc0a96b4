"""What end-to-end tests and the matrix share: one sandbox and one Prefect server for the whole session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support import prefect_server as prefect_support
from tests.support import sandbox as sandbox_support
from tests.support.sandbox import Sandbox


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prefect_support.prefect_server(tmp_path_factory.mktemp("prefect")) as url:
        yield url


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Iterator[Sandbox]:
    home = tmp_path_factory.mktemp("home")
    environment = os.environ | {
        "PREFECT_API_URL": prefect_server,
        "PREFECT_HOME": str(home / "prefect"),
        "XDG_STATE_HOME": str(home / "state"),
    }
    with sandbox_support.running_sandbox(tmp_path_factory.mktemp("sandbox"), environment) as running:
        yield running


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox as after `up`: no clusters, no addresses, no faults."""
    running_sandbox.reset()
    return running_sandbox
