"""Pictures of what the tests see, to be looked at by people: light and dark, in a folder that is not committed."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

FOLDER = Path(__file__).parent / "screenshots"
_QUALITY = 60
"""Still easily read, and half as large as a PNG: the README's pictures are copies."""


def take(page: Page, name: str) -> None:
    """NAME-light.jpg and NAME-dark.jpg; the UI follows what the system prefers."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=FOLDER / f"{name}-{scheme}.jpg", type="jpeg", quality=_QUALITY)
