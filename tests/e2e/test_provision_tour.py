"""What `make demo` ends with: everything that the tour prints is there, and every command it names works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.sandbox import Sandbox

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def told(running_sandbox: Sandbox) -> dict[str, str]:
    """Filled by the first test that needs it: the tour starts a notebook server, which takes its time."""
    return {}


@pytest.fixture
def tour(provisioned_sandbox: Sandbox, told: dict[str, str]) -> str:
    if "tour" not in told:
        state = str(Path(provisioned_sandbox.started["clouds_yaml"]).parent)
        command = [sys.executable, "examples/tour.py", "--state", state]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr
        told["tour"] = ran.stdout
    return told["tour"]


def _commands(tour: str) -> list[str]:
    """The indented lines after "Look around", without their comments."""
    lines = tour.split("Look around")[1].splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.startswith("  ")]


def test_the_notebook_opens_for_whom_it_names(tour: str) -> None:
    said = dict(re.findall(r"^  (open|log in as|password) +(\S+)$", tour, re.M))
    url = httpx.URL(said["open"])
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        login = browser.get(url)
        form = {"username": said["log in as"], "password": said["password"], "_xsrf": browser.cookies["_xsrf"]}
        opened = browser.post(login.url, data=form)
        assert opened.status_code == 200, opened.text
        assert opened.url.path == f"/user/{said['log in as']}/lab/tree/array-mean.ipynb"
        notebook = browser.get(opened.url.join("../../api/contents/array-mean.ipynb")).json()
    assert "gateway.new_cluster()" in str(notebook["content"]["cells"])


def test_every_command_works(tour: str, provisioned_sandbox: Sandbox) -> None:
    exports = [command for command in _commands(tour) if command.startswith("export ")]
    commands = [command for command in _commands(tour) if not command.startswith("export ")]
    assert {command.split()[0] for command in commands} == {"kubectl", "helm", ".venv/bin/magnumhub"}
    shown = {}
    for command in commands:
        endless = command.endswith("--watch")
        script = "\n".join([*exports, f"timeout 2 {command}" if endless else command])
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=ROOT,
            env=provisioned_sandbox.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == (124 if endless else 0), command + ran.stdout + ran.stderr
        shown[command] = ran.stdout
    assert "proxy-public" in shown["kubectl get service -n jhub"]
    assert "api-dask-gateway" in shown["kubectl get pods -n dask-gateway --watch"]
    assert "dask-gateway-2026.3.0" in shown["helm list -A"]
