"""The listed differences between the sandbox and the real services; run as a program it writes them into the docs."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

LISTED = Path(__file__).with_name("differences.yaml")
DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox.md"
BEGIN, END = "<!-- differences: written by tests/contract/differences.py -->", "<!-- end of differences -->"
MOST = 15


class Difference(BaseModel):
    """One listed difference."""

    model_config = ConfigDict(extra="forbid")

    what: str
    why: str
    services: list[str]
    fields: list[str] = []
    answers: list[str] = []

    def excuses(self, service: str, route: str, status: int) -> bool:
        """Whether this answer need not be seen from the real service."""
        return service in self.services and any(fnmatchcase(f"{route} {status}", pattern) for pattern in self.answers)


def listed() -> list[Difference]:
    """All of them, as the file has them."""
    return [Difference.model_validate(entry) for entry in yaml.safe_load(LISTED.read_text())]


def ignored_fields() -> dict[str, list[str]]:
    """Service -> the fields that are not compared."""
    fields: dict[str, list[str]] = {}
    for difference in listed():
        for service in difference.services:
            fields.setdefault(service, []).extend(difference.fields)
    return fields


def table() -> str:
    """The list as the documents show it."""
    rows = [f"| {', '.join(difference.services)} | {difference.what} | {difference.why} |" for difference in listed()]
    return "\n".join(["| Service | Difference | Why it stays |", "|---|---|---|", *rows])


def documented(text: str) -> str:
    """The document with the list as it is now."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}"


if __name__ == "__main__":
    DOCUMENT.write_text(documented(DOCUMENT.read_text()))
