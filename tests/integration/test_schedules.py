"""The nightly schedules on a real Prefect server: they follow the sites' files and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.server.schedules import align_schedules, refuse_other_sites
from magnumhub.domain.errors import RefusedError, TransientError
from tests.support.prefect_client import using_server

ROOT = Path(__file__).parents[2]

WriteSite = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def server(prefect_server: str, tmp_path: Path) -> Iterator[str]:
    with using_server(prefect_server, tmp_path / "prefect"):
        yield prefect_server


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as opened:
        yield opened


@flow(name="check_health")
def check_health(site: str) -> None:
    """A deployment's schedules do not depend on what its flow does."""


@pytest.fixture
def deployment_id(client: SyncPrefectClient) -> Iterator[UUID]:
    made = client.create_deployment(flow_id=client.create_flow(check_health), name="check_health")
    yield made
    client.delete_deployment(made)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An operator's folder, with deployments/sites."""
    (tmp_path / "deployments/sites").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def sites(folder: Path) -> Path:
    return folder / "deployments/sites"


@pytest.fixture
def write_site(sites: Path) -> WriteSite:
    example = yaml.safe_load((ROOT / "deployments/example-site.yaml").read_text())

    def write(name: str, cron: str) -> None:
        site = example | {"name": name, "health": {"cron": cron, "timezone": "Europe/London"}}
        (sites / f"{name}.yaml").write_text(yaml.safe_dump(site))

    return write


def schedules(client: SyncPrefectClient, deployment_id: UUID) -> dict[str | None, DeploymentSchedule]:
    return {schedule.slug: schedule for schedule in client.read_deployment_schedules(deployment_id)}


def done(sites: Path) -> dict[str, str]:
    return {change.site: change.action for change in align_schedules(sites)}


def test_each_site_gets_its_schedule_once(
    client: SyncPrefectClient, deployment_id: UUID, sites: Path, write_site: WriteSite
) -> None:
    write_site("alpha", "0 4 * * *")
    write_site("beta", "30 3 * * 1")
    assert done(sites) == {"alpha": "created", "beta": "created"}
    made = schedules(client, deployment_id)
    assert set(made) == {"alpha", "beta"}
    assert [(s.schedule.cron, s.schedule.timezone, s.parameters, s.active) for _, s in sorted(made.items())] == [
        ("0 4 * * *", "Europe/London", {"site": "alpha"}, True),
        ("30 3 * * 1", "Europe/London", {"site": "beta"}, True),
    ]
    assert done(sites) == {"alpha": "kept", "beta": "kept"}
    assert {s.id for s in schedules(client, deployment_id).values()} == {s.id for s in made.values()}


def test_a_paused_schedule_follows_its_file_and_stays_paused(
    client: SyncPrefectClient, deployment_id: UUID, sites: Path, write_site: WriteSite
) -> None:
    write_site("alpha", "0 4 * * *")
    align_schedules(sites)
    client.update_deployment_schedule(deployment_id, schedules(client, deployment_id)["alpha"].id, active=False)
    assert done(sites) == {"alpha": "kept"}
    write_site("alpha", "0 5 * * *")
    assert done(sites) == {"alpha": "changed"}
    paused = schedules(client, deployment_id)["alpha"]
    assert (paused.active, paused.schedule.cron, paused.parameters) == (False, "0 5 * * *", {"site": "alpha"})


def test_a_site_that_goes_takes_its_schedule_along_and_no_other(
    client: SyncPrefectClient, deployment_id: UUID, sites: Path, write_site: WriteSite
) -> None:
    by_hand = client.create_deployment_schedules(deployment_id, [(IntervalSchedule(interval=3600), True)])
    for name in ("alpha", "beta", "gamma"):
        write_site(name, "0 4 * * *")
    align_schedules(sites)
    (sites / "alpha.yaml").unlink()
    (sites / "beta.yaml").write_text("name: beta\n")  # somebody is editing it
    assert done(sites) == {"alpha": "removed", "beta": "unreadable", "gamma": "kept"}
    left = schedules(client, deployment_id)
    assert set(left) == {None, "beta", "gamma"}
    assert left[None].id == by_hand[0].id


def test_a_server_that_checks_other_sites_alone_is_not_taken_over(
    client: SyncPrefectClient, deployment_id: UUID, sites: Path, write_site: WriteSite
) -> None:
    refuse_other_sites(sites)  # nobody's yet
    write_site("alpha", "0 4 * * *")
    align_schedules(sites)
    write_site("beta", "0 4 * * *")
    refuse_other_sites(sites)
    (sites / "alpha.yaml").unlink()
    with pytest.raises(RefusedError, match="none of this folder's: alpha") as refused:
        refuse_other_sites(sites)
    assert "delete their schedules" in refused.value.hint
    assert set(schedules(client, deployment_id)) == {"alpha"}


def test_without_deployment_or_server_it_says_what_to_do(sites: Path) -> None:
    with pytest.raises(RefusedError, match="no deployment check_health/check_health") as refused:
        align_schedules(sites)
    assert "prefect deploy" in refused.value.hint
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(TransientError):
        align_schedules(sites)
