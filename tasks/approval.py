"""The question to a person, put to Prefect: the form that a suspended run waits with, and who is told of it.

Everything here is called from a flow's body: a task cannot suspend its flow, and one that still ran at the suspension
would run a second time after the resume.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NoReturn
from uuid import uuid5

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput, keyset_from_paused_state
from prefect.states import Suspended
from pydantic import Field

from magnumhub.domain.approval import answered, question
from magnumhub.domain.errors import WaitingError
from magnumhub.domain.spec import Site
from tasks.notify import announce_waiting
from tasks.report import leave

ANSWER_WITHIN_S = 14 * 24 * 3600
"""A cloud's support answers within days. What nobody has answered after two weeks is forgotten, and costs a cluster."""


WAITS = "waits-for-approval"
"""The tag of a run that waits for a person; the UI filters by it."""


class IngressAnswer(RunInput):
    """The form. `granted` has no default: a form that is sent off unread must not open or refuse anything."""

    granted: bool = Field(
        title="granted",
        description="On: the cloud's support has opened the firewall. To refuse, switch it on and off again: untouched"
        " it is no answer.",
    )
    remark: str = Field(default="", title="remark", description="For the run's log, as the number of the ticket.")


def can_suspend() -> bool:
    """Whether a worker can take this run up again: one of a deployment, and not part of another run.

    Source: "Cannot suspend flows without a deployment", "Cannot suspend subflows", Prefect 3.8.8.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return run is not None and run.deployment_id is not None and run.parent_task_run_id is None


def last_answer() -> IngressAnswer | None:
    """The answer to the last question of this run; None when there was none yet.

    Safe to repeat: reads only. A run that was retried starts without earlier answers.

    Raises:
        pydantic.ValidationError: what was sent is not an answer, as when the run was resumed by force.
    """
    run = _own_run()
    if not (asked := _questions(run)):
        return None
    # Not by suspending once more with the same key, as Prefect would have it: the run's log would tell of it.
    answer = IngressAnswer.load(keyset_from_paused_state(Suspended(pause_key=_key(run, asked))))
    assert isinstance(answer, IngressAnswer)  # in a flow that is not async it is no coroutine
    return answer


def tell_waiting(site: Site, waiting: WaitingError) -> None:
    """Leave the question as the artifact `ingress-SITE`, and have people notified of it.

    Safe to repeat: a question that was told and not put is told under the same id, which the server knows.
    """
    run = _own_run()
    create_markdown_artifact(
        question(site.name, waiting), key=f"ingress-{site.name}", description=f"{site.name} waits for its firewall"
    )
    announce_waiting(site, waiting, uuid5(run.id, _key(run, _questions(run) + 1)))


def tell_answer(site: Site, addresses: Mapping[str, str], answer: IngressAnswer) -> None:
    """Let the artifact `ingress-SITE` say how the question was answered, so that it does not go on asking.

    Safe to repeat: each call adds a version; one that the server does not take is said.

    Args:
        addresses: role to floating IP.
    """
    page = answered(site.name, addresses, granted=answer.granted, remark=answer.remark, at=datetime.now(UTC))
    told = "granted" if answer.granted else "refused"
    leave(f"ingress-{site.name}", page, f"the firewall of {site.name}: {told}")


def no_longer_waits() -> None:
    """Take the tag of a suspended run away; its name is given anew by Prefect whenever it starts.

    Safe to repeat: asks nothing where the run began without it.
    """
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None and WAITS in context.flow_run.tags:
        with get_client(sync_client=True) as client:
            tags = [tag for tag in client.read_flow_run(context.flow_run.id).tags if tag != WAITS]
            client.update_flow_run(context.flow_run.id, tags=tags)


def suspend(site: Site, waiting: WaitingError) -> NoReturn:
    """End this process with the question in the run's form; it holds no slot of a worker until it is answered.

    Lists of runs show that it waits, by its name and by a tag, as they cannot show whose turn a Suspended run is.

    Raises:
        Pause: Prefect's engine ends the process on it, and begins the flow from the top once it is resumed.
    """
    run = _own_run()
    form = IngressAnswer.with_initial_data(description=question(site.name, waiting))
    with get_client(sync_client=True) as client:
        client.update_flow_run(run.id, name=f"{run.name} (waits for approval)", tags=[*run.tags, WAITS])
    suspend_flow_run(wait_for_input=form, key=_key(run, _questions(run) + 1), timeout=ANSWER_WITHIN_S)
    raise AssertionError("a key that was never used suspends")


def _own_run() -> FlowRun:
    """As the server knows it by now: what this process began with has no suspension in it."""
    context = FlowRunContext.get()
    assert context is not None and context.flow_run is not None, "only a flow asks for its own run"
    with get_client(sync_client=True) as client:
        return client.read_flow_run(context.flow_run.id)


def _questions(run: FlowRun) -> int:
    """How many questions this run has put; Prefect keeps the keys by which a run was suspended."""
    return sum(key.startswith(_key(run, "")) for key in run.empirical_policy.pause_keys or ())


def _key(run: FlowRun, number: int | str) -> str:
    # A retry of the whole run, which counts as another one, begins to ask anew; a resume does not.
    return f"ingress-{run.run_count}-{number}"
