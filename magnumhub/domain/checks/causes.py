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
    "expiry": ("kubernetes", "hub", "gateway", *_USING),
    "kubernetes": ("releases", "workloads", "addresses", "hub", "gateway", *_USING, "leftovers"),
    "releases": ("workloads", "addresses", "hub", "gateway", *_USING),
    "workloads": ("addresses", "hub", "gateway", *_USING),
    "addresses": ("hub", "gateway", *_USING),
    "hub": _USING,
    "gateway": ("dask_cluster", "versions", "benchmark"),
    "notebook": ("dask_cluster", "versions", "benchmark"),
    "versions": ("dask_cluster", "benchmark"),
    "dask_cluster": ("benchmark",),
}


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
    if cause.summary == effect.summary and cause.check != effect.check:
        # One error that several checks met, such as a login that is refused.
        return CAUSAL_ORDER.index(cause.check) < CAUSAL_ORDER.index(effect.check)
    if effect.category == Category.CAPACITY and cause.check != "kubernetes":
        return False  # room is counted, whatever else is broken
    concerns_both = not cause.about or not effect.about or cause.about == effect.about
    return cause.level == "Unhealthy" and effect.check in _FOLLOWS_FROM.get(cause.check, ()) and concerns_both


def _explained(seen: Checked, findings: Sequence[Finding]) -> Checked:
    wrong = [finding for finding in seen.findings if finding.level != "Healthy"]
    causes = [cause_of(finding, findings) for finding in wrong]
    first = next((cause for cause in causes if cause is not None), None)
    if first is None or None in causes:
        return seen
    check = seen.check.model_copy(update={"summary": f"follows from {first.check}: {seen.check.summary}"})
    return seen.model_copy(update={"check": check})
