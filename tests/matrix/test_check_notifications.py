"""Silence on a real Prefect server: checks that do not run are told too. Its own services take their time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.states import Crashed, Scheduled

from flows.server.automations import AUTOMATIONS_DIR, align_automations
from tests.support.notifications import Webhook, an_operator, check_fleet, check_health, put_into
from tests.support.prefect_client import using_server
from tests.support.sandbox import wait_until


@pytest.fixture(scope="module")
def client(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncPrefectClient]:
    home = tmp_path_factory.mktemp("prefect-client")
    with using_server(prefect_server, home), get_client(sync_client=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def told(client: SyncPrefectClient) -> Iterator[Webhook]:
    with an_operator(client) as receiver:
        yield receiver


@pytest.mark.parametrize(
    ("of", "subject", "text"),
    [
        (check_health, "waits-check_health came to no verdict: Late", "No worker took it"),
        (check_fleet, "the summary of all sites: Late", "No worker took the summary"),
    ],
    ids=["check_health", "check_fleet"],
)
def test_a_run_that_no_worker_takes_is_told(
    client: SyncPrefectClient, told: Webhook, of: Flow[[], None], subject: str, text: str
) -> None:
    name = f"waits-{of.name}"
    deployment_id = client.create_deployment(flow_id=client.create_flow(of), name="nobody-runs-it")
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    client.create_flow_run_from_deployment(deployment_id, name=name, state=Scheduled(scheduled_time=an_hour_ago))
    wait_until(lambda: told.subjects(subject), 60, "the notification of a late run arrives")
    put_into(client, Crashed(), f"after {name}", check_health)
    wait_until(lambda: told.subjects(f"after {name}"), 60, "a later notification arrives")
    [message] = [message for message in told.arrived if message["subject"] == subject]
    assert message["text"].startswith(text)


def test_silence_is_told(client: SyncPrefectClient, told: Webhook, tmp_path: Path) -> None:
    """With ten seconds for the file's 26 hours."""
    described = (AUTOMATIONS_DIR / "no-checks.yaml").read_text()
    (tmp_path / "no-checks.yaml").write_text(described.replace("within: 93600", "within: 10"))
    assert align_automations(tmp_path) == {"magnumhub: no checks": "changed"}
    wait_until(lambda: told.subjects("no site was checked"), 60, "the silence is told")
