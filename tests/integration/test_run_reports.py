"""What provision, redeploy and teardown leave on a real Prefect server, and how far a run is while it goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.flow_engine import run_flow
from prefect.runtime import flow_run as this_run

from flows.naming import run_name
from flows.outcome import refusable
from magnumhub.domain.deployment import Deployment
from magnumhub.domain.errors import PreflightError, Problem
from magnumhub.domain.plan import Change, Plan
from magnumhub.domain.results import MagnumCluster
from magnumhub.domain.spec_file import load_site
from magnumhub.domain.teardown import Teardown
from tasks.live import live_progress
from tasks.progress import StageEvent, listening, stage
from tasks.report import publish_deployment, publish_plan, publish_teardown
from tasks.sites import SiteName
from tests.support.prefect_client import losable_server, using_server
from tests.support.sandbox import wait_until

SITE = load_site("deployments/example-site.yaml")
PLAN = Plan(site=SITE.name, changes=(Change(resource="storage", action="create", reason="class default"),))


@pytest.fixture(autouse=True)
def server(prefect_server: str, tmp_path: Path) -> Iterator[str]:
    with using_server(prefect_server, tmp_path / "prefect"):
        yield prefect_server


def artifacts(*, key: str | None = None, run_id: UUID | None = None) -> list[Artifact]:
    wanted = ArtifactFilter(
        key=ArtifactFilterKey(any_=[key]) if key else None,
        flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]) if run_id else None,
    )
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=wanted)


def run_of_a_deployment(works: Any, **parameters: Any) -> FlowRun:
    """The flow, run as a worker runs it; returns the run as the server has it then."""
    with get_client(sync_client=True) as client:
        deployment_id = client.create_deployment(client.create_flow(works), f"of-{works.name}")
        run = client.create_flow_run_from_deployment(deployment_id, parameters=parameters)
        run_flow(works, flow_run=run, parameters=parameters, return_type="state")
        return client.read_flow_run(run.id)


def deployment() -> Deployment:
    return Deployment(
        site=SITE.name,
        magnum_cluster=MagnumCluster(uuid="u", name=SITE.name, template="t", driver="heat", status="CREATE_COMPLETE"),
        addresses={"jupyterhub": "192.0.2.2"},
        endpoints={"jupyterhub": "https://hub.example.org", "dask_gateway": None},
        releases={},
        health=None,
    )


@flow
def reporting() -> str:
    publish_plan(PLAN)
    publish_deployment(SITE, deployment())
    publish_teardown(Teardown(site=SITE.name, deleted=(), kept=(), left=(), duration_s=1))
    return str(this_run.id)


def test_each_report_is_left_under_its_key_and_the_level_is_a_tag() -> None:
    run_id = UUID(reporting())
    titles = {kind: artifacts(key=f"{kind}-{SITE.name}") for kind in ("plan", "deployment", "teardown")}
    assert {kind: str(versions[0].data).splitlines()[0] for kind, versions in titles.items()} == {
        "plan": f"# Plan: {SITE.name}",
        "deployment": f"# Healthy: {SITE.name}",
        "teardown": f"# Teardown of {SITE.name}: nothing is left",
    }
    assert {version.flow_run_id for versions in titles.values() for version in versions} == {run_id}
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(run_id).tags == ["healthy"]


def test_a_server_that_goes_away_changes_no_verdict(server: str) -> None:
    events: list[StageEvent] = []
    with losable_server(server) as lost:

        @flow
        def cut_off() -> str:
            with lost(), listening(events.append):
                reporting.fn()
            return "ended"

        assert cut_off() == "ended"
    remarks = [event.text for event in events if event.kind == "remark"]
    assert len(remarks) == 4  # three reports and the tag
    assert all(remark.startswith("the report could not be left on Prefect's server") for remark in remarks)


def seen(run_id: UUID) -> list[tuple[float, str]]:
    return [(float(str(a.data)), a.description or "") for a in artifacts(run_id=run_id) if a.type == "progress"]


def test_a_deployments_run_tells_how_far_it_is_and_what_it_waits_for() -> None:
    meanwhile: list[tuple[float, str]] = []

    @flow
    def waiting() -> None:
        run_id = UUID(str(this_run.id))
        with live_progress(("plan", "nodes")):
            with stage("plan"):
                pass
            with stage("nodes") as report:
                report("0 of 3 nodes are Ready")
                wait_until(lambda: seen(run_id), 30, "the progress is told")
                meanwhile.extend(seen(run_id))

    run = run_of_a_deployment(waiting)
    [(progress, told)] = meanwhile
    assert progress == 50
    assert told.startswith("50 %: nodes (")
    assert told.endswith(" s): 0 of 3 nodes are Ready")
    [(progress, told)] = seen(run.id)
    assert progress == 100
    assert told.startswith("100 %: ended after ")


def test_a_run_that_fails_says_in_which_stage() -> None:
    @flow
    def failing() -> None:
        with live_progress(("plan", "nodes")), stage("plan"):
            raise ValueError("no such flavor")

    run = run_of_a_deployment(failing)
    assert seen(run.id) == [(0, "0 %: plan failed: no such flavor")]


def test_a_run_that_is_refused_between_two_stages_says_why() -> None:
    @flow
    def refusing() -> None:
        with live_progress(("plan", "nodes")):
            with stage("plan"):
                pass
            raise PreflightError("iris cannot be provisioned", [Problem("quota", "too few", "Ask for more.")])

    run = run_of_a_deployment(refusing)
    assert seen(run.id) == [(50, "50 %: stopped: iris cannot be provisioned")]


def test_a_commands_run_has_no_progress_artifact() -> None:
    @flow
    def by_hand() -> str:
        with live_progress(("plan",)), stage("plan"):
            return str(this_run.id)

    assert seen(UUID(by_hand())) == []


def test_a_lost_server_neither_slows_nor_fails_what_tells_its_progress(server: str) -> None:
    took_s: list[float] = []
    with losable_server(server) as lost:

        @flow
        def cut_off() -> None:
            began_s = time.monotonic()
            with lost(), live_progress(("plan",)), stage("plan"):
                pass
            took_s.append(time.monotonic() - began_s)

        assert (run_of_a_deployment(cut_off).state_name, len(took_s)) == ("Completed", 1)
    assert took_s[0] < 10


@pytest.mark.parametrize(
    ("site", "dry_run", "name"),
    [
        ("iris", False, "redeploying iris"),
        ("iris", True, "redeploying iris (dry run)"),
        ("./deployments/sites/iris.yaml", False, "redeploying iris"),
    ],
)
def test_a_run_is_called_by_what_it_does_and_to_which_site(site: str, dry_run: bool, name: str) -> None:
    @flow(name="redeploying", flow_run_name=run_name)
    def redeploying(site: str, dry_run: bool = False) -> str:
        return str(this_run.name)

    assert redeploying(site, dry_run) == name


def test_a_refused_run_says_what_is_wrong_and_what_to_do() -> None:
    problem = Problem("quota", "2 floating IPs are left, 3 are needed", "Release one.")

    @flow
    @refusable
    def refusing(site: SiteName) -> None:
        raise PreflightError(f"{site} cannot be provisioned", [problem])

    with pytest.raises(PreflightError, match="2 floating IPs are left"):
        refusing(SiteName("iris"))
    run = run_of_a_deployment(refusing, site="iris")
    assert run.state is not None
    assert (run.state.type.value, run.state.name) == ("FAILED", "Refused")
    assert run.state.message == (
        "iris cannot be provisioned.\n  quota: 2 floating IPs are left, 3 are needed.\n    -> Release one."
    )
