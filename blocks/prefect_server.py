"""What Prefect's server says no with, in the product's words: it does not answer, or wants its password first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.exceptions import PrefectHTTPStatusError

from magnumhub.domain.errors import AuthenticationError, MagnumhubError, TransientError

NO_SERVER = (httpx.HTTPError, RuntimeError)
"""How Prefect's client says that its server does not answer: as httpx does, or `Failed to reach API`."""

_LOCKED_OUT = (401, 403)
"""The server's own answer without its password, and that of a proxy in front of it."""


@contextmanager
def asking_prefect(failed: str, hint: str = "see PREFECT_API_URL") -> Iterator[None]:
    """Say of a server that does not do what the block asks of it why, and what to do.

    Args:
        failed: the sentence that what the client says is added to.
        hint: for whoever reads it, where no password is missing.

    Raises:
        AuthenticationError: the server wants its own password first.
        TransientError: it does not answer, or refuses.
    """
    try:
        yield
    except NO_SERVER as error:
        raise locked_out(error) or TransientError(f"{failed}: {error}", hint) from error


def locked_out(error: BaseException, about: str = "") -> AuthenticationError | None:
    """What to say where the server lets nobody in without its password; None where that is not what is wrong.

    Args:
        about: what was asked for, where the reader has to know.

    Source: at its first request Prefect's client hands a 401 on, and makes `Failed to reach API` of a 403 (3.8.8).
    """
    for each in (error, error.__cause__):
        if isinstance(each, PrefectHTTPStatusError) and (status := each.response.status_code) in _LOCKED_OUT:
            what = f"{about}: " if about else ""
            return AuthenticationError(
                f"{what}Prefect's server wants a password (HTTP {status})",
                "set PREFECT_API_AUTH_STRING to what the server has as PREFECT_SERVER_API_AUTH_STRING",
            )
    return None


def not_begun(error: BaseException) -> MagnumhubError | None:
    """What to say where the server did not let a flow begin; None where that is not what is wrong."""
    if (told := locked_out(error)) or "Failed to reach API" not in str(error):
        return told
    hint = "start that server, or unset PREFECT_API_URL: then a temporary one is used"
    return TransientError(f"Prefect's server does not answer: {error}", hint)
