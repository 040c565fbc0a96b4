"""Commands at a Prefect server that wants a password which they were not told: they say so, and how to tell them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_server import answering


@contextmanager
def locked_server(status: int) -> Iterator[str]:
    """The address of an API that answers everything with that status."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = answer

        def log_message(self, format: str, *arguments: Any) -> None:
            """Tests say what the command said."""

    with answering(Handler) as address:
        yield f"{address}/api"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (("plan", "deployments/example-site.yaml"), 401),
        (("plan", "deployments/example-site.yaml"), 403),
        (("fleet",), 401),
        (("deploy",), 401),
        (("deploy",), 403),
    ],
)
def test_a_missing_password_is_told_and_no_fault_of_ours(tmp_path: Path, command: tuple[str, ...], status: int) -> None:
    with locked_server(status) as url:
        asked = {"PREFECT_API_URL": url, "PREFECT_HOME": str(tmp_path)}
        run = [sys.executable, "-m", "flows.cli", *command]
        ran = subprocess.run(run, env=os.environ | asked, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 1, ran.stderr
    assert f"Prefect's server wants a password (HTTP {status})\n  -> set PREFECT_API_AUTH_STRING to" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "fault of magnumhub" not in ran.stderr
