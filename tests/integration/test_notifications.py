"""The automations of deployments/automations on a real Prefect server: what happens arrives once, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.states import Crashed, Failed, Late

from magnumhub.domain.errors import WaitingError
from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.health import Check, Health
from magnumhub.domain.history import Event
from magnumhub.domain.spec_file import load_site
from tasks.notify import announce, announce_waiting
from tasks.progress import StageEvent, listening
from tests.support.notifications import (
    Webhook,
    an_operator,
    another_flow,
    check_fleet,
    check_health,
    mark_crashed,
    provision,
    put_into,
)
from tests.support.prefect_client import losable_server, using_server
from tests.support.sandbox import wait_until


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
    with an_operator(client) as receiver:
        yield receiver


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


@flow(flow_run_name="check_health {site}")
def announcing(site: str, event: Event, level: Level) -> bool:
    return announce(event, health(site, level))


def a_later_one_arrives(client: SyncPrefectClient, told: Webhook, name: str) -> None:
    """Whatever would have arrived before it had its time."""
    put_into(client, Crashed(), f"after {name}", check_health)
    wait_until(lambda: told.subjects(f"after {name}"), 60, "a later notification arrives")


def test_unhealthy_and_recovered_arrive_once_each_with_what_to_do(client: SyncPrefectClient, told: Webhook) -> None:
    assert announcing("alpha", "site.unhealthy", "Unhealthy")
    wait_until(lambda: told.subjects("alpha"), 60, "the notification of site.unhealthy arrives")
    assert announcing("alpha", "site.recovered", "Healthy")
    wait_until(lambda: len(told.subjects("alpha")) > 1, 60, "the notification of site.recovered arrives")
    a_later_one_arrives(client, told, "both")
    assert told.subjects("alpha") == ["alpha is unhealthy", "alpha has recovered"]
    unhealthy, recovered = (message["text"] for message in told.arrived if "alpha" in message["subject"])
    assert unhealthy.startswith("the hub is down\nWhat to do: Start the hub.\ncheck_health alpha")
    assert recovered.startswith("It is Healthy now: every check is well\ncheck_health alpha")


@flow(flow_run_name="provision")
def waiting(question: UUID) -> bool:
    request = WaitingError("addresses are reserved", addresses={}, ports={}, request="To: support\n\nPlease open\n")
    return announce_waiting(load_site("deployments/example-site.yaml"), request, question)


def test_a_question_arrives_once_however_often_it_is_told(client: SyncPrefectClient, told: Webhook) -> None:
    question = uuid4()
    for _ in range(2):  # as by a run that was killed between telling and being suspended
        assert waiting(question)
    a_later_one_arrives(client, told, "the question")
    [message] = [message for message in told.arrived if "its firewall" in message["subject"]]
    assert message["subject"] == "iris-cam waits for its firewall"
    assert message["text"].startswith("addresses are reserved\n\nTo: support\n\nPlease open\n\nSend it. Once")
    assert "resume this run with the answer:\nprovision" in message["text"]


def test_an_event_that_the_server_did_not_get_is_not_said_to_be_told(server: str, told: Webhook) -> None:
    events: list[StageEvent] = []
    with losable_server(server) as lost:

        @flow
        def cut_off() -> bool:
            with lost(), listening(events.append):
                return announce("site.unhealthy", health("beta", "Unhealthy"))

        assert not cut_off()
    [remark] = [event.text for event in events if event.kind == "remark"]
    assert remark.startswith("site.unhealthy could not be delivered")


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
        put_into(client, state, name, made)
    a_later_one_arrives(client, told, name)
    assert [subject for subject in told.subjects(name) if subject.startswith(f"{name} ")] == subjects


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (Failed(name="Unknown", message="lab: there is no report"), "lab: there is no report\nmorning"),
        (Crashed(message="killed"), "killed\nmorning"),
    ],
)
def test_sites_without_a_report_are_told_by_the_summary(
    client: SyncPrefectClient, told: Webhook, state: State[None], text: str
) -> None:
    subject = f"the summary of all sites: {state.name}"
    put_into(client, state, "morning", check_fleet)
    wait_until(lambda: told.subjects(subject), 60, "the notification arrives")
    [message] = [message for message in told.arrived if message["subject"] == subject]
    assert message["text"].startswith(text)


def test_a_site_that_its_own_check_told_of_is_not_told_again_by_the_summary(
    client: SyncPrefectClient, told: Webhook
) -> None:
    put_into(client, Failed(name="Unhealthy", message="lab: the hub is down"), "morning", check_fleet)
    a_later_one_arrives(client, told, "the summary")
    assert not told.subjects("Unhealthy")


def test_a_silent_run_that_no_worker_looks_at_is_told_once(client: SyncPrefectClient, told: Webhook) -> None:
    silent = str(uuid4())
    looking = client.create_flow_run(mark_crashed, parameters={"flow_run_id": silent})
    client.set_flow_run_state(looking.id, Late(), force=True)
    put_into(client, Late(), "nobody takes it", provision)
    a_later_one_arrives(client, told, "no worker")
    [message] = [message for message in told.arrived if "no worker is there" in message["subject"]]
    assert f"The silent run is {silent}" in message["text"]
    assert "prefect worker start --pool magnumhub" in message["text"]
    assert not told.subjects("nobody takes it")
