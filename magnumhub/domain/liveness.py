"""Whether a run that is said to go on still does."""

from __future__ import annotations


def is_dead(state: str, silent_for_s: float | None, *, limit_s: float) -> bool:
    """Whether nobody carries the run any more.

    Args:
        state: its type on Prefect's server; only one that is RUNNING gives signs of life: one that is suspended or
            over may be silent.
        silent_for_s: since its last sign of life; None when none is on record.
        limit_s: how long it may be silent.
    """
    return state == "RUNNING" and (silent_for_s is None or silent_for_s >= limit_s)
