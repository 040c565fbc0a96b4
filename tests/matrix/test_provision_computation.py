"""Computations that are cut short, on a site that works: whatever ends them, nothing of theirs is left on it."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from magnumhub.domain.health import Health
from magnumhub.domain.results import Report
from magnumhub.domain.spec_file import load_site
from magnumhub.services.benchmark import DaskRequest, run_on_runner
from magnumhub.services.gateway import Gateway
from magnumhub.services.hub import Hub
from magnumhub.services.users import HubAccess
from magnumhub.services.verify import verify
from tests.support.sandbox import Sandbox, wait_until

USER = "magnumhub-check"
# Minutes of work: it never ends by itself within a test.
LONG = DaskRequest(workers=2, required=1, array_size=100_000, chunk=1000, scheduler_s=60, workers_s=60, benchmark_s=300)
_COMPUTE = """
import sys
from magnumhub.services.benchmark import DaskRequest, run_on_runner
token = sys.stdin.readline().strip()
run_on_runner({request!r}, address={address!r}, token=token, report=lambda line: print(line, flush=True))
"""


@dataclass
class Working:
    """A provisioned site, and a token of the check's user."""

    sandbox: Sandbox
    hub_url: str
    gateway_url: str
    password: str
    token: str

    def dask_clusters(self) -> dict[str, str]:
        with Gateway(self.gateway_url, self.token) as gateway:
            return gateway.dask_clusters()

    def pods(self, prefix: str) -> list[str]:
        lines = self.sandbox.kubectl("get", "pods", "-A", "--no-headers").splitlines()
        return [name for name in (line.split()[1] for line in lines) if name.startswith(prefix)]

    def wait_until_gone(self) -> None:
        wait_until(lambda: not self.dask_clusters(), 60, "Dask clusters stopped")
        wait_until(lambda: not self.pods("dask-scheduler") + self.pods("dask-worker"), 60, "Dask pods gone")

    def verify(self, report: Report) -> Health:
        return verify(
            load_site(self.sandbox.site()),
            hub_url=self.hub_url,
            gateway_url=self.gateway_url,
            gateway_ports={},
            access=HubAccess(USER, password=self.password),
            releases={},
            full=True,
            report=report,
        )


@pytest.fixture(scope="module")
def working(running_sandbox: Sandbox) -> Iterator[Working]:
    running_sandbox.reset()
    ran = running_sandbox.magnumhub("provision", running_sandbox.site(), "--json")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    endpoints = ran.document["endpoints"]
    password = (Path(running_sandbox.started["clouds_yaml"]).parent / "hub-password").read_text().strip()
    with Hub(endpoints["jupyterhub"]) as hub, hub.login(USER, password, token_s=1800, note="a test") as user:
        yield Working(running_sandbox, endpoints["jupyterhub"], endpoints["dask_gateway"], password, user.token)


def quiet(line: str) -> None:
    """Progress that nobody reads."""


def test_a_computation_past_its_limit_is_ended(working: Working) -> None:
    request = dataclasses.replace(LONG, benchmark_s=3)
    outcome = run_on_runner(request, address=working.gateway_url, token=working.token, report=quiet)
    assert outcome.failed and (outcome.failed.phase, outcome.failed.kind) == ("compute", "TimeoutError")
    assert "limit of 3 s" in outcome.failed.text
    assert outcome.cleared
    working.wait_until_gone()


def test_a_process_that_hears_nothing_is_killed(working: Working) -> None:
    request = dataclasses.replace(LONG, scheduler_s=10, workers_s=10, benchmark_s=10, other_s=10, grace_s=3)
    stopped: list[int] = []

    def stop(line: str) -> None:
        if line == "compute":
            (pid,) = _children()
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)

    started = time.monotonic()
    outcome = run_on_runner(request, address=working.gateway_url, token=working.token, report=stop)
    assert time.monotonic() - started < request.deadline_s + request.grace_s + 30
    assert outcome.failed and (outcome.failed.phase, outcome.failed.kind) == ("compute", "Deadline")
    assert outcome.cleared, "the runner itself stops what the killed process left"
    assert stopped and not Path(f"/proc/{stopped[0]}").exists()
    working.wait_until_gone()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_a_runner_that_is_killed_leaves_no_dask_cluster(working: Working, number: signal.Signals) -> None:
    code = _COMPUTE.format(request=LONG, address=working.gateway_url)
    runner = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert runner.stdin and runner.stdout
    runner.stdin.write(working.token + "\n")
    runner.stdin.flush()
    assert "compute" in (line.strip() for line in runner.stdout)
    assert working.dask_clusters()
    runner.send_signal(number)
    runner.wait(timeout=120)
    working.wait_until_gone()


def test_a_notebook_server_that_dies_is_named_and_the_next_check_is_healthy(working: Working) -> None:
    killed = threading.Event()

    def kill(line: str) -> None:
        if line == "dask: workers" and not killed.is_set():
            (pod,) = working.pods("jupyter-")
            working.sandbox.kubectl("delete", "pod", "-n", "jhub", pod, "--grace-period=0", "--force")
            killed.set()

    health = working.verify(kill)
    assert killed.is_set()
    assert health.level == "Unhealthy"
    assert (health.findings[0].check, health.findings[0].category.value) == ("notebook", "workload")
    again = working.verify(quiet)
    assert again.level == "Healthy", again.findings
    working.wait_until_gone()
    assert working.pods("jupyter-") == []


def _children() -> list[int]:
    """Process ids of this process's children that compute."""
    computing = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_text()
        except (OSError, ValueError):  # it ended meanwhile
            continue
        if parent == os.getpid() and "magnumhub.services.dask_process" in command:
            computing.append(int(folder.name))
    return computing
