"""`provision` as a deployment: made and run by the commands that README tells, started through Prefect's API."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.sandbox import BIN, Sandbox

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workplace(tmp_path: Path, provisioned_sandbox: Sandbox) -> Path:
    """This project's folder with one site of its own."""
    (tmp_path / "flows").symlink_to(ROOT / "flows")
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    sites = tmp_path / "deployments/sites"
    sites.mkdir(parents=True)
    shutil.copy(provisioned_sandbox.site("heat"), sites)
    return tmp_path


def _told(start: str) -> list[str]:
    """README's command that begins so, without its path."""
    (command,) = re.findall(rf"^\.venv/bin/(prefect {start}.*)$", (ROOT / "README.md").read_text(), re.M)
    return command.split()


def test_a_worker_carries_out_what_was_started_in_prefect(
    workplace: Path, provisioned_sandbox: Sandbox, prefect_server: str
) -> None:
    def prefect(arguments: list[str]) -> None:
        command = [str(BIN / arguments[0]), *arguments[1:]]
        environment = provisioned_sandbox.environment
        ran = subprocess.run(command, cwd=workplace, env=environment, capture_output=True, text=True, timeout=200)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def api(method: str, path: str, **json: Any) -> httpx.Response:
        return httpx.request(method, f"{prefect_server}{path}", json=json or None, timeout=30)

    prefect(_told("work-pool create"))
    prefect(_told("--no-prompt deploy"))
    deployment = api("GET", "/deployments/name/provision/provision").json()
    assert deployment["parameter_openapi_schema"]["properties"]["site"]["enum"] == ["heat"]
    start = f"/deployments/{deployment['id']}/create_flow_run"
    assert api("POST", start, parameters={"site": "elsewhere"}).is_client_error

    before = provisioned_sandbox.mutations()
    run = api("POST", start, parameters={"site": "heat"}).json()
    prefect([*_told("worker start"), "--run-once"])
    ended = api("GET", f"/flow_runs/{run['id']}").json()
    assert (ended["state"]["type"], ended["name"]) == ("COMPLETED", "provision heat"), ended["state"]
    assert provisioned_sandbox.mutations() == before, "it was provisioned already"
