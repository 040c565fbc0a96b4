"""The nightly check: when it is due, that it runs by itself, and that what was paused stays paused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page

from tests.browser.pages.deployments import UPCOMING_S, Deployments
from tests.browser.pictures import take
from tests.browser.serving import Serving


@pytest.mark.usefixtures("provisioned")
def test_a_check_that_is_due_runs_by_itself_and_leaves_its_report(page: Page) -> None:
    due = (datetime.now(UTC) + timedelta(seconds=UPCOMING_S + 60)).replace(second=0)
    check_health = Deployments(page).go().open("check_health")
    check_health.is_scheduled("At 03:16 AM")
    check_health.reschedule("At 03:16 AM", cron=f"{due.minute} {due.hour} * * *", site="heat")
    check_health.is_scheduled(f"At {due:%I:%M %p}")
    take(page, "deployment-schedules")
    run = check_health.upcoming(f"{due:%Y/%m/%d %I:%M:%S %p}")
    run.reaches("Healthy")
    run.is_called("check_health heat")

    report = run.artifact("health-heat")
    report.is_headed("Healthy: heat")
    report.has_row("benchmark", "Healthy")
    report.has_picture("levels and benchmark of the last checks")
    take(page, "artifact-health")

    run.reopen()
    versions = run.artifact("health-heat-versions")
    versions.has_row("dask", "2026")
    take(page, "artifact-versions")


def test_what_was_paused_stays_paused_when_everything_is_deployed_again(page: Page, serving: Serving) -> None:
    check_health = Deployments(page).go().open("check_health")
    check_health.pause("At 03:18 AM")
    serving.deploy()
    page.reload()
    check_health.is_paused("At 03:18 AM")
    check_health.is_scheduled("At 03:17 AM")
