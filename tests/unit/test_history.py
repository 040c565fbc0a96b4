"""What earlier checks tell about this one, with literal values."""

from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.health import Benchmark, Check, Health
from magnumhub.domain.history import (
    Decision,
    Memory,
    Record,
    decide_event,
    event_id,
    is_lasting,
    judge_speed,
    judge_unsteady,
    versions_before,
)

NOTHING = Decision(event=None, alarm=False)
ALARMED = Decision(event=None, alarm=True)
UNHEALTHY = Decision(event="site.unhealthy", alarm=True)
TABLE = {"notebook": {"dask": "2026.8.0"}, "scheduler": {"dask": "2026.3.0"}}
RECOVERED = Decision(event="site.recovered", alarm=False)


def benchmark(compute_s: float, **different: Any) -> Benchmark:
    numbers = {"mean": 0.0, "array_size": 10000, "chunk": 500, "n_workers": 5, "total_s": 30.0, "from": "notebook"}
    return Benchmark.model_validate(numbers | {"compute_s": compute_s} | different)


def record(
    level: Level = "Healthy",
    *,
    day: int = 1,
    computed: Benchmark | None = None,
    unsteady: tuple[str, ...] = (),
    findings: tuple[Finding, ...] = (),
    versions: Level = "Healthy",
) -> Record:
    health = Health(
        site="lab",
        level=level,
        started_at=f"2026-11-{day:02}T04:00:00+00:00",
        duration_s=60.0,
        checks=(Check(name="versions", level=versions, duration_s=1.0, summary="compared"),),
        findings=findings,
        benchmark=computed,
    )
    return Record(health=health, memory=Memory(unsteady=unsteady))


def finding(category: Category, level: Level = "Unhealthy", summary: str = "seen") -> Finding:
    return Finding(check="versions", level=level, category=category, summary=summary, remedy="do it")


# Speed


@pytest.mark.parametrize(("compute_s", "slow"), [(2.0, False), (6.0, False), (6.1, True)])
def test_three_times_the_median_is_slow(compute_s: float, slow: bool) -> None:
    history = [record(computed=benchmark(usual_s)) for usual_s in (1.0, 2.0, 9.0)]
    found = judge_speed(benchmark(compute_s), history)
    assert [(f.check, f.level, f.category) for f in found] == [("benchmark", "Degraded", "speed")] * slow


@pytest.mark.parametrize(("compute_s", "slow"), [(3.3, False), (3.5, True)])
def test_three_times_almost_nothing_is_noise(compute_s: float, slow: bool) -> None:
    history = [record(computed=benchmark(0.4))] * 3
    assert [f.level for f in judge_speed(benchmark(compute_s + 0.05), history)] == ["Degraded"] * slow


def test_slow_says_both_times_and_what_was_computed() -> None:
    history = [record(computed=benchmark(2.0))] * 3
    [slow] = judge_speed(benchmark(9.0), history)
    assert "9.0 s" in slow.summary
    assert "2.0 s" in slow.summary
    assert "5 workers, 10000 x 10000" in slow.summary


@pytest.mark.parametrize("different", [{"array_size": 2000}, {"chunk": 250}, {"n_workers": 4}, {"from": "runner"}])
def test_other_arrays_other_workers_and_other_places_are_not_compared(different: dict[str, Any]) -> None:
    history = [record(computed=benchmark(1.0, **different))] * 14
    assert judge_speed(benchmark(100.0), history) == []


def test_two_earlier_runs_are_too_few_and_runs_without_benchmark_do_not_count() -> None:
    history = [record(computed=benchmark(1.0))] * 2 + [record("Unhealthy")] * 9
    assert judge_speed(benchmark(100.0), history) == []
    assert judge_speed(None, [record(computed=benchmark(1.0))] * 9) == []


def test_only_the_last_fourteen_count() -> None:
    history = [record(computed=benchmark(5.0))] * 14 + [record(computed=benchmark(1.0))] * 50
    assert judge_speed(benchmark(14.0), history) == []


# Unsteady


def test_one_time_is_no_flapping() -> None:
    assert judge_unsteady(["hub"], [record(), record()]) == []


@pytest.mark.parametrize(
    ("earlier", "told"),
    [
        ([("hub",), ()], "2 of the last 3"),
        ([(), ("hub",)], "2 of the last 3"),
        ([("hub",), ("hub",)], "3 of the last 3"),
        ([("hub",)], "2 of the last 2"),
    ],
)
def test_two_of_the_last_three_are_flapping(earlier: list[tuple[str, ...]], told: str) -> None:
    [flapping] = judge_unsteady(["hub"], [record(unsteady=names) for names in earlier])
    assert (flapping.check, flapping.level) == ("hub", "Degraded")
    assert "flapping, not down" in flapping.summary
    assert told in flapping.summary


def test_another_check_and_older_runs_do_not_make_a_check_flap() -> None:
    history = [record(unsteady=("gateway",)), record(), record(unsteady=("hub",))]
    assert judge_unsteady(["hub"], history) == []


def test_a_skipped_run_saw_nothing_and_does_not_count() -> None:
    history = [record("Skipped"), record("Unknown"), record(unsteady=("hub",))]
    assert [f.level for f in judge_unsteady(["hub"], history)] == ["Degraded"]


def test_steady_checks_are_not_spoken_of() -> None:
    assert judge_unsteady([], [record(unsteady=("hub",))] * 2) == []


# Versions


def test_versions_are_held_against_the_last_check_that_compared_them() -> None:
    compared = record(day=23)
    compared = compared.model_copy(update={"health": compared.health.model_copy(update={"versions": TABLE})})
    assert versions_before([record("Unhealthy", day=24, versions="Skipped"), compared]) == TABLE
    assert versions_before([record("Unhealthy", day=24, versions="Skipped")]) is None


# Alarm

U, H, D, S, N = "Unhealthy", "Healthy", "Degraded", "Skipped", "Unknown"


@pytest.mark.parametrize(
    ("levels", "alarm", "decided"),
    [
        ([U], False, NOTHING),  # one night
        ([U, U], False, UNHEALTHY),
        ([U, H, U], False, UNHEALTHY),
        ([U, H, H, U], False, NOTHING),
        ([U, H, H], False, NOTHING),
        ([U, U, U], True, ALARMED),  # told once
        ([H, U, U], True, ALARMED),  # one good night
        ([H, H, U], True, RECOVERED),
        ([H, U, H], True, RECOVERED),
        ([D, D, U], True, RECOVERED),  # users can work
        ([H, H, H], False, NOTHING),  # told once
        ([H, U, U], False, NOTHING),
        ([U, S, N, S, U], False, UNHEALTHY),
        ([H, S, N, S, H], True, RECOVERED),
        ([S, U, U], False, NOTHING),
        ([S, H, H], True, ALARMED),
        ([N, U, U], False, NOTHING),
    ],
)
def test_two_of_the_last_three_have_to_say_so(levels: list[Level], alarm: bool, decided: Decision) -> None:
    transient = [finding(Category.SERVICE)] if levels[0] == U else []
    assert decide_event(levels, transient, alarm=alarm) == decided


def test_what_cannot_be_transient_is_told_at_once() -> None:
    assert decide_event([U, H, H], [finding(Category.EXPIRY)], alarm=False) == UNHEALTHY
    assert decide_event([U, U, H], [finding(Category.EXPIRY)], alarm=True) == ALARMED


def test_a_lasting_matter_that_does_not_stop_users_wakes_nobody() -> None:
    found = [finding(Category.SERVICE), finding(Category.EXPIRY, "Degraded")]
    assert decide_event([U, H, H], found, alarm=False) == NOTHING
    assert decide_event([D, H, H], found[1:], alarm=False) == NOTHING


def test_a_night_of_alarms_and_recoveries() -> None:
    """A week, one check after the other, as memory carries the alarm on."""
    told, alarm, levels = [], False, []
    for level in [H, U, H, U, U, H, U, H, H, H]:
        levels.insert(0, level)
        decided = decide_event(levels, [finding(Category.SERVICE)] if level == U else [], alarm=alarm)
        alarm = decided.alarm
        told.append(decided.event)
    assert told == [
        None,
        None,
        None,
        "site.unhealthy",
        None,
        None,
        None,
        "site.recovered",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("lasting", "categories"),
    [
        (True, "credentials expiry quota compatibility versions release result ownership configuration"),
        (False, "catalog not_found capacity address storage service image workload speed leftover"),
    ],
)
def test_every_category_is_lasting_or_not(lasting: bool, categories: str) -> None:
    named = {category for category in Category if is_lasting(category) == lasting}
    assert named == {Category(name) for name in categories.split()}


def test_an_event_of_the_same_incident_has_the_same_id_also_from_another_run() -> None:
    told = event_id("site.unhealthy", "lab", [record(day=2), record(day=1)])
    assert event_id("site.unhealthy", "lab", [record(day=2)]) == told
    others = [
        event_id("site.recovered", "lab", [record(day=2)]),
        event_id("site.unhealthy", "iris", [record(day=2)]),
        event_id("site.unhealthy", "lab", [record(day=3), record(day=2)]),
        event_id("site.unhealthy", "lab", []),
    ]
    assert len({told, *others}) == 5
