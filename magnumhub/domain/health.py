"""The health document of a site, and the pure part of judging what its services said."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, Field

from magnumhub.domain.dask_outcome import DaskOutcome, Origin, wrong_results
from magnumhub.domain.errors import AuthenticationError, DeadlineError, FailedError, MagnumhubError, RefusedError
from magnumhub.domain.findings import Category, Finding, Level, worst, worst_first
from magnumhub.domain.results import Release, Result


class Check(Result):
    """One check: its name as documented, its level and, in one line, what it saw."""

    name: str
    level: Level
    duration_s: float
    summary: str


class Checked(Result):
    """A check with all that it found.

    unsteady: it failed, and worked when it was tried once more. facts: what it saw and others go on from, by name.
    """

    check: Check
    findings: tuple[Finding, ...] = ()
    unsteady: bool = False
    facts: dict[str, Any] = Field(default_factory=dict)


class Benchmark(Result):
    """The numbers of the computation that decided; `from` says where it ran."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    mean: float | None
    array_size: int
    chunk: int
    n_workers: int
    compute_s: float
    total_s: float
    origin: Origin = Field(alias="from")


GATEWAY_INSIDE = "the gateway has no public address; notebooks reach it inside the cluster"

USER_CHECKS = ("notebook", "dask_cluster", "versions", "benchmark")


class UserChecks(Result):
    """The checks of USER_CHECKS, and what was measured in them.

    versions: component to package to version. phases: seconds by phase of the computation that decided.
    """

    checks: tuple[Checked, ...]
    versions: dict[str, dict[str, str]] = Field(default_factory=dict)
    benchmark: Benchmark | None = None
    phases: dict[str, float] = Field(default_factory=dict)


class Health(Result):
    """Whether users of a site can work, and if not, why. Dump it `by_alias`.

    versions: component (hub, notebook, gateway, scheduler, workers, runner) to package to version.
    """

    site: str
    level: Level
    started_at: str
    duration_s: float
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    versions: dict[str, dict[str, str]] = Field(default_factory=dict)
    benchmark: Benchmark | None = None


def health_of(
    site: str,
    *,
    started_at: str,
    duration_s: float,
    checks: Sequence[Check],
    findings: Iterable[Finding],
    versions: Mapping[str, Mapping[str, str]],
    benchmark: Benchmark | None,
) -> Health:
    """The document: the verdict over all checks, and the worst finding first."""
    return Health(
        site=site,
        level=verdict([check.level for check in checks]),
        started_at=started_at,
        duration_s=round(duration_s, 2),
        checks=tuple(checks),
        findings=tuple(worst_first(findings)),
        versions={component: dict(packages) for component, packages in versions.items()},
        benchmark=benchmark,
    )


def verdict(levels: Collection[Level]) -> Level:
    """The level of a site: the worst check's, but what could not be found out may hide more than a known flaw."""
    return "Unknown" if "Unknown" in levels and "Unhealthy" not in levels else worst(levels)


def check_of(name: str, findings: Iterable[Finding], *, duration_s: float, summary: str) -> Check:
    """The check whose findings these are; its summary is the worst finding's, or `summary` when nothing is wrong."""
    wrong = [finding for finding in worst_first(findings) if finding.level != "Healthy"]
    return Check(
        name=name,
        level=worst([finding.level for finding in wrong] or ["Healthy"]),
        duration_s=round(duration_s, 2),
        summary=wrong[0].summary if wrong else summary,
    )


def finding_of(check: str, error: MagnumhubError, *, level: Level = "Unhealthy") -> Finding:
    """An error that ended a check, as a finding.

    Args:
        level: how bad it is not to know; that nobody is let in is never less than Unhealthy.
    """
    category = Category.SERVICE
    if isinstance(error, AuthenticationError):
        category, level = Category.CREDENTIALS, "Unhealthy"
    elif check == "notebook" and isinstance(error, FailedError | DeadlineError):
        category = Category.WORKLOAD
    elif isinstance(error, RefusedError):
        category = Category.CONFIGURATION
    hint = error.hint.rstrip(".")
    end = "" if hint.endswith("?") else "."
    remedy = f"{hint[0].upper()}{hint[1:]}{end}" if hint else ""
    return Finding(check=check, level=level, category=category, summary=error.message, remedy=remedy)


def judge_release(check: str, version: str, release: Release | None) -> list[Finding]:
    """Whether the service that answers is the one that the release installed."""
    if release is None or not release.app_version or version == release.app_version:
        return []
    return [
        Finding(
            check=check,
            level="Degraded",
            category=Category.RELEASE,
            summary=f"{release.name} {release.version} should serve {release.app_version}, {version} answers",
            remedy=f"A rollout is stuck or this address leads elsewhere: kubectl get pods -n {release.namespace}.",
        )
    ]


def judge_origins(notebook: DaskOutcome | None, runner: DaskOutcome | None) -> list[Finding]:
    """What the computation from outside adds to the users' own, which is the verdict."""
    if notebook is None or runner is None or notebook.failed is not None or wrong_results(notebook):
        return []
    failed = runner.failed
    if failed is not None:
        category, wrong = Category.SERVICE, [f"{failed.phase} failed: {failed.kind}: {failed.text}"]
        remedy = "Users on the hub are not affected; look at Traefik and at the firewall of the gateway's address."
    else:
        category, wrong = Category.RESULT, wrong_results(runner)
        remedy = "Notebooks computed rightly: compare the runner's versions with the image's."
    return [
        Finding(
            check="benchmark",
            level="Degraded",
            category=category,
            summary=f"notebooks compute, but from the runner {what}",
            remedy=remedy,
        )
        for what in wrong
    ]


def tells_all(outcome: DaskOutcome) -> bool:
    """Whether a failed computation would fail in the same way from anywhere: what it lacks is in the cluster."""
    failed = outcome.failed
    if failed is None:
        return False
    return failed.missing != "" or failed.kind == "KilledWorker" or failed.phase in ("scheduler", "workers")


def skipped_on_runner(reason: str) -> Finding:
    """The remark that the runner did not compute."""
    return Finding(
        check="benchmark",
        level="Healthy",
        category=Category.VERSIONS,
        summary=f"the runner's own computation was skipped: {reason}",
        remedy="Nothing needs to be done for users; to have it, install the site's versions beside the runner.",
    )


def noted(finding: Finding, note: str) -> Finding:
    """The finding with a note behind its summary."""
    return finding.model_copy(update={"summary": finding.summary + note}) if finding.level == "Unhealthy" else finding


def told(outcome: DaskOutcome) -> str:
    """The benchmark in one line."""
    mean = math.nan if outcome.mean is None else outcome.mean
    return (
        f"mean {mean:.2e} of {outcome.array_size} x {outcome.array_size} on {outcome.workers} workers"
        f" in {outcome.compute_s:.1f} s from the {outcome.origin}; the sum with a known answer is right"
    )


def other_origin(verdict: DaskOutcome, other: DaskOutcome | None) -> str:
    """Half a sentence that tells a broken hub or image from a broken Dask; empty where there is nothing to tell."""
    if verdict.failed is None or other is None:
        return ""
    return f" (from the {other.origin} {'it works' if other.failed is None else 'it fails as well'})"


def benchmark_of(outcome: DaskOutcome) -> Benchmark | None:
    """The benchmark's numbers; None when no result was reached."""
    if outcome.mean is None:
        return None
    return Benchmark.model_validate(
        {
            "mean": outcome.mean,
            "array_size": outcome.array_size,
            "chunk": outcome.chunk,
            "n_workers": outcome.workers,
            "compute_s": outcome.compute_s,
            "total_s": outcome.total_s,
            "from": outcome.origin,
        }
    )
