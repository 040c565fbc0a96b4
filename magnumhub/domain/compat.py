"""What runs with what: charts and Kubernetes, hub and single-user servers.

Pure judgements over compat_data.py. A chart that the table lacks is judged by its own kubeVersion and appVersion; what
cannot be known yet is `Unknown`, never a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.compat_data import (
    CHARTS,
    FIRST_COMPOSED,
    FIRST_HUB_COMPARING_MAJORS,
    WHY_NONE_OLDER,
    ChartLine,
)
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.results import Result
from magnumhub.domain.spec_forms import NEWEST
from magnumhub.domain.versions import is_release, minor_of, satisfies, version_of

ChartName = Literal["jupyterhub", "dask-gateway"]

_SHOWN = 5


class ChartVersion(Result):
    """One version of a chart as its repository's index names it."""

    version: str
    app_version: str | None = None
    kube_version: str | None = None


class ChartChoice(Result):
    """The chart version to install, and why that one."""

    version: str
    app_version: str | None
    reason: str


@dataclass(frozen=True)
class Range:
    """The Kubernetes versions a chart runs on, in words and as a test.

    constraint: the chart's own, where the table lacks the chart; it stands for the minimum then.
    """

    minimum: str
    below: str | None = None
    why_below: str = ""
    constraint: str | None = None

    def holds(self, kubernetes_version: str) -> bool | None:
        version = version_of(minor_of(kubernetes_version))
        if self.below is not None and version >= version_of(self.below):
            return False
        if self.constraint is not None:
            return satisfies(kubernetes_version, self.constraint)
        return version >= version_of(self.minimum)

    def __str__(self) -> str:
        if self.constraint is not None:
            return self.constraint + (f" and below {self.below}" if self.below else "")
        if self.below is None:
            return f"{self.minimum} or newer"
        major, minor = version_of(self.below)
        return f"{self.minimum} to {major}.{minor - 1}"


def kubernetes_range(chart: ChartName, version: str, kube_version: str | None = None) -> Range | None:
    """The Kubernetes versions that a chart runs on; None where neither the table nor the chart says it."""
    line = _line_of(chart, version)
    if line is not None:
        return Range(line.kubernetes_min, line.kubernetes_below, line.why_below)
    if kube_version is None:
        return None
    # A chart says of no Kubernetes that it is too new for it; a development version has what the release before it had.
    older = None if is_release(version) else _line_before(chart, version)
    if older is None:
        return Range("", constraint=kube_version)
    return Range("", older.kubernetes_below, older.why_below, constraint=kube_version)


def app_version_of(chart: ChartName, version: str) -> str | None:
    """The hub's or gateway's version inside a chart, None where the table lacks it."""
    line = _line_of(chart, version)
    return line.apps[version.removeprefix("v")] if line else None


def known_pair(kubernetes_version: str, hub_chart: str = NEWEST, gateway_chart: str = NEWEST) -> tuple[str, str] | None:
    """The newest known charts (hub's, gateway's) that both run on this Kubernetes; None where there are none.

    Args:
        hub_chart, gateway_chart: a version that is wanted, or newest-compatible.
    """
    hub = _newest_known("jupyterhub", kubernetes_version, hub_chart)
    gateway = _newest_known("dask-gateway", kubernetes_version, gateway_chart)
    return (hub, gateway) if hub and gateway else None


def judge(
    chart: ChartName,
    version: str,
    *,
    app_version: str | None = None,
    kube_version: str | None = None,
    kubernetes_version: str | None,
) -> list[Finding]:
    """Whether a chart runs on a Kubernetes.

    Args:
        version: of the chart.
        app_version, kube_version: what the chart says of itself, where it was seen.
        kubernetes_version: of the cluster, or of the template before there is one; None: unknown yet.

    Returns:
        Nothing where it runs; else one finding: Unhealthy where it does not, Unknown where that cannot be told.
    """
    app = app_version or app_version_of(chart, version)
    called = f"{chart} chart {version}" + (f" ({_app_name(chart)} {app})" if app else "")
    runs_on = kubernetes_range(chart, version, kube_version)
    if is_too_old(chart, version):
        summary = f"{called} runs on Kubernetes {runs_on}" if runs_on else called
        return [_finding("Unhealthy", f"{summary}; {_first_composed(chart)}", _way_out(chart, kubernetes_version))]
    if runs_on is None:
        return [_finding("Unknown", f"{called} is not in the compatibility table", "Its own kubeVersion decides.")]
    if kubernetes_version is None:
        return [_finding("Unknown", f"{called} runs on Kubernetes {runs_on}; the cluster's is unknown yet")]
    verdict = runs_on.holds(kubernetes_version)
    if verdict is None:
        return [_finding("Unknown", f"{called} asks for Kubernetes {runs_on}, which is not understood")]
    if verdict:
        return []
    why = f": {runs_on.why_below}" if runs_on.below and _is_too_new(kubernetes_version, runs_on) else ""
    summary = f"{called} runs on Kubernetes {runs_on}, not on {kubernetes_version.removeprefix('v')}{why}"
    return [_finding("Unhealthy", summary, _way_out(chart, kubernetes_version))]


def choose_chart(
    chart: ChartName, available: Sequence[ChartVersion], *, kubernetes_version: str | None, wanted: str = NEWEST
) -> ChartChoice:
    """The version of a chart to install.

    Args:
        available: what the repository's index has.
        kubernetes_version: of the cluster; None: unknown yet, which only a pinned version survives unjudged.
        wanted: newest-compatible, or a version.

    Raises:
        RefusedError: the repository lacks it, or it does not run on this Kubernetes; says what to use instead.
    """
    by_version = {candidate.version: candidate for candidate in available}
    if wanted != NEWEST:
        if wanted not in by_version:
            newest = ", ".join(c.version for c in _newest_first(available)[:_SHOWN])
            raise RefusedError(f"the repository has no {chart} chart {wanted}", f"use one of the newest: {newest}")
        _refuse(_judged(chart, by_version[wanted], kubernetes_version))
        return _choice(by_version[wanted], "the version that is asked for")
    for candidate in _newest_first(available):
        if not any(finding.level == "Unhealthy" for finding in _judged(chart, candidate, kubernetes_version)):
            on = f"that runs on Kubernetes {kubernetes_version}" if kubernetes_version else "of the repository"
            return _choice(candidate, f"the newest {on}")
    raise RefusedError(
        f"no {chart} chart of the repository runs on Kubernetes {kubernetes_version}",
        "choose a newer cluster template" if available else "look at the chart's repository: its index is empty",
    )


def refuse_without_roles(chart: ChartName, keys: ChartKeys) -> None:
    """Refuse a hub's chart without roles, which its number does not tell where it is a development version.

    Raises:
        RefusedError: its notebooks could not reach the gateway, and the check could do nothing.
    """
    if chart == "jupyterhub" and not keys.knows("hub.loadRoles"):
        raise RefusedError(
            f"jupyterhub chart {keys.version} has no hub.loadRoles; {_first_composed(chart)}", _way_out(chart, None)
        )


def is_too_old(chart: ChartName, version: str) -> bool:
    """Whether the composed values are for newer charts alone, on whichever Kubernetes."""
    first, ours = version_of(FIRST_COMPOSED[chart]), version_of(version)
    if chart == "dask-gateway" or ours >= first or is_release(version):
        return ours < first
    # What led from the last hub without roles to the first with them: the chart's keys tell, not its number.
    return ours < max(version_of(known) for line in CHARTS[chart] for known in line.apps if version_of(known) < first)


def judge_hub_singleuser(hub: str, singleuser: str, *, check: str = "versions") -> list[Finding]:
    """Whether a single-user server's JupyterHub goes with the hub's; the hub itself only writes a line into its log."""
    ours, theirs = version_of(hub), version_of(singleuser)
    compared = 1 if ours >= version_of(FIRST_HUB_COMPARING_MAJORS) else 2
    if ours[:compared] == theirs[:compared]:
        return []
    remedy = f"Use an image with jupyterhub {'.'.join(map(str, ours[:compared]))}.x, as the hub's is {hub}."
    # Measured with 5.2.1 and 4.1.6 under 6.1.1: both work. Another minor version is only told by the older hubs.
    level: Level = "Degraded" if ours[:1] != theirs[:1] else "Healthy"
    summary = f"the image has jupyterhub {singleuser}, the hub is {hub}"
    if ours[:1] >= (5,) and theirs[:1] < (2,):
        # Measured with 1.1.0 under 5.5.0: the server is "ready", and a service's token gets 403 for its kernels.
        level, summary = "Unhealthy", f"{summary}: without scopes it refuses kernels to the hub's tokens (403)"
    return [Finding(check=check, level=level, category=Category.COMPATIBILITY, summary=summary, remedy=remedy)]


def _first_composed(chart: ChartName) -> str:
    return f"magnumhub sets up {FIRST_COMPOSED[chart]} and newer: {WHY_NONE_OLDER[chart]}"


def _line_of(chart: ChartName, version: str) -> ChartLine | None:
    return next((line for line in CHARTS[chart] if version.removeprefix("v") in line.apps), None)


def _line_before(chart: ChartName, version: str) -> ChartLine | None:
    """The line of the newest known release that is older than this development version.

    Both 2.0.0-0.dev and 2.0.0-beta.1 led up to 2.0.0, so that one is not older.
    """
    ours = version_of(version)
    older = {version_of(known): line for line in CHARTS[chart] for known in line.apps if version_of(known) < ours}
    return older[max(older)] if older else None


def _newest_known(chart: ChartName, kubernetes_version: str, wanted: str) -> str | None:
    known = [version for line in CHARTS[chart] for version in line.apps]
    candidates = sorted(known, key=version_of, reverse=True) if wanted == NEWEST else [wanted]
    return next((version for version in candidates if _runs(chart, version, kubernetes_version)), None)


def _runs(chart: ChartName, version: str, kubernetes_version: str) -> bool:
    runs_on = kubernetes_range(chart, version)
    fits = runs_on is None or runs_on.holds(kubernetes_version) is not False
    return fits and not is_too_old(chart, version)


def _is_too_new(kubernetes_version: str, runs_on: Range) -> bool:
    return runs_on.below is not None and version_of(minor_of(kubernetes_version)) >= version_of(runs_on.below)


def _way_out(chart: ChartName, kubernetes_version: str | None) -> str:
    known = [version for line in CHARTS[chart] for version in line.apps]
    newest = _newest_known(chart, kubernetes_version, NEWEST) if kubernetes_version else max(known, key=version_of)
    if newest is None:
        return f"No known {chart} chart runs there: choose another cluster template."
    return f"Move to chart {newest} ({_app_name(chart)} {app_version_of(chart, newest)}), or {NEWEST}."


def _app_name(chart: ChartName) -> str:
    return "hub" if chart == "jupyterhub" else "gateway"


def _finding(level: Level, summary: str, remedy: str = "") -> Finding:
    return Finding(check="preflight", level=level, category=Category.COMPATIBILITY, summary=summary, remedy=remedy)


def _judged(chart: ChartName, candidate: ChartVersion, kubernetes_version: str | None) -> list[Finding]:
    return judge(
        chart,
        candidate.version,
        app_version=candidate.app_version,
        kube_version=candidate.kube_version,
        kubernetes_version=kubernetes_version,
    )


def _refuse(findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.level == "Unhealthy":
            raise RefusedError(finding.summary, finding.remedy)


def _newest_first(available: Sequence[ChartVersion]) -> list[ChartVersion]:
    releases = [candidate for candidate in available if is_release(candidate.version)]
    return sorted(releases, key=lambda candidate: version_of(candidate.version), reverse=True)


def _choice(candidate: ChartVersion, reason: str) -> ChartChoice:
    return ChartChoice(version=candidate.version, app_version=candidate.app_version, reason=reason)
