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

    Where one side holds a secret the other is one as well: what it was before, or what it becomes.

    Args:
        secrets: what must not show, whatever key it stands under.
    """
    return tuple(_changes(before, after, (), tuple(secrets), is_secret=False))


def content_digest(chart_version: str, values: Mapping[str, Any]) -> str:
    """Tells what is installed apart from everything else that could be, without telling what it is.

    The tokens among the values keep a guessed password from being tried on it.
    """
    return hashlib.sha256(f"{chart_version}\n{canonical(values)}".encode()).hexdigest()[:16]


def _changes(
    before: Any, after: Any, path: tuple[str, ...], secrets: tuple[str, ...], *, is_secret: bool
) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            hidden = is_secret or is_secret_key(str(key))
            old, new = before.get(key, _NOTHING), after.get(key, _NOTHING)
            yield from _changes(old, new, (*path, str(key)), secrets, is_secret=hidden)
    elif before is _NOTHING or after is _NOTHING or canonical({"": before}) != canonical({"": after}):
        sides = [_masked(side, secrets) for side in (before, after)]
        texts = [side for side in (before, after) if isinstance(side, str)]
        hidden = is_secret or any(redact(text, secrets) != text for text in texts)
        yield f"{'.'.join(path)}: {_shown(sides[0], hidden)} -> {_shown(sides[1], hidden)}"


def _shown(value: Any, is_secret: bool) -> str:
    if value is _NOTHING:
        return "(none)"
    if is_secret:
        return MASK
    text = canonical({"": value})[4:-1]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _masked(value: Any, secrets: tuple[str, ...]) -> Any:
    """Without secrets, before anything is cut or written otherwise: neither a part nor another form of one shows."""
    if isinstance(value, Mapping):
        return {key: MASK if is_secret_key(str(key)) else _masked(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, secrets) for item in value]
    return redact(value, secrets) if isinstance(value, str) else value
