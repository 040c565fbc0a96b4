"""What two clouds cannot have in common, because whoever runs them chose it: told by its type and not by its value."""

from __future__ import annotations

from collections.abc import Callable, Collection
from fnmatch import fnmatchcase
from typing import Any


def by_type(*fields: str) -> Callable[[Any], Any]:
    """For `Told.call(comparable=…)`.

    Args:
        fields: dotted paths with *; an item of a list is `[]`.
    """
    return lambda body: _typed(body, fields, "")


def _typed(value: Any, fields: Collection[str], path: str) -> Any:
    if any(fnmatchcase(path, field.replace("[", "[[]")) for field in fields):
        return f"<{type(value).__name__}>"
    if isinstance(value, dict):
        return {key: _typed(item, fields, f"{path}.{key}" if path else key) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, fields, f"{path}[]") for item in value]
    return value


def both(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """One after the other."""
    return lambda body: second(first(body))
