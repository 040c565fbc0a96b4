"""Credentials and secrets: where they come from, and the clients they open.

The block types are here as well, for `prefect block register -m blocks`. They are imported when asked for: Prefect
takes seconds, and a command that needs no block needs no Prefect.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_BLOCK_TYPES = {"OpenStackCredentials": "blocks.credentials", "SshKey": "blocks.ssh_key"}


def __getattr__(name: str) -> Any:
    if name not in _BLOCK_TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_BLOCK_TYPES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_BLOCK_TYPES])
