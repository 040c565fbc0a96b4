"""A sandbox and a Prefect server for the whole session, and the command line as its users type it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

BIN = Path(sys.executable).parent


@dataclass
class Ran:
    """How a command ended; `document` is what it printed with --json."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.stdout)


@dataclass
class Sandbox:
    """A running sandbox: its ready-made sites, its control API, and magnumhub started against it."""

    started: dict[str, Any]
    environment: dict[str, str] = field(repr=False)

    def site(self, name: str = "heat") -> Path:
        return Path(self.started["sites"][name])

    def state(self) -> dict[str, Any]:
        return httpx.get(f"{self.started['control_url']}/state", timeout=30).json()

    def mutations(self, by: str = "product") -> list[dict[str, Any]]:
        return [mutation for mutation in self.state()["mutations"] if mutation["by"] == by]

    def fault(self, **fault: Any) -> None:
        httpx.post(f"{self.started['control_url']}/faults", json=fault, timeout=30).raise_for_status()

    def reset(self) -> None:
        httpx.post(f"{self.started['control_url']}/reset", timeout=120).raise_for_status()

    def magnumhub(self, *arguments: object, timeout_s: float = 280) -> Ran:
        ended = subprocess.run(
            [str(BIN / "magnumhub"), *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    def kubectl(self, *arguments: str, cluster: int = 0) -> str:
        kubeconfig = self.state()["clusters"][cluster]["kubeconfig"]
        from sandbox.tools import executable

        return subprocess.run(
            [str(executable("kubectl")), "--kubeconfig", kubeconfig, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all runs: a temporary one for each would cost 10 s a command."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [str(BIN / "prefect"), "server", "start"], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}/api"
    try:
        _wait_until(lambda: httpx.get(f"{url}/health").status_code == 200, 90, "the Prefect server")
        yield url
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Iterator[Sandbox]:
    state = tmp_path_factory.mktemp("sandbox")
    home = tmp_path_factory.mktemp("home")
    environment = os.environ | {
        "PREFECT_API_URL": prefect_server,
        "PREFECT_HOME": str(home / "prefect"),
        "XDG_STATE_HOME": str(home / "state"),
    }
    up = subprocess.run(
        [str(BIN / "magnumhub"), "sandbox", "up", "--state", str(state), "--time-scale", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    started = json.loads(up.stdout)
    environment["OS_CLIENT_CONFIG_FILE"] = started["clouds_yaml"]
    try:
        yield Sandbox(started, environment)
    finally:
        subprocess.run([str(BIN / "magnumhub"), "sandbox", "down", "--state", str(state)], check=True, timeout=120)


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox as after `up`: no clusters, no addresses, no faults."""
    running_sandbox.reset()
    return running_sandbox


def _wait_until(holds: Callable[[], bool], limit_s: float, what: str) -> None:
    give_up_s = time.monotonic() + limit_s
    while time.monotonic() < give_up_s:
        try:
            if holds():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise TimeoutError(f"{what} did not answer within {limit_s} s")
