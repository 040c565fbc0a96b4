"""What a run left to be read."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


class Artifact:
    """One artifact's page."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @classmethod
    def newest(cls, page: Page, key: str) -> Artifact:
        """From the page with all its versions, the newest first."""
        page.wait_for_url(f"**/artifacts/key/{key}")
        page.locator('main a[href*="/artifacts/artifact/"]').first.click()
        page.wait_for_url("**/artifacts/artifact/**")
        return cls(page)

    def is_headed(self, title: str) -> None:
        expect(self._text().get_by_role("heading", name=title, exact=True)).to_be_visible()

    def reads(self, *texts: str) -> None:
        for text in texts:
            expect(self._text()).to_contain_text(text)

    def has_row(self, *cells: str) -> None:
        """A row of a table with these cells in it, whatever else it says."""
        row = self._text().get_by_role("row")
        for cell in cells:
            row = row.filter(has=self._page.get_by_role("cell", name=cell))
        expect(row.first).to_be_visible()

    def links(self) -> list[str]:
        expect(self._text().get_by_role("link").first).to_be_visible()
        return [link.get_attribute("href") or "" for link in self._text().get_by_role("link").all()]

    def has_picture(self, name: str) -> None:
        """A picture that was really drawn: one that is missing or broken has no width."""
        picture = self._text().get_by_role("img", name=name)
        expect(picture).to_be_visible()
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("image => image.naturalWidth") > 0, f"the picture {name} is broken"

    def _text(self) -> Locator:
        return self._page.get_by_role("tabpanel", name="Artifact")
