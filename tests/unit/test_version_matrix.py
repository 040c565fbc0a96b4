"""Who differs from whom, and how bad that is; the severities are those of the mismatches that were tried."""

from __future__ import annotations

import pytest

from magnumhub.domain.findings import Finding
from magnumhub.domain.version_matrix import judge_mismatches, matrix, too_far

IMAGE = "pangeo/pangeo-notebook:2026.10.02"
GOOD = {"python": "3.11.7", "dask": "2026.8.0", "distributed": "2026.8.0", "numpy": "2.4.6", "toolz": "1.2.0"}


def judged(*, scheduler: dict[str, str | None] | None = None, workers: list[dict[str, str | None]]) -> list[Finding]:
    table = matrix(hub=None, gateway=None, notebook=GOOD, scheduler=scheduler or GOOD, workers=workers, runner={})
    return judge_mismatches(table, image=IMAGE)


def test_the_matrix_leaves_out_what_is_not_known() -> None:
    workers = [{"python": "3.11.7.final.0", "numpy": "2.4.6", "lz4": None}, {"python": "3.11.7.final.0", "numpy": None}]
    assert matrix(
        hub="5.5.0", gateway=None, notebook={}, scheduler={}, workers=workers, runner={"dask": "2026.8.0"}
    ) == {
        "hub": {"jupyterhub": "5.5.0"},
        "workers": {"python": "3.11.7", "numpy": "2.4.6, none"},
        "runner": {"dask": "2026.8.0"},
    }


def test_equal_versions_have_no_findings() -> None:
    # Schedulers and workers write Python's version in their own way.
    assert judged(workers=[GOOD | {"python": "3.11.7.final.0"}] * 5) == []


@pytest.mark.parametrize(
    ("package", "theirs", "level"),
    [
        ("numpy", "1.26.4", "Unhealthy"),
        ("numpy", None, "Unhealthy"),
        ("numpy", "2.4.5", "Healthy"),
        ("numpy", "2.5.0", "Healthy"),
        ("dask", "2025.4.1", "Degraded"),
        ("distributed", "2024.1.0", "Degraded"),
        ("dask", "2026.3.0", "Healthy"),
        ("python", "3.13.1", "Degraded"),
        ("python", "3.11.9", "Healthy"),
        ("toolz", "1.1.0", "Healthy"),
        ("lz4", "4.4.5", "Healthy"),
    ],
)
def test_severity_is_by_what_really_breaks(package: str, theirs: str | None, level: str) -> None:
    findings = judged(workers=[GOOD | {package: theirs}])
    assert [(finding.check, finding.level, finding.category.value) for finding in findings] == [
        ("versions", level, "versions")
    ]


def test_one_worker_of_another_kind_is_enough() -> None:
    (finding,) = judged(workers=[GOOD, GOOD | {"numpy": "1.26.4"}])
    assert finding.level == "Unhealthy"
    assert finding.summary == "workers differ from the notebook: numpy 1.26.4, 2.4.6 (notebook 2.4.6)"
    assert "numpy==2.4.6" in finding.remedy


def test_packages_of_one_level_share_a_finding() -> None:
    findings = judged(scheduler=GOOD | {"dask": "2025.4.1", "distributed": "2025.4.1"}, workers=[GOOD])
    assert [finding.summary for finding in findings] == [
        "scheduler differs from the notebook: "
        "dask 2025.4.1 (notebook 2026.8.0), distributed 2025.4.1 (notebook 2026.8.0)"
    ]


def test_without_a_notebook_workers_are_held_against_the_scheduler() -> None:
    table = matrix(hub=None, gateway=None, notebook={}, scheduler=GOOD, workers=[GOOD | {"numpy": "1.26.4"}], runner={})
    (finding,) = judge_mismatches(table, image=IMAGE)
    assert finding.summary == "workers differ from the scheduler: numpy 1.26.4 (scheduler 2.4.6)"
    assert judge_mismatches({"hub": {"jupyterhub": "5.5.0"}}, image=IMAGE) == []


@pytest.mark.parametrize(
    ("site", "reason"),
    [
        ({}, ""),
        (GOOD, ""),
        (GOOD | {"dask": "2026.3.0", "numpy": "2.1.0", "python": "3.13.1"}, ""),
        (GOOD | {"numpy": "1.26.4"}, "the runner has numpy 2.4.6, the site 1.26.4"),
        (GOOD | {"dask": "2025.4.1"}, "the runner has dask 2026.8.0, the site 2025.4.1"),
        (GOOD | {"numpy": None}, ""),
    ],
)
def test_the_runner_computes_where_its_versions_are_near_enough(site: dict[str, str | None], reason: str) -> None:
    assert too_far(GOOD, site) == reason
