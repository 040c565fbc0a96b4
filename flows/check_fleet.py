"""All sites at a glance: the stored report of each, and a check where there is none or it is too old."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.outcome import ended_fleet
from magnumhub.domain.fleet import Fleet, SiteReport, StartedCheck, fleet_of, is_fresh, report_of, without_report
from magnumhub.domain.history import Record
from magnumhub.domain.spec_file import site_names
from tasks.fleet import give_slot_back, holds_a_slot, latest_records, own_start, publish_fleet, start_checks
from tasks.progress import stage

Positive = Annotated[float, Field(gt=0)]

LOOK_EVERY_S = 60.0
"""A look costs a worker the start of a process: some ten seconds of its slot."""


@flow(name="check_fleet")
def check_fleet(max_age_h: Positive = 26, deadline_min: Positive = 120) -> Fleet | State[Fleet]:
    """Say of every site in deployments/sites how it is, worst first; check those whose report is missing or too old.

    Safe to repeat: a report that is new enough is taken as it is; each site's check is started once a run. No slot of
    a work pool is held while they run: the run gives its own back and begins again. One dead site delays no other.

    Args:
        max_age_h: hours; a site whose last report is older is checked anew. 26: what the last night told still counts.
        deadline_min: minutes; the summary waits so long for checks at most, and then lists the sites that have no new
            report as Unknown.
    """
    give_up_at = own_start() + timedelta(minutes=deadline_min)
    records, checks = _look(max_age_h)
    while any(check.is_awaited for check in checks.values()) and datetime.now(UTC) < give_up_at:
        if holds_a_slot():
            give_slot_back(LOOK_EVERY_S)
        time.sleep(LOOK_EVERY_S)
        records, checks = _look(max_age_h)
    fleet = fleet_of(_reports(records, checks))
    with stage("report") as report:
        publish_fleet(fleet, report.remark)
    return ended_fleet(fleet, unchecked=checks)


def _look(max_age_h: float) -> tuple[dict[str, Record | None], dict[str, StartedCheck]]:
    """The last report of each site, and the checks of those whose report is not new enough."""
    with stage("fleet") as report:
        sites = site_names()
        checks = start_checks(_without_fresh(latest_records(sites, report.remark), max_age_h))
        # Read again: a check that has just ended left its report before its run was over.
        records = latest_records(sites, report.remark)
        checks = {site: checks[site] for site in _without_fresh(records, max_age_h) if site in checks}
        awaited = [site for site, check in checks.items() if check.is_awaited]
        if awaited:
            report.remark(f"waits for the checks of {', '.join(awaited)}")
        return records, checks


def _without_fresh(records: dict[str, Record | None], max_age_h: float) -> list[str]:
    return [site for site, record in records.items() if not is_fresh(record, datetime.now(UTC), max_age_h)]


def _reports(records: dict[str, Record | None], checks: dict[str, StartedCheck]) -> list[SiteReport]:
    return [
        report_of(record) if record is not None and site not in checks else without_report(site, record, checks[site])
        for site, record in records.items()
    ]
