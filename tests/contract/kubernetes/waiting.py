"""Waiting, without fixed times, for what a controller does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], limit_s: float, what: str) -> T:
    """The first true value that `look` returns."""
    give_up_s = time.monotonic() + limit_s
    while time.monotonic() < give_up_s:
        if seen := look():
            return seen
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {limit_s} s")
