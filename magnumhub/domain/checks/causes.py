"""Which finding is the cause and which ones only follow from it: when the API is down, that is the one alarm.

Source: what each check needs in order to work, as wired by domain/wiring.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from magnumhub.domain.findings import Category, Finding, worst_first
from magnumhub.domain.health import Checked

CAUSAL_ORDER = (
    "expiry",
    "kubernetes",
    "releases",
    "workloads",
    "addresses",
    "hub",
    "gateway",
    "notebook",
    "versions",
    "dask_cluster",
    "benchmark",
    "quota",
    "leftovers",
)
"""A check's failure can be the cause of those that come after it, never of those before."""

_USING = ("notebook", "versions", "dask_cluster", "benchmark")
_FOLLOWS_FROM = {
    "expiry": ("kubernetes", "hub", "gateway", "quota", *_USING),
    "kubernetes": ("expiry", "quota", "releases", "workloads", "addresses", "hub", "gateway", *_USING, "leftovers"),
    "releases": ("workloads", "addresses", "hub", "gateway", *_USING),
    "workloads": ("addresses", "hub", "gateway", *_USING),
    "addresses": ("hub", "gateway", *_USING),
    "hub": _USING,
    "gateway": ("dask_cluster", "versions", "benchmark"),
    "notebook": ("dask_cluster", "versions", "benchmark"),
    "versions": ("dask_cluster", "benchmark"),
    "dask_cluster": ("benchmark",),
}

_ASKING_THE_CLOUD = {"expiry": (Category.SERVICE,), "quota": (Category.SERVICE, Category.CREDENTIALS)}
"""Checks that ask the cloud itself, and what of theirs is the cloud's fault. That a credential ended is for expiry."""

_MEASURED = (Category.RESULT, Category.SPEED, Category.VERSIONS, Category.LEFTOVER)
"""What was computed, compared or counted was not stopped by anything, and follows from nothing. The same holds for the
room on nodes, unless there are none."""


def with_causes(checks: Sequence[Checked]) -> tuple[list[Checked], list[Finding]]:
    """The checks in causal order, and their findings without those that follow from another one.

    The most likely cause comes first; a check whose failure only follows says from what.
    """
    ordered = sorted(checks, key=lambda seen: CAUSAL_ORDER.index(seen.check.name))
    findings = [finding for seen in ordered for finding in seen.findings]
    roots = [finding for finding in findings if cause_of(finding, findings) is None]
    return [_explained(seen, findings) for seen in ordered], worst_first(roots)


def cause_of(finding: Finding, findings: Iterable[Finding]) -> Finding | None:
    """The first finding that this one follows from; None for one that stands by itself."""
    if finding.level not in ("Unhealthy", "Degraded", "Unknown"):
        return None
    return next((other for other in findings if _explains(other, finding)), None)


def _explains(cause: Finding, effect: Finding) -> bool:
    if cause.level != "Unhealthy" or effect.check not in _FOLLOWS_FROM.get(cause.check, ()):
        return False
    if effect.category in _MEASURED or (effect.category == Category.CAPACITY and cause.check != "kubernetes"):
        return False
    if effect.check in _ASKING_THE_CLOUD:
        # A cloud that does not answer, or lets nobody in, is met by all who ask it; what ends or is used up is not.
        return cause.category == effect.category and effect.category in _ASKING_THE_CLOUD[effect.check]
    if cause.check == "expiry":
        return cause.category in (Category.EXPIRY, Category.CREDENTIALS)
    return not cause.about or not effect.about or cause.about == effect.about


def _explained(seen: Checked, findings: Sequence[Finding]) -> Checked:
    wrong = [finding for finding in seen.findings if finding.level != "Healthy"]
    causes = [cause_of(finding, findings) for finding in wrong]
    first = next((cause for cause in causes if cause is not None), None)
    if first is None or None in causes:
        return seen
    check = seen.check.model_copy(update={"summary": f"follows from {first.check}: {seen.check.summary}"})
    return seen.model_copy(update={"check": check})
