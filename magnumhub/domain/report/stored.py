"""How a record travels inside the overview that people read: as JSON in a folded code block at its end.

So there is one artifact a check, and whoever can read the report can read the history.
"""

from __future__ import annotations

from magnumhub.domain.history import Record

_OPENING = "<details><summary>This check as JSON, for later checks</summary>\n\n```json\n"
_CLOSING = "\n```\n\n</details>\n"


def with_record(markdown: str, record: Record) -> str:
    """The page with the record at its end."""
    return f"{markdown}\n\n{_OPENING}{record.model_dump_json(by_alias=True)}{_CLOSING}"


def record_in(markdown: object) -> Record:
    """The record of a page made by `with_record`.

    Raises:
        ValueError: the page is no report of a check, or is damaged; there is nothing in it to go by.
    """
    _, opening, rest = str(markdown).rpartition(_OPENING)
    text, closing, _ = rest.partition(_CLOSING)
    if not (opening and closing):
        raise ValueError("it holds no record of a check")
    return Record.model_validate_json(text)
