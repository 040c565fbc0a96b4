"""Where a site's secrets come from: it says where each one is, and this is the one place that reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from magnumhub.domain.errors import RefusedError
from magnumhub.domain.spec import SecretRef


def resolve(references: Iterable[SecretRef]) -> dict[str, str]:
    """Read every secret that `references` point at, by the reference's text.

    Safe to repeat: reads only.

    Raises:
        RefusedError: lists every reference that leads nowhere; the secrets themselves are in no message.
    """
    found: dict[str, str] = {}
    missing: list[str] = []
    for reference in references:
        try:
            found[str(reference)] = _read(reference)
        except (KeyError, OSError, ValueError) as error:
            missing.append(f"{reference}: {_reason(error)}")
    if missing:
        raise RefusedError(
            "these secrets of the site could not be read: " + "; ".join(missing),
            "set the variable, write the file or create the block on the machine where the flow runs",
        )
    return found


def _read(reference: SecretRef) -> str:
    if reference.env is not None:
        return os.environ[reference.env]
    if reference.file is not None:
        return Path(reference.file).expanduser().read_text(encoding="utf-8").strip()
    from prefect.blocks.system import Secret

    block = cast("Secret[str]", Secret.load(str(reference.block)))  # a coroutine only where a loop runs; none does here
    return str(block.get())


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return "the environment variable is not set"
    if isinstance(error, OSError):
        return str(error.strerror)
    return "there is no such block"
