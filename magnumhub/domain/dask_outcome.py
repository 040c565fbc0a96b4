"""What the computation on Dask showed, and what it means. Pure: every way to fail is judged with literal values."""

from __future__ import annotations

import math
import re
from typing import Literal

from pydantic import Field

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.results import Result

Origin = Literal["notebook", "runner"]
_CLUSTER_PHASES = ("gateway", "sweep", "submit", "scheduler", "connect", "workers")
_TOO_LATE = ("TimeoutError", "Deadline")
_COMPUTE_PHASES = ("versions", "compute", "known sum")
_MISSING = re.compile(r"No module named '([^'.]+)'")
_ERROR = re.compile(r"\w(Error|Exception)\b")
_NO_IMAGE = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName")


class Failure(Result):
    """Where a computation ended: its phase, the exception's class and text, the missing package if there is one."""

    phase: str
    kind: str
    text: str
    missing: str = ""


class SeenVersions(Result):
    """Package to version, as each side of the computation reports it; None = the side lacks the package.

    workers: by the worker's name, which is its pod's.
    """

    client: dict[str, str | None] = Field(default_factory=dict)
    gateway: str | None = None
    scheduler: dict[str, str | None] = Field(default_factory=dict)
    workers: dict[str, dict[str, str | None]] = Field(default_factory=dict)


class PodsSeen(Result):
    """What Kubernetes said of one Dask cluster's pods; empty where nothing was wrong, or nobody looked.

    scheduler, workers: why they never ran, else how they ended: a line, with the log's last lines below.
    lost: worker to how it ended after it had run.
    images: that scheduler and workers run, by these words.
    """

    scheduler: str = ""
    workers: str = ""
    lost: dict[str, str] = Field(default_factory=dict)
    images: dict[str, str] = Field(default_factory=dict)


NOTHING_SEEN = PodsSeen()


class DaskOutcome(Result):
    """One run of the computation.

    dask_cluster: the gateway's name of it; empty when there was none.
    phases: seconds by phase, in order.
    workers: how many there were when the computation began.
    lost: those of them that were not there any more when it ended.
    swept: Dask clusters of ours that an earlier, killed run had left.
    cleared: the gateway confirmed that no Dask cluster of ours is left.
    """

    origin: Origin
    asked: int
    required: int
    array_size: int
    chunk: int
    dask_cluster: str = ""
    phases: dict[str, float] = Field(default_factory=dict)
    versions: SeenVersions = SeenVersions()
    workers: int = 0
    lost: tuple[str, ...] = ()
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
    def was_too_late(self) -> bool:
        """It ended at a limit that had been waited for."""
        return self.failed is not None and self.failed.kind in _TOO_LATE

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


def judge_dask_cluster(outcome: DaskOutcome, *, image: str, pods: PodsSeen = NOTHING_SEEN) -> list[Finding]:
    """Findings about gateway, scheduler, workers and shutdown.

    Args:
        image: the site's image as `name:tag`, for the remedies.
        pods: what Kubernetes said meanwhile.
    """
    failed = outcome.failed
    findings = []
    if failed is not None and not outcome.dask_cluster_came:
        findings.append(_cluster_failure(failed, outcome, image, pods))
    elif outcome.workers < outcome.asked:
        findings.append(_too_few(outcome, pods))
    # A computation that kills its workers is told as such.
    if outcome.lost and (failed is None or failed.kind != "KilledWorker"):
        findings.append(_lost(outcome, pods))
    if outcome.swept:
        summary = f"{len(outcome.swept)} Dask clusters of an earlier, killed check were stopped"
        findings.append(_finding("Healthy", Category.LEFTOVER, summary, ""))
    if not outcome.cleared and (failed is None or failed.phase != "gateway"):
        summary = "the gateway did not confirm that the check's Dask clusters are gone"
        remedy = "The next check stops them; else their idle timeout does."
        findings.append(_finding("Degraded", Category.LEFTOVER, summary, remedy))
    return findings


def judge_benchmark(outcome: DaskOutcome, *, image: str, pods: PodsSeen = NOTHING_SEEN) -> list[Finding]:
    """Findings about the computation's result; none when it was not reached.

    The mean of n x n standard normal numbers deviates from 0 by 1/n; six times that is a false alarm once in 5e8 runs.

    Args:
        image, pods: as in judge_dask_cluster.
    """
    failed = outcome.failed
    if not outcome.dask_cluster_came:
        return []
    if failed is not None and failed.phase in _COMPUTE_PHASES:
        return [_compute_failure(failed, outcome, image, pods)]
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


def _compute_failure(failed: Failure, outcome: DaskOutcome, image: str, pods: PodsSeen) -> Finding:
    missing = failed.missing or _missing_there(outcome)
    if missing:
        category, summary = Category.IMAGE, f"{missing} is missing in the image {image}"
        remedy = f"Take an image tag that has {missing}: notebooks, scheduler and workers all run it."
    elif pods.scheduler:
        category, summary = Category.WORKLOAD, f"the Dask scheduler ended meanwhile: {_sentence(pods.scheduler)}"
        remedy = "Give gateway.backend.scheduler of dask_gateway.values more memory where it was killed for that."
    elif failed.kind == "KilledWorker":
        why = f"; {_sentence(pods.workers)}" if "OOMKilled" in pods.workers else ""
        category, summary = Category.WORKLOAD, f"workers died of the computation: {failed.text}{why}"
        remedy = "Compare the versions of notebook and workers; else give dask_gateway.worker more memory."
    elif failed.kind in _TOO_LATE and outcome.lost:
        category, summary = Category.WORKLOAD, f"the computation did not end: {_how_lost(outcome, pods)}"
        remedy = "Mend what ended the workers; limits_s.benchmark is the longest wait."
    elif failed.kind in _TOO_LATE:
        category, summary = Category.SPEED, f"the computation did not end: {failed.text}"
        remedy = "Look at the logs of the dask-worker pods; limits_s.benchmark is the longest wait."
    else:
        # No result at all is not a wrong one: a lost connection looks like this, and may be over at the next try.
        category, summary = Category.SERVICE, f"{failed.phase} failed: {failed.kind}: {failed.text}"
        remedy = "Compare the versions of notebook, scheduler and workers; then read the dask-scheduler pod's log."
    return Finding(check="benchmark", level="Unhealthy", category=category, summary=summary, remedy=remedy)


def _missing_there(outcome: DaskOutcome) -> str:
    """The package that scheduler or workers lack: what fails for it there comes back as an error of serialization."""
    sides = [outcome.versions.scheduler, *outcome.versions.workers.values()]
    return "numpy" if any(side and not side.get("numpy") for side in sides) else ""


def _cluster_failure(failed: Failure, outcome: DaskOutcome, image: str, pods: PodsSeen) -> Finding:
    said = f"{failed.kind}: {failed.text}"
    category = Category.SERVICE
    if failed.missing:
        category, summary = Category.IMAGE, f"{failed.missing} is missing in the image {image}"
        remedy = f"Take an image tag that has {failed.missing.replace('_', '-')}."
    elif failed.phase == "gateway":
        summary = f"the {outcome.origin} cannot use the gateway: {said}"
        remedy = "The gateway's address and the network policies between the namespaces decide this."
    elif failed.phase == "scheduler":
        ran = pods.images.get("scheduler", image)
        return _never_ran("the Dask scheduler did not start", pods.scheduler or failed.text, ran)
    elif failed.phase == "connect":
        summary = f"the {outcome.origin} cannot talk to the scheduler: {said}"
        remedy = "Compare the versions of client and scheduler; then Traefik's routes in the gateway's namespace."
    elif failed.phase == "workers":
        ran = pods.images.get("workers", image)
        return _never_ran("Dask workers never came", pods.workers or pods.scheduler or failed.text, ran)
    else:
        summary, remedy = f"{failed.phase} failed: {said}", "Look at the log of the gateway's api pod."
    return _finding("Unhealthy", category, summary, remedy)


def _never_ran(what: str, words: str, image: str) -> Finding:
    """Pods of the Dask cluster that were not there; in Kubernetes' words where it has some."""
    if found := _MISSING.search(words):
        summary = f"{found[1]} is missing in the image {image}: {what}: {_sentence(words)}"
        remedy = f"Take an image tag that has {found[1].replace('_', '-')}."
        return _finding("Unhealthy", Category.IMAGE, summary, remedy)
    category, remedy = _by_words(words, f"Look at the pods' events and logs, and at what {image} has.")
    return _finding("Unhealthy", category, f"{what}: {_sentence(words)}", remedy)


def _too_few(outcome: DaskOutcome, pods: PodsSeen) -> Finding:
    category, remedy = _by_words(pods.workers, "The events and logs of the other dask-worker pods say why.")
    why = f": {_sentence(pods.workers)}" if pods.workers else ""
    summary = f"{outcome.workers} of {outcome.asked} Dask workers came within the limit{why}"
    return _finding("Degraded", category, summary, remedy)


def _lost(outcome: DaskOutcome, pods: PodsSeen) -> Finding:
    remedy = "Exit code 137 or OOMKilled: give dask_gateway.worker more memory; else look at the node it ran on."
    return _finding("Degraded", Category.WORKLOAD, _how_lost(outcome, pods), remedy)


def _how_lost(outcome: DaskOutcome, pods: PodsSeen) -> str:
    first, *others = outcome.lost
    words = _sentence(pods.lost.get(first, f"{first} left the scheduler")) + (" (and others)" if others else "")
    were = "were" if others else "was"
    return f"{len(outcome.lost)} of {outcome.workers} Dask workers {were} lost during the computation: {words}"


def _by_words(words: str, otherwise: str) -> tuple[Category, str]:
    """What Kubernetes' reason is about, and what cures it."""
    if "Insufficient" in words:
        return Category.CAPACITY, "Add nodes, or make dask_gateway.worker smaller, or health.workers."
    if any(reason in words for reason in _NO_IMAGE):
        return Category.IMAGE, "Correct image.name and image.tag, or the registry's credentials on the nodes."
    return Category.WORKLOAD, otherwise


def _sentence(words: str) -> str:
    """A reason with what went wrong by the log below it: its last line that names an error, else its last one."""
    reason, *log = words.splitlines() or [""]
    errors = [line for line in log if _ERROR.search(line)]
    return f"{reason}: {(errors or log)[-1].strip()}" if log else reason


def _finding(level: Level, category: Category, summary: str, remedy: str) -> Finding:
    return Finding(check="dask_cluster", level=level, category=category, summary=summary, remedy=remedy)
