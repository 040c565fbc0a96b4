"""What a check publishes in Prefect's UI: four artifacts, and its level as a tag of the run."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from magnumhub.domain.findings import Level
from magnumhub.domain.history import Record
from magnumhub.domain.report.markdown import findings_page, timings_page, versions_page
from tasks.history import NO_SERVER, artifact_key, keep
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
    A server that does not take them changes nothing of the verdict: it is said, and the check ends as it would.

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
