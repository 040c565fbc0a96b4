"""The summary of all sites on a real Prefect server, from a command line: no worker runs here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

from flows.check_fleet import check_fleet
from magnumhub.domain.fleet import Fleet
from magnumhub.domain.health import Check, Health
from magnumhub.domain.history import Record
from tasks.history import keep
from tests.support.prefect_client import using_server


@pytest.fixture(autouse=True)
def client(prefect_server: str, tmp_path: Path) -> Iterator[SyncPrefectClient]:
    with using_server(prefect_server, tmp_path / "prefect"), get_client(sync_client=True) as opened:
        yield opened


@flow(name="check_health")
def check_health(site: str) -> None:
    """What is asked for here is a run of this name; nobody carries it out."""


@pytest.fixture
def deployment_id(client: SyncPrefectClient) -> Iterator[UUID]:
    made = client.create_deployment(
        flow_id=client.create_flow(check_health),
        name="check_health",
        parameter_openapi_schema={"type": "object", "properties": {"site": {"enum": ["old", "new"]}}},
        enforce_parameter_schema=True,
    )
    yield made
    client.delete_deployment(made)


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """deployments/sites of the folder in which the command is given; only the names of the files count."""
    folder = tmp_path / "deployments/sites"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return folder


@flow
def leave_report(site: str, hours_ago: float) -> None:
    started_at = datetime.now(UTC) - timedelta(hours=hours_ago)
    check = Check(name="hub", level="Healthy", duration_s=1.0, summary="hub 5.5.0 answers")
    health = Health(
        site=site, level="Healthy", started_at=started_at.isoformat(), duration_s=60.0, checks=(check,), findings=()
    )
    keep(Record(health=health), [])


def summaries(fleet: Fleet) -> dict[str, tuple[str, str]]:
    return {site.site: (site.level, site.summary) for site in fleet.sites}


def asked_for(client: SyncPrefectClient, deployment_id: UUID) -> list[object]:
    runs = client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])))
    return sorted(run.parameters["site"] for run in runs)


def test_without_deployment_it_says_how_to_check(sites: Path) -> None:
    (sites / "nowhere.yaml").touch()
    fleet = check_fleet()
    assert fleet.level == "Unknown"
    [site] = fleet.sites
    assert "no deployment check_health/check_health" in site.summary
    assert "magnumhub check nowhere" in site.remedy


def test_only_what_is_missing_or_too_old_is_checked(
    client: SyncPrefectClient, deployment_id: UUID, sites: Path
) -> None:
    for name in ("fresh", "old", "new", "unknown-to-the-deployment"):
        (sites / f"{name}.yaml").touch()
    leave_report("fresh", hours_ago=25)
    leave_report("old", hours_ago=27)
    fleet = check_fleet(deadline_min=0)
    assert asked_for(client, deployment_id) == ["new", "old"]
    assert [site.site for site in fleet.sites][-1] == "fresh"
    told = summaries(fleet)
    assert told["fresh"] == ("Healthy", "every check is well")
    assert told["old"] == ("Unknown", "the last report, too old, said Healthy; no worker has taken its check")
    assert told["new"] == ("Unknown", "there is no report; no worker has taken its check")
    assert told["unknown-to-the-deployment"][1].startswith("there is no report; its check could not be started: ")
