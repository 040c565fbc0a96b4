"""What the computation on Dask showed, and what it means. Pure: every way to fail is judged with literal values."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.results import Result

Origin = Literal["notebook", "runner"]
_CLUSTER_PHASES = ("gateway", "sweep", "submit", "scheduler", "connect", "workers")
_TOO_LATE = ("TimeoutError", "Deadline")
_COMPUTE_PHASES = ("versions", "compute", "known sum")


class Failure(Result):
    """Where a computation ended: its phase, the exception's class and text, the missing package if there is one."""

    phase: str
    kind: str
    text: str
    missing: str = ""


class SeenVersions(Result):
    """Package to version, as each side of the computation reports it; None = the side lacks the package."""

    client: dict[str, str | None] = Field(default_factory=dict)
    gateway: str | None = None
    scheduler: dict[str, str | None] = Field(default_factory=dict)
    workers: dict[str, dict[str, str | None]] = Field(default_factory=dict)


class DaskOutcome(Result):
    """One run of the computation.

    phases: seconds by phase, in order.
    workers: how many there were when the computation began.
    swept: Dask clusters of ours that an earlier, killed run had left.
    cleared: the gateway confirmed that no Dask cluster of ours is left.
    """

    origin: Origin
    asked: int
    required: int
    array_size: int
    chunk: int
    phases: dict[str, float] = Field(default_factory=dict)
    versions: SeenVersions = SeenVersions()
    workers: int = 0
    swept: tuple[str, ...] = ()
    cleared: bool = False
    failed: Failure | None = None
    mean: float | None = None
    sum: int | None = None
    expected_sum: int | None = None

    @property
    def dask_cluster_came(self) -> bool:
        """Scheduler and enough workers were there, whatever came after."""
        return self.failed is None or self.failed.phase not in _CLUSTER_PHASES

    @property
    def compute_s(self) -> float:
        return self.phases.get("compute", 0.0)

    @property
    def cluster_s(self) -> float:
        """What was spent on having a Dask cluster, and on having it gone."""
        return self.total_s - sum(self.phases.get(phase, 0.0) for phase in _COMPUTE_PHASES)

    @property
    def total_s(self) -> float:
        return round(sum(self.phases.values()), 3)


def judge_dask_cluster(outcome: DaskOutcome, *, image: str) -> list[Finding]:
    """Findings about gateway, scheduler, workers and shutdown.

    Args:
        image: the site's image as `name:tag`, for the remedies.
    """
    findings = []
    failed = outcome.failed
    if failed is not None and not outcome.dask_cluster_came:
        findings.append(_cluster_failure(failed, outcome, image))
    elif outcome.workers < outcome.asked and outcome.dask_cluster_came:
        findings.append(
            Finding(
                check="dask_cluster",
                level="Degraded",
                category=Category.CAPACITY,
                summary=f"{outcome.workers} of {outcome.asked} Dask workers came within the limit",
                remedy="The events of the pending dask-worker pods say why; add nodes or ask for smaller workers.",
            )
        )
    if outcome.swept:
        findings.append(
            Finding(
                check="dask_cluster",
                level="Healthy",
                category=Category.LEFTOVER,
                summary=f"{len(outcome.swept)} Dask clusters of an earlier, killed check were stopped",
            )
        )
    if not outcome.cleared and (failed is None or failed.phase != "gateway"):
        findings.append(
            Finding(
                check="dask_cluster",
                level="Degraded",
                category=Category.LEFTOVER,
                summary="the gateway did not confirm that the check's Dask clusters are gone",
                remedy="The next check stops them; else their idle timeout does.",
            )
        )
    return findings


def judge_benchmark(outcome: DaskOutcome, *, image: str) -> list[Finding]:
    """Findings about the computation's result; none when it was not reached.

    The mean of n x n standard normal numbers deviates from 0 by 1/n; six times that is a false alarm once in 5e8 runs.
    """
    failed = outcome.failed
    if not outcome.dask_cluster_came:
        return []
    if failed is not None and failed.phase in _COMPUTE_PHASES:
        return [_compute_failure(failed, outcome, image)]
    return [
        Finding(
            check="benchmark",
            level="Unhealthy",
            category=Category.RESULT,
            summary=summary,
            remedy=f"Take another image tag: numpy or dask in {image} computes wrongly.",
        )
        for summary in wrong_results(outcome)
    ]


def wrong_results(outcome: DaskOutcome) -> list[str]:
    """What is wrong with the numbers, a sentence each; none when mean and known sum are right."""
    wrong = []
    mean, size = outcome.mean, outcome.array_size
    if mean is None or not math.isfinite(mean) or abs(mean) >= 6 / size:
        wrong.append(f"the mean of {size} x {size} normal numbers is {mean}, expected within {6 / size:g} of 0")
    if outcome.sum is None or outcome.sum != outcome.expected_sum:
        wrong.append(f"the sum with a known answer is {outcome.sum}, expected {outcome.expected_sum}")
    return wrong


def _compute_failure(failed: Failure, outcome: DaskOutcome, image: str) -> Finding:
    missing = failed.missing or _missing_there(outcome)
    if missing:
        category, summary = Category.IMAGE, f"{missing} is missing in the image {image}"
        remedy = f"Take an image tag that has {missing}: notebooks, scheduler and workers all run it."
    elif failed.kind in _TOO_LATE:
        category, summary = Category.SPEED, f"the computation did not end: {failed.text}"
        remedy = "Look at the logs of the dask-worker pods; limits_s.benchmark is the longest wait."
    elif failed.kind == "KilledWorker":
        category, summary = Category.WORKLOAD, f"workers died of the computation: {failed.text}"
        remedy = "Compare the versions of notebook and workers; else give dask_gateway.worker more memory."
    else:
        category, summary = Category.RESULT, f"{failed.phase} failed: {failed.kind}: {failed.text}"
        remedy = "Compare the versions of notebook, scheduler and workers; then read the dask-scheduler pod's log."
    return Finding(check="benchmark", level="Unhealthy", category=category, summary=summary, remedy=remedy)


def _missing_there(outcome: DaskOutcome) -> str:
    """The package that scheduler or workers lack: what fails for it there comes back as an error of serialization."""
    sides = [outcome.versions.scheduler, *outcome.versions.workers.values()]
    return "numpy" if any(side and not side.get("numpy") for side in sides) else ""


def _cluster_failure(failed: Failure, outcome: DaskOutcome, image: str) -> Finding:
    said = f"{failed.kind}: {failed.text}"
    category = Category.SERVICE
    if failed.missing:
        category, summary = Category.IMAGE, f"{failed.missing} is missing in the image {image}"
        remedy = f"Take an image tag that has {failed.missing.replace('_', '-')}."
    elif failed.phase == "gateway":
        summary = f"the {outcome.origin} cannot use the gateway: {said}"
        remedy = "The gateway's address and the network policies between the namespaces decide this."
    elif failed.phase == "scheduler":
        category, summary = Category.WORKLOAD, f"the Dask scheduler did not start: {failed.text}"
        remedy = f"Look at events and log of the dask-scheduler pod; it needs room, and dask-gateway in {image}."
    elif failed.phase == "connect":
        summary = f"the {outcome.origin} cannot talk to the scheduler: {said}"
        remedy = "Compare the versions of client and scheduler; then Traefik's routes in the gateway's namespace."
    elif failed.phase == "workers":
        category, summary = Category.WORKLOAD, f"Dask workers never came: {failed.text}"
        remedy = "Look at the dask-worker pods: Pending means no room; restarting ones say why in their log."
    else:
        summary, remedy = f"{failed.phase} failed: {said}", "Look at the log of the gateway's api pod."
    return Finding(check="dask_cluster", level="Unhealthy", category=category, summary=summary, remedy=remedy)
