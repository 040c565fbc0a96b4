"""One check as it runs: bounded, tried once more where that can help, and never ended by an exception.

A check is a function that looks at something and tells its findings. What it raises is a finding too.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.health import Check, Checked, check_of, finding_of
from magnumhub.domain.history import is_lasting
from magnumhub.domain.redaction import redact
from magnumhub.domain.results import Report

_FAILED = ("Unhealthy", "Unknown")

PAUSE_S = 10.0
"""Between a failure that may be over soon and the second try: longer than a pod's restart, shorter than a night."""


@dataclass
class Checking:
    """A check under way.

    summary: what is said when nothing is wrong. beside_s: time that belongs to other checks. facts: as in Checked.
    """

    name: str
    findings: list[Finding] = field(default_factory=list)
    summary: str = ""
    beside_s: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    _started_s: float = field(default_factory=time.monotonic, repr=False)

    def ended(self) -> Checked:
        """The check with what it found so far."""
        return checked(
            self.name,
            self.findings,
            duration_s=time.monotonic() - self._started_s - self.beside_s,
            summary=self.summary,
            facts=self.facts,
        )


Look = Callable[[Checking], None]


def checked(
    name: str,
    findings: Iterable[Finding],
    *,
    duration_s: float,
    summary: str,
    facts: Mapping[str, Any] | None = None,
) -> Checked:
    """A check and its findings; `summary` is told when nothing is wrong."""
    found = tuple(findings)
    check = check_of(name, found, duration_s=duration_s, summary=summary)
    return Checked(check=check, findings=found, facts=dict(facts or {}))


def skipped(name: str, why: str) -> Checked:
    """A check that could not be made, or had nothing to look at."""
    return Checked(check=Check(name=name, level="Skipped", duration_s=0, summary=why))


def concealed(seen: Checked, secrets: Iterable[str]) -> Checked:
    """The check without any of these secrets: findings quote what services say, a pod's log among it."""
    known = tuple(secrets)
    check = seen.check.model_copy(update={"summary": redact(seen.check.summary, known)})
    findings = tuple(
        finding.model_copy(update={"summary": redact(finding.summary, known), "remedy": redact(finding.remedy, known)})
        for finding in seen.findings
    )
    return seen.model_copy(update={"check": check, "findings": findings})


def run_check(
    name: str, look: Look, *, limit_s: float, report: Report, unseen: Level = "Unhealthy", pause_s: float = PAUSE_S
) -> Checked:
    """Look, and once more after a pause where it failed for a reason that may pass.

    Safe to repeat as far as `look` is.

    Args:
        limit_s: of each try; what has not ended then is left to a thread of its own and told as a finding.
        unseen: how bad it is when it cannot be looked at.
        pause_s: between the tries.
    """
    first = _within(name, look, limit_s, unseen)
    if not may_pass([first]):
        return first
    pause([first], report, pause_s)
    return settled(first, _within(name, look, limit_s, unseen))


def may_pass(seen: Iterable[Checked]) -> bool:
    """Whether checks that failed may be better at another moment: nothing that they found lasts."""
    wrong = [finding for one in seen for finding in one.findings if finding.level in _FAILED]
    return bool(wrong) and not any(is_lasting(finding.category) for finding in wrong)


def pause(seen: Iterable[Checked], report: Report, pause_s: float = PAUSE_S) -> None:
    """Wait before the second try, and say why."""
    failed = next(one.check for one in seen if one.check.level in _FAILED)
    report(f"{failed.name}: {failed.summary}; once more in {pause_s:.0f} s")
    time.sleep(pause_s)


def settled(first: Checked, second: Checked) -> Checked:
    """What two tries mean together: the second one counts; that only the first failed is a remark."""
    if first.check.level not in _FAILED or second.check.level not in ("Healthy", "Degraded"):
        return second
    wrong = next(finding for finding in first.findings if finding.level in _FAILED)
    remark = wrong.model_copy(
        update={"level": "Healthy", "summary": f"{wrong.summary}; it worked when it was tried once more", "remedy": ""}
    )
    return second.model_copy(update={"findings": (*second.findings, remark), "unsteady": True})


def look_once(name: str, look: Look, unseen: Level = "Unhealthy") -> Checked:
    """Look; an error is a finding, and one of ours that nobody foresaw is said to be one.

    Args:
        unseen: how bad it is when it cannot be looked at.
    """
    check = Checking(name)
    try:
        look(check)
    except MagnumhubError as error:
        check.findings.append(finding_of(name, error, level=unseen))
    except Exception as error:
        check.findings.append(_unforeseen(name, error))
    return check.ended()


def _within(name: str, look: Look, limit_s: float, unseen: Level) -> Checked:
    ended: list[Checked] = []
    context = contextvars.copy_context()
    thread = threading.Thread(
        target=lambda: ended.append(context.run(look_once, name, look, unseen)), name=f"check {name}", daemon=True
    )
    thread.start()
    thread.join(limit_s)
    return ended[0] if ended else _too_late(name, limit_s, unseen)


def _too_late(name: str, limit_s: float, unseen: Level) -> Checked:
    summary = f"{name}: not looked through within {limit_s:.0f} s"
    remedy = "A service that is asked here answers too slowly, or not at all; the run's log has its last word."
    finding = Finding(check=name, level=unseen, category=Category.SERVICE, summary=summary, remedy=remedy)
    return checked(name, [finding], duration_s=limit_s, summary="")


def _unforeseen(name: str, error: Exception) -> Finding:
    return Finding(
        check=name,
        level="Unknown",
        category=Category.SERVICE,
        summary=f"{name}: {type(error).__name__}: {error}",
        remedy="This is a fault of magnumhub: please report it.",
    )
