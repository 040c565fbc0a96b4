"""Names that the server makes up."""

from __future__ import annotations

import random

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def random_suffix(length: int = 5) -> str:
    """Letters and digits as generated names end with."""
    return "".join(random.choices(ALPHABET, k=length))  # noqa: S311 - a name, not a secret
