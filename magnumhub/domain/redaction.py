"""The one place where secrets are taken out of text and errors before anybody sees them.

Secrets are recognised in two ways: by their text, once resolved (`redact`), and by the name of the key they stand under
(`is_secret_key`), which also covers what was never resolved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from magnumhub.domain.errors import MagnumhubError, ServiceError

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


def redacted(report: Callable[[str], None], secrets: Iterable[str]) -> Callable[[str], None]:
    """The same report, which is never given a secret."""
    known = tuple(secrets)
    return lambda text: report(redact(text, known))


@contextmanager
def without_secrets(secrets: Iterable[str]) -> Iterator[None]:
    """Whatever error leaves the block says no secret, and neither do those that it was raised from.

    Errors quote what services say: a pod's log, a library's message. Those are beyond our choice of words.
    """
    known = tuple(secrets)
    try:
        yield
    except MagnumhubError as error:
        _clean(error, known)
        raise
    except Exception as error:
        if not _tells(error, known):
            raise
        raise ServiceError(f"{type(error).__name__}: {redact(str(error), known)}") from None


def _clean(error: MagnumhubError, secrets: tuple[str, ...]) -> None:
    for name, value in vars(error).items():
        if isinstance(value, str):
            setattr(error, name, redact(value, secrets))
    error.args = (error.message,)
    if _tells(error, secrets):
        # A library's error cannot be told in other words, so it is not told.
        error.__cause__, error.__context__, error.__suppress_context__ = None, None, True


def _tells(error: BaseException, secrets: tuple[str, ...]) -> bool:
    """Whether an error, or one that would be shown with it, says a secret."""
    if redact(str(error), secrets) != str(error):
        return True
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return behind is not None and _tells(behind, secrets)
