"""Answers without what differs from run to run, so that two services' answers can be compared by value.

An id becomes `<id 1>`, the next one `<id 2>`: that two fields name the same thing stays visible.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

_NUMBERED = {
    "id": r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b",
    "address": r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b",
}
_PLAIN = {
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?P<form>(?:\.[0-9]+)?(?:Z|[+-][0-9:]{4,6})?)",
    "token": r"\bgAAAAA[\w-]{20,}=*",
    "mac": r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b",
}
_ANY = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in (_PLAIN | _NUMBERED).items()))


class Normaliser:
    """Makes values comparable; remembers which id was which.

    Args:
        names: what this service calls things -> the name both sides use for them, e.g. a flavor's name -> `<flavor>`.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        known = sorted(names, key=len, reverse=True)
        self._names = names
        # Whole words: a project called `rig` is not in `original`.
        pattern = f"(?<![\\w-])(?:{'|'.join(re.escape(name) for name in known)})(?![\\w-])"
        self._known = re.compile(pattern) if known else None
        self._seen: dict[str, str] = {}

    def value(self, value: Any) -> Any:
        """The value, with every string in it made comparable."""
        if isinstance(value, dict):
            # In the order of the keys: which id is the first must not hang on the order that a service writes them in.
            return {self.text(key): self.value(item) for key, item in sorted(value.items())}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """One string."""
        if self._known:
            text = self._known.sub(lambda found: self._names[found[0]], text)
        return _ANY.sub(self._placeholder, text)

    def _placeholder(self, found: re.Match[str]) -> str:
        kind = next(kind for kind in (*_PLAIN, *_NUMBERED) if found[kind])
        if kind == "time":
            return _time(found["form"])
        if kind in _PLAIN:
            return f"<{kind}>"
        number = sum(placeholder.startswith(f"<{kind} ") for placeholder in self._seen.values()) + 1
        return self._seen.setdefault(found[0], f"<{kind} {number}>")


def _time(form: str) -> str:
    """What follows the seconds stays seen, as clients have to read it; the usual `Z` alone needs no word."""
    shown = re.sub(r"\.[0-9]+", ".0", form)
    return "<time>" if shown == "Z" else f"<time {shown or 'without zone'}>"


def without(value: Any, fields: list[str], path: str = "") -> Any:
    """The value without the fields whose dotted path matches a pattern; an item of a list is `[]`."""
    if isinstance(value, dict):
        paths = {key: f"{path}.{key}" if path else key for key in value}
        left = {key: item for key, item in value.items() if not any(fnmatchcase(paths[key], f) for f in fields)}
        return {key: without(item, fields, paths[key]) for key, item in left.items()}
    if isinstance(value, list):
        return [without(item, fields, f"{path}[]") for item in value]
    return value
