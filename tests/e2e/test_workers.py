"""What carries a run may go: its worker with its machine, or the server. Nothing is done twice, nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.server.automations import AUTOMATIONS_DIR, align_automations
from tests.support.deployed import DeployedRun, deploy, worker, workplace
from tests.support.notifications import Webhook, an_operator
from tests.support.ports import free_port
from tests.support.prefect_client import using_server
from tests.support.prefect_server import start_prefect_server
from tests.support.sandbox import Sandbox, wait_until

ROOT = Path(__file__).parents[2]
PROVISION = "provision/provision"
DIED = "magnumhub: the worker of a run died"
_TAKEN_S = 240
"""For a worker to begin a run, up to its master."""
_RUN_S = 300


@pytest.fixture
def folder(tmp_path: Path, sandbox: Sandbox) -> Path:
    """An operator's checkout with one site."""
    return workplace(tmp_path, sandbox.site("heat"))


@pytest.fixture
def told(prefect_server: str, folder: Path, sandbox: Sandbox, tmp_path: Path) -> Iterator[Webhook]:
    """Who is told by all automations; silent runs are looked at after a minute instead of two."""
    described = (ROOT / AUTOMATIONS_DIR / "worker-died.yaml").read_text()
    for usual, soon in (("within: 120", "within: 60"), ("schedule_after: 45", "schedule_after: 1"), ("s: 90", "s: 40")):
        assert usual in described
        described = described.replace(usual, soon)
    (tmp_path / "automations").mkdir()
    (tmp_path / "automations/worker-died.yaml").write_text(described)
    with (
        using_server(prefect_server, tmp_path / "client"),
        SyncPrefectClient(prefect_server) as client,
        an_operator(client) as receiver,
    ):
        deploy(folder, sandbox.environment, "provision", "mark_crashed", slots=2)
        assert align_automations(tmp_path / "automations") == {DIED: "changed"}
        yield receiver


def begun(url: str, sandbox: Sandbox) -> DeployedRun:
    """A run that waits for its master to answer, which takes as long as the scenario holds."""
    sandbox.fault(scenario="firewall-closed")
    run = DeployedRun(url, PROVISION, site="heat")
    wait_until(
        lambda: any(ip["port_id"] for ip in sandbox.state()["floating_ips"]), _TAKEN_S, "the master is reached for"
    )
    return run


def made(sandbox: Sandbox) -> dict[str, int]:
    """How often clusters and addresses were asked for."""
    asked = Counter(f"{mutation['method']} {mutation['path']}" for mutation in sandbox.mutations())
    return {what: asked[what] for what in ("POST /v1/clusters", "POST /v2.0/floatingips")}


@pytest.mark.timeout(900)
def test_a_run_whose_worker_was_killed_is_marked_and_goes_on_with_another(
    folder: Path, sandbox: Sandbox, prefect_server: str, told: Webhook
) -> None:
    with worker(folder, sandbox.environment), worker(folder, sandbox.environment):
        run = begun(prefect_server, sandbox)
    sandbox.fault(scenario=None)
    with worker(folder, sandbox.environment):
        message = run.reaches("Crashed", 240)
        assert "Retry goes on where it was" in message
        wait_until(lambda: told.subjects("provision heat"), 60, "the crash is told")
        run.retry()
        run.reaches("Healthy", _RUN_S)
    assert told.subjects("provision heat") == ["provision heat: Crashed"]  # the retry took long enough for another
    assert made(sandbox) == {"POST /v1/clusters": 1, "POST /v2.0/floatingips": 3}


@pytest.mark.timeout(900)
def test_two_runs_of_a_site_on_two_workers_take_turns(folder: Path, sandbox: Sandbox, prefect_server: str) -> None:
    deploy(folder, sandbox.environment, "provision", slots=2)
    one_run = ("--limit", "1")
    with worker(folder, sandbox.environment, *one_run), worker(folder, sandbox.environment, *one_run):
        first, second = begun(prefect_server, sandbox), DeployedRun(prefect_server, PROVISION, site="heat")
        second.reaches("Running", _TAKEN_S)
        sandbox.fault(scenario=None)
        for run in (first, second):
            run.reaches("Healthy", _RUN_S)
    assert made(sandbox) == {"POST /v1/clusters": 1, "POST /v2.0/floatingips": 3}
    assert {release["revision"] for release in sandbox.state()["releases"]} == {1}


@pytest.mark.timeout(900)
def test_a_run_survives_the_servers_restart(folder: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    port = free_port()
    server = start_prefect_server(tmp_path / "server", port)
    environment = {**sandbox.environment, "PREFECT_API_URL": server.url}
    try:
        deploy(folder, environment, "provision", slots=1)
        with worker(folder, environment):
            run = begun(server.url, sandbox)
            server.kill()
            sandbox.fault(scenario=None)  # the run goes on; nobody hears of it for as long as a server takes to start
            server = start_prefect_server(tmp_path / "server", port)
            run.reaches("Healthy", _RUN_S)
    finally:
        server.kill()
    assert made(sandbox) == {"POST /v1/clusters": 1, "POST /v2.0/floatingips": 3}
    assert {release["revision"] for release in sandbox.state()["releases"]} == {1}
