"""What a saved credential may and may not do, before a site is built on it: chosen from a list in Prefect's form."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from blocks.credentials import OpenStackCredentials
from flows.outcome import ended_connection, refusable
from magnumhub.domain.connection import Connection
from tasks.connection import try_out


def _run_name() -> str:
    return f"test connection of {flow_run.parameters['credentials'].name}"


@flow(name="test_connection", flow_run_name=_run_name)
@refusable
def test_connection(credentials: OpenStackCredentials) -> Connection | State[Connection]:
    """Log in with a credentials block and say what it may and may not do; change nothing.

    The artifact `connection-NAME` has it: as whom and in which project, until when, whether clusters can be made, which
    services there are, and how much of each quota is free.

    Args:
        credentials: the block to try out. Only a reference to it is stored with the run.
    """
    return ended_connection(try_out(credentials))
