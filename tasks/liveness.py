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
        last = datetime.fromisoformat(found[0]["occurred"]) if found else None
        silent_for_s = (datetime.now(UTC) - last).total_seconds() if last else None
        state = run.state.type.value if run.state else ""
        report.remark(f"{run.name} is {state}; its last sign of life was {last or 'never'}")
        if not is_dead(state, silent_for_s, limit_s=limit_s):
            return False
        client.set_flow_run_state(flow_run_id, Crashed(message=_message(silent_for_s)), force=True)
        report.action = "changed"
        return True


def _message(silent_for_s: float | None) -> str:
    since = f"for {silent_for_s:.0f} s" if silent_for_s is not None else "at all"
    return f"No sign of life {since}: its worker was killed, or its machine is gone. Retry goes on where it was."
