"""Kubernetes quantities as numbers, and as the API writes them."""

from __future__ import annotations

import math
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


def canonical(value: str | int | float) -> str:
    """A quantity as the API stores it, whatever it was sent as: 1073741824 is a string, 1024Mi is 1Gi, 0.5 is 500m.

    Source: CanonicalizeBytes of k8s.io/apimachinery/pkg/api/resource/quantity.go.
    """
    text = str(value)
    found = _QUANTITY.match(text)
    if not found or found[2] not in _UNITS or "e" in found[1].lower():
        return text
    amount = quantity(text)
    if found[2].endswith("i") and abs(amount) >= 1024:
        return _shortest(Decimal(math.ceil(amount)), 1024, ("", "Ki", "Mi", "Gi", "Ti", "Pi"))
    return _shortest(amount * 1000, 1000, ("m", "", "k", "M", "G", "T", "P"))


def _shortest(amount: Decimal, base: int, units: tuple[str, ...]) -> str:
    """The number without a fraction and in the greatest unit that leaves it none; parts of the smallest round up."""
    number, step = math.ceil(amount), 0
    while number and number % base == 0 and step + 1 < len(units):
        number, step = number // base, step + 1
    return f"{number}{units[step]}" if number else "0"
