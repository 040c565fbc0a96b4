"""What a run publishes in Prefect's UI: its artifacts, and the level of the site as a tag of the run.

A server that does not take them changes nothing of a run or of a verdict: it is said, and the run ends as it would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from blocks.prefect_server import NO_SERVER
from magnumhub.domain.deployment import Deployment
from magnumhub.domain.findings import Level
from magnumhub.domain.history import Record
from magnumhub.domain.plan import Plan
from magnumhub.domain.report.deployment import deployment_page
from magnumhub.domain.report.markdown import findings_page, timings_page, versions_page
from magnumhub.domain.report.plan import plan_page
from magnumhub.domain.report.teardown import teardown_page
from magnumhub.domain.spec import Site
from magnumhub.domain.teardown import Teardown
from tasks.history import artifact_key, keep
from tasks.progress import stage

_LEVEL_TAGS: dict[Level, str] = {
    "Healthy": "healthy",
    "Degraded": "degraded",
    "Unhealthy": "unhealthy",
    "Unknown": "unknown",
    "Skipped": "skipped",
}


def publish(record: Record, history: Sequence[Record] | None) -> None:
    """Make the check's artifacts (health-SITE, and -findings, -versions, -timings) and tag the flow run with its level.

    Safe to repeat: each call adds a version of the artifacts; the run carries one level.

    Args:
        record: this check.
        history: the earlier ones, newest first; None when they could not be recalled. Then nothing is left for later
            checks: this one does not know whether an alarm stands, and would say that none does.
    """
    pages = {
        "findings": findings_page(record.health),
        "versions": versions_page(record.health),
        "timings": timings_page(record, history or []),
    }
    with stage("report") as report:
        try:
            if history is not None:
                keep(record, history)
            else:
                report.remark("this check is not kept for later ones, as the earlier ones are not known")
            for name, page in pages.items():
                create_markdown_artifact(page, key=f"{artifact_key(record.health.site)}-{name}")
            tag_run(record.health.level)
        except NO_SERVER as error:
            report.remark(f"the report could not be left on Prefect's server, later checks will not know it: {error}")


def publish_skipped() -> None:
    """What a check leaves that left a busy site alone: its level as a tag, and nothing for later checks.

    Safe to repeat, and about a server that does not take it: as `publish`.
    """
    with stage("report") as report:
        try:
            tag_run("Skipped")
        except NO_SERVER as error:
            report.remark(f"the run could not be tagged on Prefect's server: {error}")


def leave(key: str, page: str, description: str) -> None:
    """Make an artifact of the page.

    Safe to repeat: each call adds a version. One that the server does not take is said.
    """
    with _said():
        create_markdown_artifact(page, key=key, description=description)


def publish_plan(plan: Plan) -> None:
    """Leave what is going to be done as the artifact `plan-SITE`, before any of it is. Safe to repeat: as `leave`."""
    leave(f"plan-{plan.site}", plan_page(plan), f"what a run does to {plan.site}, and why")


def publish_deployment(site: Site, deployment: Deployment) -> None:
    """Leave where users go and how the run went as the artifact `deployment-SITE`, and tag the run with the level.

    Safe to repeat: as `leave`; the run carries one level.
    """
    level = deployment.health.level if deployment.health else "Healthy"
    leave(f"deployment-{site.name}", deployment_page(site, deployment), f"{level}: {site.name} after this run")
    with _said():
        tag_run(level)


def publish_teardown(torn_down: Teardown) -> None:
    """Leave what is gone, kept and left as the artifact `teardown-SITE`. Safe to repeat: as `leave`."""
    site = torn_down.site
    leave(f"teardown-{site}", teardown_page(torn_down), f"what became of {site}")


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except NO_SERVER as error:
        with stage("report") as report:
            report.remark(f"the report could not be left on Prefect's server: {error}")


def tag_run(level: Level) -> None:
    """Let the flow run carry its level as a tag: the UI filters runs by tags, not by the names of states.

    Safe to repeat: the tag of another level, of an earlier try of the run, goes.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    with get_client(sync_client=True) as client:
        others = [tag for tag in client.read_flow_run(context.flow_run.id).tags if tag not in _LEVEL_TAGS.values()]
        client.update_flow_run(context.flow_run.id, tags=[*others, _LEVEL_TAGS[level]])
