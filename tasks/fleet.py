"""What the summary of all sites asks of Prefect: stored reports, checks where there are none, its slot given back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NoReturn
from uuid import UUID

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound, Pause, PrefectHTTPStatusError
from prefect.states import Scheduled

from blocks.prefect_server import NO_SERVER, asking_prefect
from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.fleet import Fleet, Progress, StartedCheck
from magnumhub.domain.history import Record
from magnumhub.domain.report.markdown import cell, marked, table, when
from magnumhub.domain.results import Report
from tasks.history import read_records

CHECK_DEPLOYMENT = "check_health/check_health"

_NO_DEPLOYMENT = StartedCheck(progress="not started", said=f"this Prefect server has no deployment {CHECK_DEPLOYMENT}")

_LOOKED_BACK = 5
"""A damaged report is passed over for the one before it."""


_asking = asking_prefect(
    "Prefect's server did not answer", "start that server, or see PREFECT_API_URL; then start this again"
)


def latest_records(sites: Iterable[str], report: Report) -> dict[str, Record | None]:
    """The last report of each site; None where there is none.

    Safe to repeat: reads only.

    Raises:
        TransientError: the Prefect server does not answer.
    """
    return {site: next(iter(read_records(site, _LOOKED_BACK, report)), None) for site in sites}


@_asking
def start_checks(sites: Sequence[str]) -> dict[str, StartedCheck]:
    """Ask for a check of each of these sites; what is returned is how it stands.

    Safe to repeat: within one run of the fleet, each site's check is asked for once.

    Raises:
        TransientError: the Prefect server does not answer.
    """
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(CHECK_DEPLOYMENT)
        except ObjectNotFound:
            return dict.fromkeys(sites, _NO_DEPLOYMENT)
        return {site: _start(client, deployment.id, site) for site in sites}


@_asking
def own_start() -> datetime:
    """When this run of the fleet began, however often it has given its slot back since.

    Raises:
        TransientError: the Prefect server does not answer.
    """
    with get_client(sync_client=True) as client:
        return client.read_flow_run(_own_run().id).start_time or datetime.now(UTC)


def holds_a_slot() -> bool:
    """Whether a worker runs this flow, and not a command of a person."""
    return _own_run().deployment_id is not None


@_asking
def give_slot_back(until_s: float) -> NoReturn:
    """End this process and have the flow run begin again in `until_s` seconds, as a worker's slot is free.

    A run that waits in its process would keep its slot from the very checks that it waits for: in a pool of one slot
    they would never run. So its state becomes Scheduled, as that of a run that is tried again, and the process ends
    as Prefect's own `suspend_flow_run` ends it. A state of this name is never marked Late.

    Raises:
        Pause: Prefect's engine ends the process on it and leaves the state alone.
        TransientError: the Prefect server does not answer.
    """
    again: State[None] = Scheduled(
        scheduled_time=datetime.now(UTC) + timedelta(seconds=until_s), name="AwaitingReports"
    )
    with get_client(sync_client=True) as client:
        answer = client.set_flow_run_state(_own_run().id, again)
    if answer.state is None or not answer.state.is_scheduled():
        raise MagnumhubError(f"Prefect's server did not take the run back: {answer.details}", "start it again")
    raise Pause("other checks need this slot", state=answer.state)


def publish_fleet(fleet: Fleet, report: Report) -> None:
    """Leave the summary in Prefect's UI, as the artifact `fleet`. A server that does not take it changes nothing of
    the summary: it is said.

    Safe to repeat: each call adds a version of the artifact.
    """
    rows = (
        (marked(s.level), cell(s.site), when(s.when) if s.when else "–", cell(s.summary), cell(s.remedy) or "–")
        for s in fleet.sites
    )
    page = table(("level", "site", "checked", "what was seen", "what to do"), rows)
    try:
        create_markdown_artifact(f"# Sites: {marked(fleet.level)}\n\n{page}", key="fleet", description="all sites")
    except NO_SERVER as error:
        report(f"the summary could not be left on Prefect's server: {error}")


def _own_run() -> FlowRun:
    context = FlowRunContext.get()
    assert context is not None and context.flow_run is not None, "only a flow asks for its own run"
    return context.flow_run


def _start(client: SyncPrefectClient, deployment_id: UUID, site: str) -> StartedCheck:
    try:
        run = client.create_flow_run_from_deployment(
            deployment_id,
            parameters={"site": site},
            name=f"check_health {site}",
            idempotency_key=f"{_own_run().id}-{site}",
        )
    except PrefectHTTPStatusError as error:  # a site that was not there when the deployment was made
        return StartedCheck(progress="not started", said=_said(error))
    state = run.state
    if state is None or state.is_scheduled() or state.is_pending():
        return StartedCheck(progress="waits")
    return StartedCheck(progress=_progress(state), state=state.name or "", said=state.message or "")


def _progress(state: State[None]) -> Progress:
    if not state.is_final():
        return "runs"
    return "busy" if state.name == "Skipped" else "over"


def _said(error: PrefectHTTPStatusError) -> str:
    try:
        return str(error.response.json()["detail"])
    except (ValueError, KeyError):
        return str(error)
