"""A Prefect server for as long as a block runs: a temporary one for each command would cost 10 s a command."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.ports import free_port
from tests.support.sandbox import BIN, wait_until


@dataclass(frozen=True)
class PrefectServer:
    """A started server; `kill` leaves it no time to tidy up."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """Start a server with its database in `home` and yield its API's URL."""
    server = start_prefect_server(home)
    try:
        yield server.url
    finally:
        server.process.terminate()
        server.process.wait(30)


def start_prefect_server(home: Path, port: int | None = None) -> PrefectServer:
    """Start a server with its database in `home`; returns when it answers."""
    home.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    environment = os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    with (home / "server.log").open("a") as log:
        process = subprocess.Popen(
            [str(BIN / "prefect"), "server", "start"], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    server = PrefectServer(f"http://127.0.0.1:{port}/api", process)
    try:
        wait_until(lambda: httpx.get(f"{server.url}/health").status_code == 200, 180, "the Prefect server answers")
    except BaseException:
        server.kill()
        raise
    return server
