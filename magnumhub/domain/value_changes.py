"""How a chart's values change: a line for each value, secrets masked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from magnumhub.domain.redaction import MASK, is_secret_key, redact
from magnumhub.domain.values import canonical

_NOTHING = object()
_LONGEST = 80


def value_changes(before: Mapping[str, Any], after: Mapping[str, Any], *, secrets: Iterable[str]) -> tuple[str, ...]:
    """A line for each value that comes, goes or changes, by its path.

    Args:
        secrets: what must not show, whatever key it stands under.
    """
    known = tuple(secrets)
    return tuple(redact(line, known) for line in _changes(before, after, (), False))


def content_digest(chart_version: str, values: Mapping[str, Any]) -> str:
    """Tells what is installed apart from everything else that could be, without telling what it is.

    The tokens among the values keep a guessed password from being tried on it.
    """
    return hashlib.sha256(f"{chart_version}\n{canonical(values)}".encode()).hexdigest()[:16]


def _changes(before: Any, after: Any, path: tuple[str, ...], secret: bool) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            is_secret = secret or is_secret_key(str(key))
            yield from _changes(before.get(key, _NOTHING), after.get(key, _NOTHING), (*path, str(key)), is_secret)
    elif before is _NOTHING or after is _NOTHING or canonical({"": before}) != canonical({"": after}):
        yield f"{'.'.join(path)}: {_shown(before, secret)} -> {_shown(after, secret)}"


def _shown(value: Any, secret: bool) -> str:
    if value is _NOTHING:
        return "(none)"
    if secret:
        return MASK
    text = canonical({"": _masked(value)})[4:-1]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _masked(value: Any) -> Any:
    """Whole mappings that come or go may hold secrets deeper down."""
    if isinstance(value, Mapping):
        return {key: MASK if is_secret_key(str(key)) else _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list | tuple) else value
