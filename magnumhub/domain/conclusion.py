"""From single checks to the verdict: causes before consequences, beside earlier nights, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from magnumhub.domain.checking import concealed
from magnumhub.domain.checks.causes import CAUSAL_ORDER, with_causes
from magnumhub.domain.findings import Finding
from magnumhub.domain.health import Check, Checked, Health, UserChecks, check_of, health_of
from magnumhub.domain.history import (
    Decision,
    Memory,
    Record,
    decide_event,
    judge_speed,
    judge_unsteady,
)


class When(TypedDict):
    """How a document says when a check was made: ISO 8601, and seconds."""

    started_at: str
    duration_s: float


def conclude(
    site: str,
    *,
    started_at: datetime,
    ended_at: datetime,
    checks: Sequence[Checked],
    users: UserChecks,
    endpoints: Mapping[str, str | None],
    history: Sequence[Record],
    secrets: Sequence[str] = (),
) -> tuple[Record, Decision]:
    """The check's record, and whether people are to be told of it.

    Args:
        checks, users: what was looked at.
        endpoints: where users go, by role.
        history: the site's earlier checks, newest first.
        secrets: what must show nowhere, whoever quoted it.
    """
    seen = [concealed(found, secrets) for found in (*checks, *users.checks)]
    unsteady = tuple(found.check.name for found in seen if found.unsteady)
    later = [*judge_speed(users.benchmark, history), *judge_unsteady(unsteady, history)]
    ordered, findings = with_causes([_with(found, later) for found in seen])
    health = health_of(
        site,
        **_when(started_at, ended_at),
        checks=[found.check for found in ordered],
        findings=findings,
        versions=users.versions,
        benchmark=users.benchmark,
    )
    before = history[0].memory if history else Memory()
    levels = [health.level, *(record.health.level for record in history)]
    decision = decide_event(levels, health.findings, alarm=before.alarm)
    memory = Memory(
        restarts=_restarts(checks, before),
        unsteady=unsteady,
        phases=users.phases,
        endpoints={**before.endpoints, **{role: url for role, url in endpoints.items() if url}},
        alarm=decision.alarm,
    )
    return Record(health=health, memory=memory), decision


def untold(record: Record, history: Sequence[Record]) -> Record:
    """The record of a check whose event did not arrive: the alarm stands as it stood, so that the next check tells."""
    alarm = history[0].memory.alarm if history else False
    return record.model_copy(update={"memory": record.memory.model_copy(update={"alarm": alarm})})


def busy(site: str, *, started_at: datetime, ended_at: datetime, why: str) -> Health:
    """The document of a site on which another run works: nothing was looked at."""
    checks = [Check(name=name, level="Skipped", duration_s=0, summary=why) for name in CAUSAL_ORDER]
    return health_of(site, **_when(started_at, ended_at), checks=checks, findings=(), versions={}, benchmark=None)


def _when(started_at: datetime, ended_at: datetime) -> When:
    return {
        "started_at": started_at.isoformat(timespec="seconds"),
        "duration_s": (ended_at - started_at).total_seconds(),
    }


def _with(found: Checked, later: Sequence[Finding]) -> Checked:
    """A check with what only its history tells."""
    more = [finding for finding in later if finding.check == found.check.name]
    if not more:
        return found
    findings = (*found.findings, *more)
    check = check_of(found.check.name, findings, duration_s=found.check.duration_s, summary=found.check.summary)
    return found.model_copy(update={"check": check, "findings": findings})


def _restarts(checks: Sequence[Checked], before: Memory) -> dict[str, int]:
    """As the workloads check saw them; what an earlier one saw stays known while Kubernetes does not answer."""
    seen = next((found.facts["restarts"] for found in checks if "restarts" in found.facts), None)
    return dict(before.restarts if seen is None else seen)
