"""The form that a run is started with."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, TimeoutError, expect

from tests.browser.pages.run import Run

_CLICKS = 5
_TAKEN_S = 3
_BUSY = 503


class RunForm:
    """Custom run: one field for each of the flow's parameters."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def offers(self, field: str, *options: str) -> None:
        """The list of that field has these, and others perhaps."""
        self._list(field).click()
        for option in options:
            expect(self._page.get_by_role("option", name=option, exact=True)).to_be_visible()
        self._page.keyboard.press("Escape")

    def choose(self, field: str, option: str) -> None:
        self._list(field).click()
        self._page.get_by_role("option", name=option, exact=True).click()
        expect(self._list(field)).to_have_text(option)

    def choose_kind(self, field: str, kind: str) -> None:
        """Of a field that takes several kinds of value, each with a tab."""
        self._field(field).get_by_role("tab", name=kind).click()

    def type(self, field: str, text: str) -> None:
        self._field(field).get_by_role("textbox").fill(text)

    def helps(self, field: str, text: str) -> None:
        expect(self._field(field)).to_contain_text(text)

    def submit(self) -> Run:
        """Once more where the server's SQLite was busy: the form says that it could not, and stays."""
        for _ in range(_CLICKS):
            with self._page.expect_response("**/create_flow_run") as answer:
                self._send()
            if answer.value.status != _BUSY:
                break
        self._page.get_by_role("link", name="View run").click()
        return Run(self._page)

    def is_refused(self, field: str, why: str) -> None:
        """Send it off, and read at the field and in the message why it is not taken."""
        self._send()
        expect(self._field(field)).to_contain_text(why)
        expect(self._page.get_by_role("region", name="Notifications")).to_contain_text(f"'{field}'")
        expect(self._submit()).to_be_visible()

    def _send(self) -> None:
        """Click once more where the form still drew what was chosen: it loses that click (Prefect 3.8.8)."""
        for _ in range(_CLICKS):
            try:
                with self._page.expect_request("**/ui/schemas/validate", timeout=_TAKEN_S * 1000):
                    self._submit().click()
            except TimeoutError:
                continue
            return
        raise AssertionError(f"the form was not sent by {_CLICKS} clicks")

    def _submit(self) -> Locator:
        return self._page.get_by_role("button", name="Submit")

    def _list(self, field: str) -> Locator:
        return self._page.get_by_role("button", name=f"Select {field}", exact=True)

    def _field(self, field: str) -> Locator:
        label = self._page.get_by_text(re.compile(rf"^{field}( \(Optional\))?$"))
        return label.locator("xpath=ancestor::*[.//fieldset][1]")
