"""The automations of deployments/automations on a real Prefect server: what happens arrives once, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.states import Crashed, Failed, Scheduled

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.health import Check, Health
from tests.support.notifications import AUTOMATIONS, Webhook, automation, webhook
from tests.support.prefect_client import using_server
from tests.support.sandbox import wait_until

ROOT = Path(__file__).parents[2]
NAMED_BLOCK = "custom-webhook/magnumhub"


@pytest.fixture(scope="module")
def server(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("prefect-client")
    with using_server(prefect_server, home):
        yield prefect_server


@pytest.fixture(scope="module")
def client(server: str) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def told(client: SyncPrefectClient) -> Iterator[Webhook]:
    """What an operator is told, with every automation of the project active."""
    with webhook() as receiver:
        block = CustomWebhookNotificationBlock(
            name="magnumhub", url=receiver.url, json_data={"subject": "{{subject}}", "text": "{{body}}"}
        )
        block_id: UUID = block.save("magnumhub", overwrite=True)
        made = []
        for path in AUTOMATIONS:
            silence = {"within": 3600} if path.stem == "no-checks" else {}
            core = automation(path, {NAMED_BLOCK: block_id}, **silence)
            response = client.request("POST", "/automations/", json=core.model_dump(mode="json"))
            made.append(response.raise_for_status().json()["id"])
        yield receiver
        for automation_id in made:
            client.request("DELETE", f"/automations/{automation_id}").raise_for_status()


def health(site: str, level: Level) -> Health:
    wrong = Finding(
        check="hub", level=level, category=Category.SERVICE, summary="the hub is down", remedy="Start the hub."
    )
    return Health(
        site=site,
        level=level,
        started_at="2026-11-25T04:00:00+00:00",
        duration_s=60.0,
        checks=(Check(name="hub", level=level, duration_s=1.0, summary="the hub is down"),),
        findings=(wrong,) if level != "Healthy" else (),
    )


def announce_in_a_process(server: str, event: str, document: Health) -> None:
    """As a command does: a flow that announces, and a process that ends at once."""
    program = (
        "import sys\n"
        "from prefect import flow\n"
        "from magnumhub.domain.health import Health\n"
        "from tasks.notify import announce\n"
        "@flow(flow_run_name='check_health alpha')\n"
        "def check():\n"
        "    announce(sys.argv[1], Health.model_validate_json(sys.argv[2]))\n"
        "check()\n"
        "import os; os._exit(0)\n"  # without what Python does at its exit: nothing may be left to be sent
    )
    command = [sys.executable, "-c", program, event, document.model_dump_json(by_alias=True)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"PREFECT_API_URL": server}, check=True, timeout=120)


def subjects_of(told: Webhook, name: str) -> list[str]:
    return [subject for subject in told.subjects() if name in subject]


def test_every_file_is_an_automation_that_notifies_by_a_named_block() -> None:
    assert {path.stem for path in AUTOMATIONS} == {
        "check-did-not-run",
        "no-checks",
        "site-recovered",
        "site-unhealthy",
    }
    block_id = UUID(int=1)
    cores = [automation(path, {NAMED_BLOCK: block_id}) for path in AUTOMATIONS]
    assert len({core.name for core in cores}) == len(cores)
    assert all(core.enabled for core in cores)
    assert [[action.type for action in core.actions] for core in cores] == [["send-notification"]] * len(cores)


def test_unhealthy_and_recovered_arrive_once_each_with_what_to_do(server: str, told: Webhook) -> None:
    announce_in_a_process(server, "site.unhealthy", health("alpha", "Unhealthy"))
    wait_until(lambda: subjects_of(told, "alpha"), 60, "the notification of site.unhealthy arrives")
    announce_in_a_process(server, "site.recovered", health("alpha", "Healthy"))
    wait_until(lambda: len(subjects_of(told, "alpha")) > 1, 60, "the notification of site.recovered arrives")
    time.sleep(5)  # whatever would arrive twice had its time
    assert subjects_of(told, "alpha") == ["alpha is unhealthy", "alpha has recovered"]
    unhealthy, recovered = (message["text"] for message in told.arrived if "alpha" in message["subject"])
    assert unhealthy.startswith("the hub is down\nWhat to do: Start the hub.\ncheck_health alpha")
    assert recovered.startswith("It is Healthy now: every check is well\ncheck_health alpha")


@flow(name="check_health")
def check_health() -> None:
    """Another flow of that name: what happens to runs is told by the server, whoever runs them."""


@flow
def another_flow() -> None:
    """Its runs are nobody's health check."""


@pytest.mark.parametrize(
    ("name", "state", "subjects"),
    [
        ("crashed", Crashed(message="the worker is gone"), ["crashed came to no verdict: Crashed"]),
        ("failed", Failed(message="InputError: no such site"), ["failed came to no verdict: Failed"]),
        ("unknown", Failed(name="Unknown", message="nothing could be asked"), ["unknown came to no verdict: Unknown"]),
        ("unhealthy", Failed(name="Unhealthy", message="the hub is down"), []),  # site.unhealthy tells that
    ],
)
def test_a_check_without_a_verdict_is_told_once(
    client: SyncPrefectClient, told: Webhook, name: str, state: State[None], subjects: list[str]
) -> None:
    for made in (check_health, another_flow):
        run = client.create_flow_run(made, name=name)
        client.set_flow_run_state(run.id, state, force=True)
    announced = client.create_flow_run(check_health, name=f"after {name}")
    client.set_flow_run_state(announced.id, Crashed(), force=True)
    wait_until(lambda: subjects_of(told, f"after {name}"), 60, "a later notification arrives")
    assert [subject for subject in told.subjects() if subject.startswith(f"{name} ")] == subjects


def test_a_check_that_no_worker_takes_is_told(client: SyncPrefectClient, told: Webhook) -> None:
    deployment_id = client.create_deployment(flow_id=client.create_flow(check_health), name="nobody-runs-it")
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    client.create_flow_run_from_deployment(deployment_id, name="waits", state=Scheduled(scheduled_time=an_hour_ago))
    wait_until(lambda: subjects_of(told, "waits"), 60, "the notification of a late run arrives")
    [message] = [message for message in told.arrived if "waits" in message["subject"]]
    assert message["subject"] == "waits came to no verdict: Late"
    assert message["text"].startswith("No worker took it")


def test_silence_is_told(client: SyncPrefectClient, told: Webhook) -> None:
    """With ten seconds for the file's 26 hours."""
    [path] = [path for path in AUTOMATIONS if path.stem == "no-checks"]
    block = CustomWebhookNotificationBlock.load("magnumhub")
    core = automation(path, {NAMED_BLOCK: block._block_document_id}, within=10)
    response = client.request("POST", "/automations/", json=core.model_dump(mode="json")).raise_for_status()
    try:
        wait_until(lambda: subjects_of(told, "no site was checked"), 60, "the silence is told")
    finally:
        client.request("DELETE", f"/automations/{response.json()['id']}").raise_for_status()
