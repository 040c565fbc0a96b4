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
from prefect.client.schemas.objects import State

from flows.check_fleet import check_fleet
from magnumhub.domain.errors import TransientError
from magnumhub.domain.findings import Level
from magnumhub.domain.fleet import Fleet
from magnumhub.domain.health import Check, Health
from magnumhub.domain.history import Record
from tasks.fleet import own_start, publish_fleet, start_checks
from tasks.history import keep
from tests.support.prefect_client import losable_server, using_server


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
def leave_report(site: str, hours_ago: float, level: Level = "Healthy") -> None:
    started_at = datetime.now(UTC) - timedelta(hours=hours_ago)
    check = Check(name="hub", level=level, duration_s=1.0, summary="hub 5.5.0 answers")
    health = Health(
        site=site, level=level, started_at=started_at.isoformat(), duration_s=60.0, checks=(check,), findings=()
    )
    keep(Record(health=health), [])


def summary_of(**options: float) -> tuple[Fleet, State[Fleet]]:
    """What the flow found, and the state in which its run ended."""
    ended: State[Fleet] = check_fleet(**options, return_state=True)
    found = ended.result(raise_on_failure=False)
    assert isinstance(found, Fleet), found
    return found, ended


def summaries(fleet: Fleet) -> dict[str, tuple[str, str]]:
    return {site.site: (site.level, site.summary) for site in fleet.sites}


def asked_for(client: SyncPrefectClient, deployment_id: UUID) -> list[object]:
    runs = client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])))
    return sorted(run.parameters["site"] for run in runs)


def test_without_deployment_it_says_how_to_check(sites: Path) -> None:
    (sites / "nowhere.yaml").touch()
    fleet, ended = summary_of()
    assert fleet.level == "Unknown"
    assert (ended.name, ended.is_failed()) == ("Unknown", True)
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
    fleet, _ = summary_of(deadline_min=1e-6)
    assert asked_for(client, deployment_id) == ["new", "old"]
    assert [site.site for site in fleet.sites][-1] == "fresh"
    told = summaries(fleet)
    assert told["fresh"] == ("Healthy", "every check is well")
    assert told["old"] == ("Unknown", "the last report, too old, said Healthy; no worker has taken its check")
    assert told["new"] == ("Unknown", "there is no report; no worker has taken its check")
    assert told["unknown-to-the-deployment"][1].startswith("there is no report; its check could not be started: ")


@pytest.mark.parametrize(
    ("level", "state"), [("Healthy", "Healthy"), ("Degraded", "Degraded"), ("Unhealthy", "Unhealthy")]
)
def test_the_run_ends_as_the_worst_site_is(sites: Path, level: Level, state: str) -> None:
    (sites / f"is-{level.lower()}.yaml").touch()
    leave_report(f"is-{level.lower()}", hours_ago=1, level=level)
    fleet, ended = summary_of()
    assert (fleet.level, ended.name) == (level, state)


def test_a_site_without_report_is_not_hidden_behind_an_unhealthy_one(sites: Path) -> None:
    for name in ("down", "unseen"):
        (sites / f"{name}.yaml").touch()
    leave_report("down", hours_ago=1, level="Unhealthy")
    fleet, ended = summary_of()
    assert fleet.level == "Unhealthy"
    assert (ended.name, ended.is_failed()) == ("Unknown", True)
    assert str(ended.message).startswith("unseen: there is no report; ")  # what its automation tells
    assert "down" not in str(ended.message)


def test_a_server_that_does_not_answer_is_said_and_hides_no_summary(prefect_server: str) -> None:
    said: list[str] = []
    with losable_server(prefect_server) as lost:

        @flow
        def cut_off() -> None:
            with lost():
                for asking in (own_start, lambda: start_checks(["alpha"])):
                    with pytest.raises(TransientError, match="did not answer"):
                        asking()
                publish_fleet(Fleet(level="Healthy", sites=()), said.append)

        cut_off()
    [remark] = said
    assert remark.startswith("the summary could not be left")
