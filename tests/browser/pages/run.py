"""One run: its state, what it logs, what it leaves, and the question that it may wait with."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.pages.artifact import Artifact

RUN_S = 240
"""For a worker to take a run and carry it out, on two busy cores."""


class Run:
    """A run's page; it follows the run by itself."""

    def __init__(self, page: Page) -> None:
        page.wait_for_url("**/runs/flow-run/**")
        self._page = page
        self.url = page.url

    def reopen(self) -> None:
        self._page.goto(self.url)

    def is_called(self, name: str) -> None:
        expect(self._head().get_by_text(name, exact=True)).to_be_visible()

    def is_tagged(self, tag: str) -> None:
        expect(self._head().get_by_text(tag, exact=True).first).to_be_visible()

    def is_not_tagged(self, tag: str) -> None:
        expect(self._head().get_by_text(tag, exact=True)).to_have_count(0)

    def reaches(self, state: str) -> None:
        """Watch until the page shows that state; one that ends otherwise is not waited for."""
        badge = self._head().get_by_text(re.compile(f"^({state}|Failed|Crashed|Unhealthy|Cancelled)$"))
        expect(badge).to_be_visible(timeout=RUN_S * 1000)
        expect(badge).to_have_text(state)

    def logs(self, *lines: str) -> None:
        """The newest lines of the log have these in them."""
        self._tab("Logs")
        self._page.get_by_role("combobox", name="log sort order").click()
        self._page.get_by_role("option", name="Newest to oldest").click()
        for line in lines:
            expect(self._panel().get_by_text(line).first).to_be_visible()

    def says(self, text: str) -> None:
        """The message of its state, in its details."""
        self._tab("Details")
        expect(self._panel()).to_contain_text(text)

    def artifact(self, key: str) -> Artifact:
        """Open what the run left under that key, in its newest version."""
        self._tab("Artifacts")
        self._panel().get_by_role("link").filter(has=self._page.get_by_role("heading", name=key, exact=True)).click()
        return Artifact.newest(self._page, key)

    def question(self) -> Question:
        """The form that a suspended run waits with, behind Resume in its menu."""
        self._page.get_by_role("button", name="Open menu").click()
        self._page.get_by_role("menuitem", name="Resume").click()
        return Question(self._page)

    def _head(self) -> Locator:
        return self._page.get_by_role("main").get_by_role("navigation", name="breadcrumb").first.locator("..")

    def _tab(self, name: str) -> None:
        self._page.get_by_role("tab", name=name).click()

    def _panel(self) -> Locator:
        return self._page.get_by_role("tabpanel")


class Question:
    """The dialog in which a person answers."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._dialog = page.get_by_role("dialog", name="Resume Flow Run")

    def asks(self, *texts: str) -> None:
        for text in texts:
            expect(self._dialog).to_contain_text(text)

    def grant(self) -> None:
        self._granted().click()
        expect(self._granted()).to_be_checked()

    def refuse(self) -> None:
        """On and off again: a switch that nobody touched answers nothing."""
        self.grant()
        self._granted().click()
        expect(self._granted()).not_to_be_checked()

    def remark(self, text: str) -> None:
        self._dialog.get_by_role("textbox", name="remark").fill(text)

    def is_not_taken(self, why: str) -> None:
        self._resume()
        expect(self._page.get_by_text(why)).to_be_visible()  # beside the dialog, which hides all other roles
        expect(self._dialog).to_be_visible()

    def answer(self) -> None:
        self._resume()
        expect(self._dialog).to_be_hidden()

    def _granted(self) -> Locator:
        return self._dialog.get_by_role("switch", name="granted")

    def _resume(self) -> None:
        self._dialog.get_by_role("button", name="Resume").click()
