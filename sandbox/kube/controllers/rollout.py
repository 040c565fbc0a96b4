"""How many pods each ReplicaSet of a Deployment should have now: the arithmetic of a rolling update.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """A ReplicaSet's pods: asked for and available."""

    asked: int
    available: int


def resolve(value: int | str, wanted: int, *, up: bool) -> int:
    """`25%` or a number, of `wanted` pods."""
    if isinstance(value, int) or not value.endswith("%"):
        return int(value)
    share = wanted * int(value[:-1]) / 100
    return math.ceil(share) if up else math.floor(share)


def rolling_sizes(
    wanted: int, new: Size, old: list[Size], max_surge: int | str, max_unavailable: int | str
) -> tuple[int, list[int]]:
    """The next size of the new ReplicaSet and of the old ones, oldest first.

    Never more than wanted + surge pods in all, never fewer than wanted - unavailable of them available; old pods that
    do not work go first.
    """
    surge = resolve(max_surge, wanted, up=True)
    unavailable = min(resolve(max_unavailable, wanted, up=False), wanted)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    all_old = sum(size.asked for size in old)
    room = wanted + surge - new.asked - all_old
    next_new = wanted if new.asked > wanted else min(wanted, new.asked + max(0, room))
    minimum = wanted - unavailable
    spare = next_new + all_old - minimum - (next_new - min(new.available, next_new))
    sizes = [size.asked for size in old]
    for place, size in enumerate(old):
        broken = min(max(size.asked - size.available, 0), max(spare, 0))
        sizes[place] -= broken
        spare -= broken
    healthy = min(new.available, next_new) + sum(min(s.available, left) for s, left in zip(old, sizes, strict=True))
    spare = max(min(spare, healthy - minimum), 0)
    for place, left in enumerate(sizes):
        gone = min(left, spare)
        sizes[place] -= gone
        spare -= gone
    return next_new, sizes
