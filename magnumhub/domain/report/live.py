"""How far a run is, in a number and a sentence, while its stages go on."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def percent(ended: Collection[str], known: Collection[str]) -> int:
    """The share of a flow's stages that have ended. They take seconds or an hour: it tells where, not how long yet.

    Args:
        ended: names of stages, also of some that are not counted.
        known: those that every run of the flow goes through.
    """
    return round(100 * len(set(known).intersection(ended)) / len(known))


def doing(running: Mapping[str, tuple[float, str]]) -> str:
    """What runs now: each stage with the time that it took until now and the last that was said in it.

    Args:
        running: stage to seconds and text, the oldest first.
    """
    told = (f"{stage} ({spent(seconds)}){f': {text}' if text else ''}" for stage, (seconds, text) in running.items())
    return "; ".join(told)


def spent(seconds: float) -> str:
    """A duration as people say it: 1.5 s, 42 s, 4 min 30 s, 1 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest} s"
