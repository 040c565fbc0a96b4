"""Whether a run that is said to go on still does."""

from __future__ import annotations


def is_dead(state: str, silent_for_s: float, *, limit_s: float) -> bool:
    """Whether nobody carries the run any more.

    Args:
        state: its type on Prefect's server. A worker makes it PENDING and starts it; from RUNNING on it gives signs of
            life. One that is put off, suspended or over may be silent.
        silent_for_s: since its last sign of life or since it is in this state, whichever was later.
        limit_s: how long it may be silent.
    """
    return state in ("PENDING", "RUNNING") and silent_for_s >= limit_s
