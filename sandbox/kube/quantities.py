"""Kubernetes quantities as numbers."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {"": 1, "m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_UNITS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_QUANTITY = re.compile(r"^([+-]?[0-9.]+(?:[eE][0-9]+)?)([a-zA-Z]*)$")


def quantity(value: str | int | float | None) -> Decimal:
    """A Kubernetes quantity (`500m`, `1.5Gi`, 2) as a number."""
    found = _QUANTITY.match(str(value or 0))
    if not found or found[2] not in _UNITS:
        return Decimal(0)
    return Decimal(found[1]) * _UNITS[found[2]]
