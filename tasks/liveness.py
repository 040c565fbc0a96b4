"""Signs of life of runs on Prefect's server: Prefect's engine sends one every 30 s (`prefect.yaml`)."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.states import Crashed

from magnumhub.domain.liveness import is_dead
from tasks.progress import stage

_SIGN = "prefect.flow-run.heartbeat"


def crash_if_dead(flow_run_id: UUID, limit_s: float) -> bool:
    """Mark the run as Crashed where nobody carries it any more; returns whether that was so.

    A new state is a sign of life too: one that is resumed or retried has its last other one from long ago, and one
    that is being started has none.

    Safe to repeat: a run that is marked, over, suspended or heard again is left alone.

    Args:
        limit_s: how long it may be silent.
    """
    with stage("signs of life") as report, get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run_id)
        found = client.request(
            "POST",
            "/events/filter",
            json={
                "filter": {
                    "event": {"name": [_SIGN]},
                    "resource": {"id": [f"prefect.flow-run.{flow_run_id}"]},
                    "order": "DESC",
                },
                "limit": 1,
            },
        ).json()["events"]
        assert run.state
        since = max([run.state.timestamp, *(datetime.fromisoformat(event["occurred"]) for event in found)])
        silent_for_s = (datetime.now(UTC) - since).total_seconds()
        report.remark(f"{run.name} is {run.state.type.value}; its last sign of life was {since}")
        if not is_dead(run.state.type.value, silent_for_s, limit_s=limit_s):
            return False
        client.set_flow_run_state(flow_run_id, Crashed(message=_message(silent_for_s)), force=True)
        report.action = "changed"
        return True


def _message(silent_for_s: float) -> str:
    return (
        f"No sign of life for {silent_for_s:.0f} s: its worker was killed, or its machine is gone. "
        "Retry goes on where it was."
    )
