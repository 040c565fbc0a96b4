"""The one place where secrets are taken out of text and values before anybody sees them.

Secrets are recognised in two ways: by their text, once resolved (`redact`), and by the name of the key they stand under
(`masked`), which also covers what was never resolved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"

_SHORTEST = 4
"""Shorter secrets are not looked for in text: hiding every `a` of a log tells more than it hides."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_ENDS = frozenset({"password", "passwd", "passphrase", "secret", "token", "apikey"})
_SECRET_PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key"), ("keeper", "keys")})
_NAMES_OF_SECRETS = frozenset({"existing", "pull"})
"""existingSecret and imagePullSecret name a Secret of Kubernetes; they hold none."""


def is_secret_key(key: str) -> bool:
    """Whether what stands under this key is a secret, told from the key: apiToken, client_secret, password."""
    words = [word.lower() for word in _WORDS.findall(key)]
    if not words or _NAMES_OF_SECRETS.intersection(words[:-1]):
        return False
    return words[-1] in _SECRET_ENDS or tuple(words[-2:]) in _SECRET_PAIRS


def secret_reference(value: Any) -> str | None:
    """`env:NAME` where a value is {env: NAME}, {file: PATH} or {block: NAME}; None where it is anything else."""
    if isinstance(value, Mapping) and len(value) == 1:
        kind, name = next(iter(value.items()))
        if kind in ("env", "file", "block") and isinstance(name, str) and name:
            return f"{kind}:{name}"
    return None


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, in every line they appear in.

    Args:
        text: anything that is about to be logged, shown or stored.
        secrets: resolved secrets; the longest is taken out first, so that none shines through another.
    """
    for secret in sorted((s for s in set(secrets) if len(s) >= _SHORTEST), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def masked(value: Any, secrets: Iterable[str] = ()) -> Any:
    """A copy of chart values that may be shown: what stands under a secret's key, and every known secret, is ***.

    A reference such as {env: NAME} is kept: it says where a secret is, not what it is.
    """
    known = tuple(secrets)
    if isinstance(value, Mapping):
        return {
            key: MASK if is_secret_key(str(key)) and _is_filled(item) else masked(item, known)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(item, known) for item in value]
    return redact(value, known) if isinstance(value, str) else value


def _is_filled(item: Any) -> bool:
    return secret_reference(item) is None and not isinstance(item, bool | Mapping) and item not in (None, "", [])
