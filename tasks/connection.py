"""A credentials block that is tried out, and the page about it that is left in Prefect's UI."""

from __future__ import annotations

from blocks.credentials import OpenStackCredentials
from magnumhub.domain.connection import Connection
from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.report.connection import connection_page, refused_page
from tasks.progress import stage
from tasks.report import leave


def try_out(credentials: OpenStackCredentials) -> Connection:
    """Log in with the block, and leave what was seen, or why nobody was let in, as artifact `connection-NAME`.

    Safe to repeat: reads only; each call adds a version of the artifact, so that none tells of an earlier credential.

    Raises:
        AuthenticationError, RefusedError, TransientError: as `OpenStackCredentials.test_connection`.
    """
    name = credentials.name
    key, about = f"connection-{name}", f"what block {name} may do"
    with stage("connection"):
        try:
            seen = credentials.test_connection()
        except MagnumhubError as error:
            leave(key, refused_page(f"block:{name}", error.message, error.hint), about)
            raise
    leave(key, connection_page(seen), about)
    return seen
