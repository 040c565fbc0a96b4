"""The summary of all sites, with literal values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.fleet import SiteReport, StartedCheck, fleet_of, is_fresh, report_of, without_report
from magnumhub.domain.health import Check, Health
from magnumhub.domain.history import Record

FOUR = "2026-11-25T04:00:00+00:00"


def record(*findings: Finding, level: Level = "Healthy", started_at: str = FOUR) -> Record:
    checks = tuple(Check(name=name, level=level, duration_s=1.0, summary="seen") for name in ("hub", "gateway"))
    return Record(
        health=Health(site="lab", level=level, started_at=started_at, duration_s=9.0, checks=checks, findings=findings)
    )


def finding(level: Level, summary: str) -> Finding:
    return Finding(check="hub", level=level, category=Category.SERVICE, summary=summary, remedy="Start it.")


def report(site: str, level: Level) -> SiteReport:
    return SiteReport(site=site, level=level, when=FOUR, summary="seen")


def test_the_worst_site_comes_first_and_is_the_fleets_level() -> None:
    fleet = fleet_of(
        [report("a", "Healthy"), report("b", "Degraded"), report("c", "Unhealthy"), report("d", "Unknown")]
    )
    assert [site.site for site in fleet.sites] == ["c", "b", "d", "a"]
    assert fleet.level == "Unhealthy"


def test_the_document() -> None:
    assert fleet_of([report("a", "Healthy")]).document() == {
        "level": "Healthy",
        "sites": [{"site": "a", "level": "Healthy", "when": FOUR, "summary": "seen", "remedy": ""}],
    }
    assert fleet_of([]).document() == {"level": "Skipped", "sites": []}


def test_a_site_says_its_most_important_finding() -> None:
    found = (finding("Unhealthy", "the hub is down"), finding("Degraded", "slow"))
    assert report_of(record(*found, level="Unhealthy")) == SiteReport(
        site="lab", level="Unhealthy", when=FOUR, summary="the hub is down", remedy="Start it."
    )


def test_a_healthy_site_asks_for_nothing_whatever_was_remarked() -> None:
    assert report_of(record(finding("Healthy", "a remark"))) == SiteReport(
        site="lab", level="Healthy", when=FOUR, summary="every check is well"
    )


@pytest.mark.parametrize(
    ("check", "said", "to_do"),
    [
        (
            StartedCheck(progress="not started", said="no deployment"),
            "could not be started: no deployment",
            "check lab",
        ),
        (StartedCheck(progress="waits"), "no worker has taken its check", "prefect worker ls"),
        (StartedCheck(progress="runs", state="Running"), "runs for longer", "Prefect's UI"),
        (StartedCheck(progress="over", state="Crashed", said="killed"), "ended as Crashed: killed", "check lab"),
        (
            StartedCheck(progress="busy", state="Skipped", said="provision runs"),
            "another run works on the site: provision runs",
            "when that has ended",
        ),
    ],
)
def test_a_site_without_report_says_why_and_what_to_do(check: StartedCheck, said: str, to_do: str) -> None:
    told = without_report("lab", None, check)
    assert (told.level, told.when) == ("Unknown", None)
    assert told.summary.startswith("there is no report; ")
    assert said in told.summary
    assert to_do in told.remedy


def test_a_report_that_is_too_old_is_still_named() -> None:
    told = without_report("lab", record(level="Degraded"), StartedCheck(progress="waits"))
    assert (told.level, told.when) == ("Unknown", FOUR)
    assert told.summary == "the last report, too old, said Degraded; no worker has taken its check"


def test_what_a_service_said_is_no_format() -> None:
    assert "{site}" in without_report("lab", None, StartedCheck(progress="over", state="Failed", said="{site}")).summary


@pytest.mark.parametrize(
    ("progress", "awaited"), [("not started", False), ("waits", True), ("runs", True), ("busy", False), ("over", False)]
)
def test_what_may_still_leave_a_report_is_awaited(progress: str, awaited: bool) -> None:
    assert StartedCheck.model_validate({"progress": progress}).is_awaited == awaited


@pytest.mark.parametrize(
    ("started_at", "fresh"),
    [
        ("2026-11-25T04:00:00+00:00", True),
        ("2026-11-24T04:00:00+00:00", True),
        ("2026-11-24T03:59:59+00:00", False),
        ("2026-11-24T05:00:00+01:00", True),  # the same moment in another zone
    ],
)
def test_a_report_is_fresh_for_so_many_hours(started_at: str, fresh: bool) -> None:
    now = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
    assert is_fresh(record(started_at=started_at), now, 26) == fresh
    assert not is_fresh(None, now, 26)
