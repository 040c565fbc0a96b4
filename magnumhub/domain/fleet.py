"""All sites at a glance: the last report of each, worst first, and what to do where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from magnumhub.domain.findings import Level, worst, worst_first
from magnumhub.domain.history import Record
from magnumhub.domain.results import Result

Progress = Literal["not started", "waits", "runs", "busy", "over"]

_WITHOUT: dict[Progress, tuple[str, str]] = {
    "not started": ("its check could not be started", "Check it from here: magnumhub check {site}."),
    "waits": (
        "no worker has taken its check",
        "See whether a worker runs for the check's work pool: prefect worker ls.",
    ),
    "runs": ("its check runs for longer than was waited", "Its run in Prefect's UI shows where it is."),
    "busy": ("another run works on the site", "Check it when that has ended: magnumhub check {site}."),
    "over": ("its check ended as {state}", "The log of its run says why; check it anew: magnumhub check {site}."),
}


class StartedCheck(Result):
    """The check that was started for a site without a report.

    state: as Prefect calls it; said: why there is none, or what its last state says.
    """

    progress: Progress
    state: str = ""
    said: str = ""

    @property
    def is_awaited(self) -> bool:
        """Whether it may still leave a report."""
        return self.progress in ("waits", "runs")


class SiteReport(Result):
    """One site in the summary.

    when: start of the check that is reported, ISO 8601; None when there is none.
    summary: the check's most important finding. remedy: what to do; empty where nothing needs to be done.
    """

    site: str
    level: Level
    when: str | None
    summary: str
    remedy: str = ""


class Fleet(Result):
    """All sites, worst first; `level` is the worst one's."""

    level: Level
    sites: tuple[SiteReport, ...]

    def document(self) -> dict[str, Any]:
        """The JSON document of `fleet --json`."""
        return self.model_dump(mode="json")


def fleet_of(reports: Iterable[SiteReport]) -> Fleet:
    """The summary of these reports."""
    sites = tuple(worst_first(reports))
    return Fleet(level=worst(report.level for report in sites), sites=sites)


def report_of(record: Record) -> SiteReport:
    """What the last check of a site says, in one line."""
    health = record.health
    first = next((finding for finding in health.findings if finding.level != "Healthy"), None)
    return SiteReport(
        site=health.site,
        level=health.level,
        when=health.started_at,
        summary=first.summary if first else "every check is well",
        remedy=first.remedy if first else "",
    )


def without_report(site: str, last: Record | None, check: StartedCheck) -> SiteReport:
    """A site of which not enough is known: why there is no report that is new enough, and what to do.

    Args:
        last: the report that is too old; None where there is none at all.
        check: what became of the check that was started for it.
    """
    known = f"the last report, too old, said {last.health.level}" if last else "there is no report"
    why, remedy = _WITHOUT[check.progress]
    return SiteReport(
        site=site,
        level="Unknown",
        when=last.health.started_at if last else None,
        summary=f"{known}; {why.format(state=check.state)}{f': {check.said}' if check.said else ''}",
        remedy=remedy.format(site=site),
    )


def is_fresh(record: Record | None, now: datetime, max_age_h: float) -> bool:
    """Whether a report still says something about today."""
    if record is None:
        return False
    return (now - datetime.fromisoformat(record.health.started_at)).total_seconds() <= max_age_h * 3600
