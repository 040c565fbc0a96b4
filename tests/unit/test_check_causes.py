"""One cause is one alarm: what only follows from it is said at its check, and not told again."""

from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.checking import checked
from magnumhub.domain.checks.causes import CAUSAL_ORDER, with_causes
from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.health import Checked


def failing(name: str, category: Category, about: Any = "", level: Level = "Unhealthy") -> Checked:
    finding = Finding(check=name, level=level, category=category, summary=f"{name} fails", remedy="mend", about=about)
    return checked(name, [finding], duration_s=1, summary="")


def well(*names: str) -> list[Checked]:
    return [checked(name, [], duration_s=1, summary="well") for name in names]


def told(*checks: Checked) -> list[str]:
    return [finding.check for finding in with_causes(checks)[1]]


def test_checks_come_in_the_order_of_causes() -> None:
    ordered, findings = with_causes(well("leftovers", "benchmark", "hub", "kubernetes"))
    assert [seen.check.name for seen in ordered] == ["kubernetes", "hub", "benchmark", "leftovers"]
    assert findings == []


def test_an_api_that_is_down_is_one_alarm() -> None:
    checks = [failing(name, Category.SERVICE) for name in CAUSAL_ORDER if name not in ("expiry", "quota")]
    assert told(*checks) == ["kubernetes"]


def test_an_expired_certificate_comes_before_the_api_that_is_not_believed() -> None:
    assert told(failing("kubernetes", Category.CONFIGURATION), failing("expiry", Category.EXPIRY)) == ["expiry"]


def test_an_error_that_several_checks_met_is_told_once() -> None:
    def refused(name: str) -> Checked:
        finding = Finding(check=name, level="Unhealthy", category=Category.CREDENTIALS, summary="401", remedy="mend")
        return checked(name, [finding], duration_s=1, summary="")

    assert told(refused("quota"), refused("expiry")) == ["expiry"]


def test_a_cloud_that_does_not_answer_is_one_alarm_and_no_certificate() -> None:
    checks = [failing(name, Category.SERVICE) for name in ("expiry", "kubernetes", "quota")]
    assert told(*checks) == ["kubernetes"]


def test_revoked_credentials_are_one_alarm() -> None:
    checks = [failing(name, Category.CREDENTIALS) for name in ("kubernetes", "expiry", "quota")]
    assert told(*checks) == ["expiry"]


def test_a_quota_that_is_used_up_stands_by_itself() -> None:
    checks = (failing("kubernetes", Category.SERVICE), failing("quota", Category.QUOTA, level="Degraded"))
    assert told(*checks) == ["kubernetes", "quota"]


def test_a_consequence_says_so_at_its_check() -> None:
    ordered, _ = with_causes([failing("workloads", Category.WORKLOAD, "jupyterhub"), failing("hub", Category.SERVICE)])
    assert [seen.check.summary for seen in ordered] == ["workloads fails", "follows from workloads: hub fails"]
    assert [seen.check.level for seen in ordered] == ["Unhealthy", "Unhealthy"]


def test_a_release_explains_its_own_consequences_only() -> None:
    checks = (
        failing("workloads", Category.WORKLOAD, "dask_gateway"),
        failing("hub", Category.SERVICE, "jupyterhub"),
        failing("gateway", Category.SERVICE, "dask_gateway"),
        failing("benchmark", Category.SERVICE),
    )
    assert told(*checks) == ["workloads", "hub"]


@pytest.mark.parametrize("level", ["Degraded", "Healthy"])
def test_what_does_not_fail_explains_nothing(level: Level) -> None:
    checks = (failing("releases", Category.RELEASE, "jupyterhub", level), failing("hub", Category.SERVICE))
    assert told(*checks) == ["hub", "releases"]


def test_what_was_measured_follows_from_nothing() -> None:
    checks = (
        failing("workloads", Category.WORKLOAD, "jupyterhub"),
        failing("versions", Category.VERSIONS),
        failing("benchmark", Category.RESULT),
    )
    assert told(*checks) == ["workloads", "versions", "benchmark"]


def test_versions_explain_a_computation_that_dies() -> None:
    assert told(failing("benchmark", Category.WORKLOAD), failing("versions", Category.VERSIONS)) == ["versions"]


def test_a_lack_of_room_stands_by_itself() -> None:
    too_few = failing("dask_cluster", Category.CAPACITY, level="Degraded")
    assert told(failing("versions", Category.VERSIONS), too_few) == ["versions", "dask_cluster"]
    assert told(failing("kubernetes", Category.SERVICE), too_few) == ["kubernetes"]


def test_the_worst_comes_first_and_among_equals_the_cause() -> None:
    checks = (
        failing("leftovers", Category.LEFTOVER, level="Degraded"),
        failing("expiry", Category.EXPIRY, level="Degraded"),
        failing("notebook", Category.WORKLOAD),
        failing("addresses", Category.ADDRESS, "dask_gateway"),
    )
    assert told(*checks) == ["addresses", "expiry", "leftovers"]
