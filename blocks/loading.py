"""A block from Prefect's server, or a sentence that says which field of the site or of the block is wrong."""

from __future__ import annotations

from typing import TypeVar, cast

from prefect.blocks.core import Block
from pydantic import ValidationError

from blocks.prefect_server import NO_SERVER, locked_out
from magnumhub.domain.errors import MagnumhubError, RefusedError, TransientError

B = TypeVar("B", bound=Block)

LOGOS = "https://raw.githubusercontent.com/magnumhub/magnumhub/main/docs/images"
DOCUMENTATION = "https://github.com/magnumhub/magnumhub/blob/main/docs/blocks.md"


def load_block(kind: type[B], name: str, *, field: str) -> B:
    """The block of that name.

    Safe to repeat: reads only.

    Args:
        field: of the site, which names the block.

    Raises:
        RefusedError: there is no such block, or what it holds cannot be used; says which of its fields.
        AuthenticationError: the server wants its own password first.
        TransientError: the server does not answer.
    """
    what = f"{field}: block:{name}"
    try:
        return cast("B", kind.load(name, _sync=True))  # type: ignore[call-arg]
    except ValueError as error:
        raise RefusedError(
            f"{what}: Prefect has no such block of type {kind.get_block_type_name()}",
            f"create it in Prefect's UI (Blocks, {kind.get_block_type_name()}), or correct {field}",
        ) from error
    except NO_SERVER as error:
        raise _unusable(what, error) from error


def problems_of(error: ValidationError) -> str:
    """What is wrong with each field, on one line and without what was given: that may be a secret."""
    details = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(": ".join([*map(str, detail["loc"]), _words(detail["type"], detail["msg"])]) for detail in details)


def _words(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    return f"expected {message}" if kind == "expected" else message


def _unusable(what: str, error: Exception) -> MagnumhubError:
    if isinstance(error.__cause__, ValidationError):
        return RefusedError(f"{what}: {problems_of(error.__cause__)}", "correct the block in Prefect's UI")
    return locked_out(error, what) or TransientError(
        f"{what}: Prefect's server does not hand it out: {error}",
        "check PREFECT_API_URL, and that the server has the PREFECT_SERVER_ENCRYPTION_KEY the block was saved with",
    )
