"""The list of deployments, one of them, and its schedules."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.pages.run import Run
from tests.browser.pages.run_form import RunForm

UPCOMING_S = 75
"""For the server to make the runs of a schedule that was changed: it does so once a minute."""


class Deployments:
    """The list; a person begins here."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def go(self) -> Deployments:
        self._page.get_by_role("link", name="Deployments", exact=True).first.click()
        expect(self._page.get_by_placeholder("Search deployments")).to_be_visible()
        return self

    def names(self) -> list[str]:
        rows = self._page.get_by_role("row").filter(has=self._page.get_by_role("button", name="Open menu"))
        expect(rows.first).to_be_visible()
        return [row.get_by_role("link").first.inner_text() for row in rows.all()]

    def open(self, name: str) -> Deployment:
        self._page.get_by_role("table").get_by_role("link", name=name, exact=True).first.click()
        expect(self._page.get_by_role("button", name="Run", exact=True)).to_be_visible()
        return Deployment(self._page)


class Deployment:
    """One deployment's page."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def custom_run(self) -> RunForm:
        self._page.get_by_role("button", name="Run", exact=True).click()
        self._page.get_by_role("menuitem", name="Custom run").click()
        expect(self._page.get_by_role("heading", name="Parameters")).to_be_visible()
        return RunForm(self._page)

    def is_scheduled(self, at: str) -> None:
        expect(self._switch(at)).to_be_checked()

    def pause(self, at: str) -> None:
        self._switch(at).click()
        self.is_paused(at)

    def is_paused(self, at: str) -> None:
        expect(self._switch(at)).not_to_be_checked()

    def _switch(self, at: str) -> Locator:
        return self._page.get_by_role("switch", name=f"toggle {at}", exact=True)

    def reschedule(self, at: str, *, cron: str, site: str) -> None:
        """Change when the schedule of that site is due, by its own dialog."""
        self._switch(at).locator("xpath=../..").get_by_role("button", name="Open menu").click()
        self._page.get_by_role("menuitem", name="Edit").click()
        dialog = self._page.get_by_role("dialog", name="Edit Schedule")
        expect(dialog.get_by_role("button", name="Select site")).to_have_text(site)
        dialog.get_by_role("textbox", name="Value").fill(cron)
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_be_hidden()

    def upcoming(self, at: str) -> Run:
        """The run that is scheduled for that moment, as the list shows it (2026/11/26 04:00:00 AM)."""
        self._page.get_by_role("tab", name="Upcoming").click()
        scheduled = self._page.get_by_role("listitem").filter(has_text=re.compile(f"auto-scheduled.*{re.escape(at)}"))
        scheduled.locator('a[href*="/runs/flow-run/"]').first.click(timeout=UPCOMING_S * 1000)
        return Run(self._page)
