"""Ten sites, two of them dead, on a work pool of one slot: the summary comes, and nobody waits for anybody for ever.

One site has a cluster, and a report that is too old. Seven have a fresh report: a real one, kept under their names, as
the fleet only reads it. Two have no cloud behind them and no report.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment

from magnumhub.domain.health import Health
from magnumhub.domain.history import Record
from tasks.history import keep
from tests.support.prefect_client import using_server
from tests.support.sandbox import BIN, Running, Sandbox, wait_until

ROOT = Path(__file__).parents[2]
POOL = "magnumhub"
LIVE, DEAD = "live", ("dead-1", "dead-2")
FRESH = tuple(f"fresh-{n}" for n in range(1, 8))


@pytest.fixture
def folder(tmp_path: Path, sandbox: Sandbox) -> Path:
    """An operator's checkout with ten sites; two are of a cloud that does not answer."""
    (tmp_path / "flows").symlink_to(ROOT / "flows")
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    sites = tmp_path / "deployments/sites"
    sites.mkdir(parents=True)
    heat = yaml.safe_load(sandbox.site("heat").read_text())
    for name in (LIVE, *FRESH, *DEAD):
        site = heat | {"name": name, "cloud": "gone" if name in DEAD else heat["cloud"]}
        (sites / f"{name}.yaml").write_text(yaml.safe_dump(site))
    return tmp_path


@pytest.fixture
def environment(tmp_path: Path, sandbox: Sandbox) -> dict[str, str]:
    clouds = yaml.safe_load(Path(sandbox.environment["OS_CLIENT_CONFIG_FILE"]).read_text())
    gone = clouds["clouds"]["sandbox"]
    gone = gone | {"auth": gone["auth"] | {"auth_url": "http://127.0.0.1:9/v3"}}
    clouds["clouds"]["gone"] = gone
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(clouds))
    return sandbox.environment | {
        "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml"),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
    }


@pytest.fixture
def client(prefect_server: str, tmp_path: Path) -> Iterator[SyncPrefectClient]:
    with using_server(prefect_server, tmp_path / "prefect-home"), get_client(sync_client=True) as opened:
        yield opened


@contextmanager
def one_slot(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """The project's own deployments on a pool of one slot, and a worker, as an operator sets them up."""
    prefect = str(BIN / "prefect")
    for command in (
        ["work-pool", "create", POOL, "--type", "process"],
        ["work-pool", "set-concurrency-limit", POOL, "1"],
        ["--no-prompt", "deploy", "--all"],
    ):
        subprocess.run([prefect, *command], cwd=folder, env=environment, check=True, timeout=120)
    with (folder / "worker.log").open("w") as log:
        worker = subprocess.Popen(
            [prefect, "worker", "start", "--pool", POOL],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(60)


@flow(name="earlier checks")
def leave_reports(records: list[Record]) -> None:
    for record in records:
        keep(record, [])


def reports(health: Health) -> list[Record]:
    """A real report as that of other sites, and as an old one of the site itself."""
    now = datetime.now(UTC)
    ages = {LIVE: timedelta(hours=30)} | dict.fromkeys(FRESH, timedelta(minutes=5))
    return [
        Record(health=health.model_copy(update={"site": name, "started_at": (now - age).isoformat()}))
        for name, age in ages.items()
    ]


def run_magnumhub(environment: dict[str, str], folder: Path, *arguments: str) -> dict[str, Any]:
    command = ["env", "-C", str(folder), str(BIN / "magnumhub"), *arguments, "--json"]
    return Running(command, environment).result(280).document


@pytest.mark.timeout(1200)
def test_ten_sites_two_of_them_dead_on_one_slot(
    sandbox: Sandbox, folder: Path, environment: dict[str, str], client: SyncPrefectClient
) -> None:
    provisioned = run_magnumhub(environment, folder, "provision", LIVE)
    assert provisioned["health"]["level"] == "Healthy", provisioned
    leave_reports(reports(Health.model_validate(provisioned["health"])))
    with one_slot(folder, environment):
        fleet_run: FlowRun = run_deployment("check_fleet/check_fleet", timeout=0, as_subflow=False)
        wait_until(lambda: _is_over(client, fleet_run.id), 700, "the fleet's run ends")
    ended = client.read_flow_run(fleet_run.id)
    assert ended.state is not None
    assert ended.state.name == "Unhealthy", ended.state  # as the dead ones are; each has its report
    states = [state.name for state in client.read_flow_run_states(fleet_run.id)]
    assert "AwaitingReports" in states  # it gave its slot back, or no check could have run

    fleet = run_magnumhub(environment, folder, "fleet")
    assert fleet["level"] == "Unhealthy"
    levels = {site["site"]: site["level"] for site in fleet["sites"]}
    assert levels == dict.fromkeys(DEAD, "Unhealthy") | dict.fromkeys((LIVE, *FRESH), "Healthy")
    assert {site["site"] for site in fleet["sites"][:2]} == set(DEAD)
    assert all("127.0.0.1:9" in site["summary"] and site["remedy"] for site in fleet["sites"][:2])
    [live] = [site for site in fleet["sites"] if site["site"] == LIVE]
    assert datetime.fromisoformat(live["when"]) > datetime.now(UTC) - timedelta(hours=1)
    assert _page(client).count("\n| ") == 1 + 1 + 10  # as the run left it for the UI: head, rule, ten sites


def _is_over(client: SyncPrefectClient, flow_run_id: UUID) -> bool:
    state = client.read_flow_run(flow_run_id).state
    return state is not None and state.is_final()


def _page(client: SyncPrefectClient) -> str:
    found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["fleet"])))
    return str(found[0].data)
