"""What every task of magnumhub agrees on: when to try again, and what may be remembered.

Prefect knows nothing of clouds; the library's errors say by themselves whether trying again can help (`transient`).
Acts are remembered per flow run, so that a retried or resumed run skips what it finished; observations never are,
because a run may be resumed days later.
"""

from __future__ import annotations

from typing import Any

from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.context import TaskRunContext
from prefect.tasks import exponential_backoff
from prefect.utilities.hashing import hash_objects

from magnumhub.domain.errors import MagnumhubError


def is_transient(task: Any, task_run: Any, state: Any) -> bool:
    """Whether a failed task may be tried again: only for errors that call themselves transient."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, MagnumhubError) and error.transient


def _act_key(context: TaskRunContext, inputs: dict[str, Any]) -> str:
    # The task's name keeps two tasks with equal inputs apart; the flow run's id keeps runs apart. What was planned is
    # part of no act: a resumed run makes its plan anew, and has to find the acts it finished.
    acts = {name: value for name, value in inputs.items() if name != "plan"}
    digest = hash_objects(acts, raise_on_failure=True)
    return f"{context.task_run.flow_run_id}-{context.task.name}-{digest}"


_RETRIES: dict[str, Any] = {
    "retries": 5,
    "retry_delay_seconds": exponential_backoff(backoff_factor=1),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_transient,
}

OBSERVE: dict[str, Any] = {**_RETRIES, "cache_policy": NO_CACHE, "persist_result": False}
"""Options of a task that looks, or that is cheap to do again: never cached."""

ACT: dict[str, Any] = {
    **_RETRIES,
    "cache_policy": CachePolicy.from_cache_key_fn(_act_key),
    "persist_result": True,
    "result_serializer": "json",
}
"""Options of a task that creates something and returns its ids: a retried or resumed run does not do it again."""
