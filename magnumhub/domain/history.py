"""What earlier checks of a site tell about this one: slower than usual, unsteady, new since last time, alarm or none.

A run leaves a `Record`; later runs find it wherever they run. All judgements here are pure, over records that are
newest first.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import Field

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.health import Benchmark, Health
from magnumhub.domain.results import Result

SPEED_RUNS = 14
"""How many comparable benchmarks are looked back on: two weeks of nights."""

SPEED_FEWEST = 3
"""Comparable benchmarks that are needed for a verdict: the median of three is not moved by one odd night among them."""

SPEED_FACTOR = 3.0
"""A benchmark of a second or two scatters by half on a shared cloud; three times the median it does not reach so."""

SPEED_NOISE_S = 3.0
"""What a computation may take longer however fast it usually is: a small one is mostly scheduling, and three times
almost nothing is still nothing. Measured: 0.4 to 2 s for the same 1000 x 1000 on a busy machine of two cores."""

LAST_RUNS = 3
ENOUGH = 2
"""What ENOUGH of the LAST_RUNS say is told: one night is an accident."""

Event = Literal["site.unhealthy", "site.recovered"]

_UNJUDGED: frozenset[Level] = frozenset({"Skipped", "Unknown"})

_LASTING = frozenset(
    {
        Category.CREDENTIALS,
        Category.EXPIRY,
        Category.QUOTA,
        Category.COMPATIBILITY,
        Category.VERSIONS,
        Category.RELEASE,
        Category.RESULT,
        Category.OWNERSHIP,
        Category.CONFIGURATION,
    }
)


class Memory(Result):
    """What a check leaves for later ones beside its document.

    restarts: how often each container was restarted so far, by `namespace/pod/container`.
    unsteady: checks that failed at first and worked when they were tried once more.
    phases: seconds by phase of the benchmark.
    endpoints: where users went, by role: asked even when the cloud cannot be asked for them.
    alarm: whether the site was last said to be unhealthy, and not yet to have recovered.
    """

    restarts: dict[str, int] = Field(default_factory=dict)
    unsteady: tuple[str, ...] = ()
    phases: dict[str, float] = Field(default_factory=dict)
    endpoints: dict[str, str | None] = Field(default_factory=dict)
    alarm: bool = False


class Record(Result):
    """One check of a site as later ones find it. Dump it `by_alias`."""

    health: Health
    memory: Memory = Memory()


class Decision(Result):
    """What is to be told of a site after a check, and the alarm that stands afterwards (`Memory.alarm`)."""

    event: Event | None
    alarm: bool


def judge_speed(benchmark: Benchmark | None, history: Sequence[Record]) -> list[Finding]:
    """Degraded when the computation took three times as long as it usually does with the same array and workers.

    Slow nights count in the median like others: what stays slow becomes the usual after a week, and is then no news.
    """
    if benchmark is None:
        return []
    earlier = [record.health.benchmark for record in history]
    usual = [other.compute_s for other in earlier if other and _conditions(other) == _conditions(benchmark)][
        :SPEED_RUNS
    ]
    if len(usual) < SPEED_FEWEST:
        return []
    median_s = statistics.median(usual)
    if benchmark.compute_s <= max(SPEED_FACTOR * median_s, median_s + SPEED_NOISE_S):
        return []
    return [
        Finding(
            check="benchmark",
            level="Degraded",
            category=Category.SPEED,
            summary=f"the computation took {benchmark.compute_s:.1f} s, the median of the last {len(usual)} is"
            f" {median_s:.1f} s ({benchmark.n_workers} workers, {benchmark.array_size} x {benchmark.array_size})",
            remedy="See what else loads the nodes (kubectl top nodes, kubectl get pods -A -o wide), and ask the cloud"
            " whether their hypervisors are oversubscribed.",
        )
    ]


def judge_unsteady(now: Sequence[str], history: Sequence[Record]) -> list[Finding]:
    """Checks that work again and again only at the second try are flapping: not down, and not well either.

    That it happened this time is said by the check itself (`domain.checking.settled`).

    Args:
        now: the names of the checks of this run that worked only at the second try.
    """
    judged = [record for record in history if record.health.level not in _UNJUDGED][: LAST_RUNS - 1]
    earlier = [name for record in judged for name in record.memory.unsteady]
    times = {name: 1 + earlier.count(name) for name in now}
    return [_flapping(name, count, 1 + len(judged)) for name, count in times.items() if count >= ENOUGH]


def versions_before(history: Sequence[Record]) -> dict[str, dict[str, str]] | None:
    """The version matrix of the last check that compared versions; None where there was none.

    A run that did not come to compare them proves nothing, so the one before it counts.
    """
    return next((record.health.versions for record in history if _compared_versions(record.health)), None)


def decide_event(levels: Sequence[Level], findings: Iterable[Finding], *, alarm: bool) -> Decision:
    """Whether people are to be told that the site is unhealthy, or that it has recovered; each once.

    Two of the last three checks have to say so, this one among them; what cannot be transient is told at once. A
    check that was Skipped or Unknown says nothing either way.

    Args:
        levels: of this check and of those before it, newest first.
        findings: of this check.
        alarm: whether the alarm stands since an earlier check.
    """
    if levels[0] in _UNJUDGED:
        return Decision(event=None, alarm=alarm)
    judged = [level for level in levels if level not in _UNJUDGED][:LAST_RUNS]
    down = [level == "Unhealthy" for level in judged]
    agreed = down.count(down[0]) >= ENOUGH
    if down[0] and not alarm:
        at_once = any(finding.level == "Unhealthy" and is_lasting(finding.category) for finding in findings)
        return Decision(event="site.unhealthy", alarm=True) if agreed or at_once else Decision(event=None, alarm=False)
    if not down[0] and alarm and agreed:
        return Decision(event="site.recovered", alarm=False)
    return Decision(event=None, alarm=alarm)


def event_id(event: Event, site: str, history: Sequence[Record]) -> UUID:
    """The event's id: the same for every check that decides on it from the same earlier ones.

    A check that was killed after it told and before it left its record is not among them: when it is retried, or the
    next one comes, what they tell is the same event.
    """
    since = history[0].health.started_at if history else ""
    return uuid5(NAMESPACE_URL, f"magnumhub:{site}:{event}:{since}")


def is_lasting(category: Category) -> bool:
    """Whether what is wrong stays wrong until somebody acts.

    What a service, an address, a pod or a node does not do now it may do tomorrow; a category that holds both kinds
    (an image that is not pulled: registry or tag?) is not lasting, so that nobody is woken for a hiccup. A wrong
    result is told at once whatever its cause: users go on computing with it.
    """
    return category in _LASTING


def _conditions(benchmark: Benchmark) -> tuple[object, ...]:
    return benchmark.array_size, benchmark.chunk, benchmark.n_workers, benchmark.origin


def _flapping(name: str, times: int, runs: int) -> Finding:
    return Finding(
        check=name,
        level="Degraded",
        category=Category.SERVICE,
        summary=f"{name} is flapping, not down: in {times} of the last {runs} checks it worked only at the second try",
        remedy="Look for restarts, overload and lost connections around the checks' times: kubectl get events -A.",
    )


def _compared_versions(health: Health) -> bool:
    return any(check.name == "versions" and check.level not in _UNJUDGED for check in health.checks)
