"""Chart values as plain mappings: merged, with their secrets filled in, and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from magnumhub.domain.redaction import secret_reference


def value_at(values: Any, path: str, default: Any = None) -> Any:
    """The value under a dotted path; the default where there is none or it is null."""
    found: Any = values
    for key in path.split("."):
        if not isinstance(found, Mapping):
            return default
        found = found.get(key)
    return default if found is None else found


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values laid over values as Helm does: mappings merge, everything else (lists too) is replaced."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def references(value: Any) -> Iterator[tuple[str, str]]:
    """Every secret reference inside raw values as (kind, name): {env: NAME} is ("env", "NAME")."""
    if reference := secret_reference(value):
        kind, _, name = reference.partition(":")
        yield kind, name
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def filled(value: Any, secrets: Mapping[str, str]) -> Any:
    """Raw values with each secret reference replaced by its secret.

    Args:
        secrets: `env:NAME` to the secret, for every reference in the values.
    """
    if reference := secret_reference(value):
        return secrets[reference]
    if isinstance(value, Mapping):
        return {key: filled(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, secrets) for item in value]
    return value


def canonical(values: Mapping[str, Any]) -> str:
    """Values as text that is equal exactly when Helm would render the same: key order and 1 or 1.0 do not matter.

    Source: `helm get values -o json` writes whole floats as integers, as Go's JSON does.
    """
    return json.dumps(_plain(values), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
