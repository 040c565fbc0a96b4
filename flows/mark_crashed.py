"""What is left of a worker that died with its run: without this the run is Running for ever, and cannot be retried."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from prefect import flow
from pydantic import Field

from tasks.liveness import crash_if_dead


@flow(name="mark_crashed", flow_run_name="mark_crashed {flow_run_id}")
def mark_crashed(flow_run_id: UUID, silent_s: Annotated[float, Field(ge=30)] = 90) -> bool:
    """Mark a run as Crashed that is said to go on and gives no sign of life, so that it is told and can be retried.

    The automation worker-died.yaml starts it. That one sees signs of life alone: they also stop where a run is
    suspended or over, and for as long as Prefect's server is away.

    Args:
        flow_run_id: the run, by its id.
        silent_s: how long it may be silent, in seconds; signs of life come every 30 s (prefect.yaml), and on a busy
            machine two may be lost in a row.
    """
    return crash_if_dead(flow_run_id, silent_s)
