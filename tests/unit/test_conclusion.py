"""From single checks to verdict, memory and event, with literal values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from magnumhub.domain.checking import checked, settled
from magnumhub.domain.conclusion import busy, conclude, untold
from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.health import Benchmark, Checked, UserChecks
from magnumhub.domain.history import Memory, Record

STARTED, ENDED = datetime(2026, 11, 25, 4, 0, tzinfo=UTC), datetime(2026, 11, 25, 4, 0, 40, tzinfo=UTC)


def failing(name: str, category: Category, level: Level = "Unhealthy") -> Checked:
    finding = Finding(check=name, level=level, category=category, summary=f"{name} fails", remedy="mend")
    return checked(name, [finding], duration_s=1, summary="")


def well(name: str, **facts: Any) -> Checked:
    return checked(name, [], duration_s=1, summary="well", facts=facts)


def users(compute_s: float = 2.0) -> UserChecks:
    numbers = {"mean": 0.0, "array_size": 10000, "chunk": 500, "n_workers": 5, "total_s": 30.0, "from": "notebook"}
    return UserChecks(
        checks=tuple(well(name) for name in ("notebook", "dask_cluster", "versions", "benchmark")),
        versions={"notebook": {"dask": "2026.8.0"}},
        benchmark=Benchmark.model_validate(numbers | {"compute_s": compute_s}),
        phases={"compute": compute_s},
    )


def concluded(*checks: Checked, as_user: UserChecks | None = None, history: tuple[Record, ...] = ()) -> tuple[Any, Any]:
    return conclude(
        "iris-cam",
        started_at=STARTED,
        ended_at=ENDED,
        checks=checks or (well("kubernetes"), well("hub")),
        users=as_user or users(),
        endpoints={"jupyterhub": "http://192.0.2.7"},
        history=history,
    )


def test_all_is_well() -> None:
    record, decision = concluded(well("kubernetes"), well("workloads", restarts={"jhub/hub-1/hub": 2}))
    health = record.health
    assert (health.level, health.started_at, health.duration_s) == ("Healthy", "2026-11-25T04:00:00+00:00", 40.0)
    assert health.findings == ()
    assert record.memory == Memory(
        restarts={"jhub/hub-1/hub": 2}, phases={"compute": 2.0}, endpoints={"jupyterhub": "http://192.0.2.7"}
    )
    assert decision.event is None


def test_the_cause_decides_what_people_are_told() -> None:
    record, decision = concluded(failing("expiry", Category.EXPIRY), failing("kubernetes", Category.CONFIGURATION))
    assert [finding.category for finding in record.health.findings] == ["expiry"]
    assert (record.health.level, decision.event, record.memory.alarm) == ("Unhealthy", "site.unhealthy", True)


def test_one_bad_night_is_no_alarm_and_the_second_is() -> None:
    first, decision = concluded(failing("hub", Category.SERVICE))
    assert (first.health.level, decision.event, first.memory.alarm) == ("Unhealthy", None, False)
    second, decision = concluded(failing("hub", Category.SERVICE), history=(first,))
    assert (decision.event, second.memory.alarm) == ("site.unhealthy", True)
    third, decision = concluded(history=(second, first))
    assert (decision.event, third.memory.alarm) == (None, True)
    _, decision = concluded(history=(third, second, first))
    assert decision.event == "site.recovered"


def test_an_event_that_did_not_arrive_is_told_by_the_next_check() -> None:
    first, _ = concluded(failing("hub", Category.SERVICE))
    second, decision = concluded(failing("hub", Category.SERVICE), history=(first,))
    assert decision.event == "site.unhealthy"
    kept = untold(second, (first,))
    assert kept.memory.alarm is False
    _, decision = concluded(failing("hub", Category.SERVICE), history=(kept, first))
    assert decision.event == "site.unhealthy"


def test_a_slow_computation_degrades_its_check() -> None:
    history = tuple(concluded()[0] for _ in range(5))
    record, _ = concluded(as_user=users(compute_s=7.0), history=history)
    assert record.health.level == "Degraded"
    assert [(finding.check, finding.category) for finding in record.health.findings] == [("benchmark", "speed")]
    [check] = [check for check in record.health.checks if check.name == "benchmark"]
    assert (check.level, check.summary) == ("Degraded", record.health.findings[0].summary)


def test_what_works_only_at_the_second_try_is_a_remark_and_then_flapping() -> None:
    shaky = settled(failing("hub", Category.SERVICE), well("hub"))
    first, _ = concluded(well("kubernetes"), shaky)
    assert (first.health.level, first.memory.unsteady) == ("Healthy", ("hub",))
    assert [finding.level for finding in first.health.findings] == ["Healthy"]
    second, decision = concluded(well("kubernetes"), shaky, history=(first,))
    assert (second.health.level, decision.event) == ("Degraded", None)
    assert "flapping, not down" in second.health.findings[0].summary


def test_restarts_stay_known_while_kubernetes_does_not_answer() -> None:
    before, _ = concluded(well("workloads", restarts={"jhub/hub-1/hub": 2}))
    record, _ = concluded(failing("kubernetes", Category.SERVICE), history=(before,))
    assert record.memory.restarts == {"jhub/hub-1/hub": 2}


def test_a_busy_site_is_skipped_whole() -> None:
    health = busy("iris-cam", started_at=STARTED, ended_at=ENDED, why="another run works on it: host/1/2")
    assert (health.level, {check.level for check in health.checks}) == ("Skipped", {"Skipped"})
    assert len(health.checks) == 13
