"""How a run that judges a site ends: by the site's own word, as a state of that name in Prefect's UI."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, ParamSpec, TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from magnumhub.domain.connection import Connection
from magnumhub.domain.deployment import Deployment
from magnumhub.domain.errors import InputError, RefusedError
from magnumhub.domain.findings import Level
from magnumhub.domain.fleet import Fleet
from magnumhub.domain.health import Health
from magnumhub.domain.results import StageRecord
from magnumhub.domain.teardown import Teardown

P = ParamSpec("P")
T = TypeVar("T")


def timed(deployment: Deployment, stages: Sequence[StageRecord], started_s: float) -> Deployment:
    """The document with what the run did and how long it took, since `started_s` of the monotonic clock."""
    duration_s = round(time.monotonic() - started_s, 3)
    return deployment.model_copy(update={"stages": tuple(stages), "duration_s": duration_s})


def ended(deployment: Deployment) -> State[Deployment]:
    """A state around the document, called Healthy, Degraded (both completed) or Unhealthy (failed)."""
    if deployment.health is None:
        return _ended(deployment, "Healthy", "nothing had changed; hub and gateway answer")
    return _ended(deployment, deployment.health.level, _said(deployment.health))


def ended_health(health: Health) -> State[Health]:
    """The same for the document of a check."""
    return _ended(health, health.level, _said(health))


def ended_fleet(fleet: Fleet, unchecked: Collection[str]) -> State[Fleet]:
    """The same for all sites; Unknown where a site has no new report, whatever the others are: of these nobody has
    told yet, of an unhealthy one its own check has."""
    level: Level = "Unknown" if unchecked else fleet.level
    told = [site for site in fleet.sites if site.site in unchecked] or [s for s in fleet.sites if s.level == level]
    return _ended(fleet, level, "; ".join(f"{site.site}: {site.summary}" for site in told))


def ended_connection(seen: Connection) -> State[Connection]:
    """The same for a credential that was tried out."""
    told = "; ".join(finding.summary for finding in seen.findings)
    return _ended(seen, seen.level, told or "sites can be made with it")


def ended_teardown(torn_down: Teardown) -> Teardown | State[Teardown]:
    """The document itself when nothing is left; else a failed state called Incomplete around it."""
    if not torn_down.left:
        return torn_down
    told = "; ".join(f"{item.kind} {item.name or item.id}: {item.reason}" for item in torn_down.left)
    return Failed(name="Incomplete", message=told, data=torn_down)


def refusable(flow_function: Callable[P, T]) -> Callable[P, T | State[Any]]:
    """Let a refused run end as a failed state called Refused: the input, the cloud or a person says no, nothing broke.

    A caller that asks for the result gets the error, as from any failed run.
    """

    @functools.wraps(flow_function)
    def run(*arguments: P.args, **named: P.kwargs) -> T | State[Any]:
        try:
            return flow_function(*arguments, **named)
        except (InputError, RefusedError) as error:
            # Prefect's UI shows the message as one paragraph.
            lines = str(error).splitlines()
            said = (line if line.endswith((".", "!", "?", ":")) else f"{line}." for line in lines)
            return Failed(name="Refused", message="\n".join(said), data=error)

    # Prefect would look for the types that a flow's parameters name in this module.
    run.__signature__ = inspect.signature(flow_function, eval_str=True)  # type: ignore[attr-defined]
    run.__annotations__ = inspect.get_annotations(flow_function, eval_str=True)
    return run


def _ended(document: T, level: Level, message: str) -> State[T]:
    of_its_kind = Failed if level in ("Unhealthy", "Unknown") else Completed
    return of_its_kind(name=level, message=message, data=document)


def _said(health: Health) -> str:
    if health.level == "Healthy":
        return "every check is well"
    found = "; ".join(finding.summary for finding in health.findings if finding.level != "Healthy")
    return found or health.checks[0].summary
