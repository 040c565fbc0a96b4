"""Who differs from whom, and how bad that is; the severities are those of the mismatches that were tried."""

from __future__ import annotations

import pytest

from magnumhub.domain.findings import Finding
from magnumhub.domain.version_matrix import judge_mismatches, matrix, too_far

IMAGE = "pangeo/pangeo-notebook:2026.10.02"
GOOD = {
    "python": "3.11.7",
    "dask": "2026.8.0",
    "distributed": "2026.8.0",
    "numpy": "2.4.6",
    "cloudpickle": "3.1.3",
    "msgpack": "1.2.4",
    "tornado": "6.6.1",
    "toolz": "1.2.0",
    "pandas": "2.2.3",
}


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
        ("cloudpickle", "2.2.1", "Degraded"),
        ("cloudpickle", "3.0.0", "Healthy"),
        ("pandas", "3.0.0", "Degraded"),
        ("pandas", "2.3.3", "Healthy"),
        ("msgpack", "2.0.0", "Healthy"),
        ("tornado", "7.0.0", "Healthy"),
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


@pytest.mark.parametrize(
    ("different", "who"),
    [
        (["dask-worker-a-2"], "1 of 3 workers (dask-worker-a-2) differs from the notebook: "),
        (
            ["dask-worker-a-1", "dask-worker-a-3"],
            "2 of 3 workers (dask-worker-a-1 and 1 more) differ from the notebook: ",
        ),
        (["dask-worker-a-1", "dask-worker-a-2", "dask-worker-a-3"], "workers differ from the notebook: "),
    ],
)
def test_the_worker_that_differs_is_named(different: list[str], who: str) -> None:
    names = ["dask-worker-a-1", "dask-worker-a-2", "dask-worker-a-3"]
    workers = {name: GOOD | ({"numpy": "1.26.4"} if name in different else {}) for name in names}
    table = matrix(hub=None, gateway=None, notebook=GOOD, scheduler=GOOD, workers=workers.values(), runner={})
    (finding,) = judge_mismatches(table, image=IMAGE, workers=workers)
    assert finding.level == "Unhealthy"
    assert finding.summary == who + "numpy 1.26.4 (notebook 2.4.6)"
    assert finding.remedy == (
        f"Run notebooks, scheduler and workers from one image ({IMAGE}), or pin there: numpy==2.4.6."
    )


def test_scheduler_and_workers_of_another_image_are_one_finding() -> None:
    other = GOOD | {"numpy": "1.26.4"}
    (finding,) = judged(scheduler=other, workers=[other, other])
    assert finding.summary == "scheduler and workers differ from the notebook: numpy 1.26.4 (notebook 2.4.6)"


def test_workers_that_differ_in_their_own_ways_are_told_apart() -> None:
    workers = {"w-1": GOOD | {"numpy": "1.26.4"}, "w-2": GOOD | {"dask": "2025.4.1"}, "w-3": GOOD}
    table = matrix(hub=None, gateway=None, notebook=GOOD, scheduler=GOOD, workers=workers.values(), runner={})
    findings = judge_mismatches(table, image=IMAGE, workers=workers)
    assert [(finding.level, finding.summary) for finding in findings] == [
        ("Unhealthy", "1 of 3 workers (w-1) differs from the notebook: numpy 1.26.4 (notebook 2.4.6)"),
        ("Degraded", "1 of 3 workers (w-2) differs from the notebook: dask 2025.4.1 (notebook 2026.8.0)"),
    ]


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (GOOD, "; new since the last check: dask, distributed"),
        (GOOD | {"dask": "2025.4.1"}, "; new since the last check: distributed"),
        (GOOD | {"dask": "2025.4.1", "distributed": "2025.4.1"}, ""),
        (None, ""),
    ],
)
def test_what_appeared_since_the_last_check_says_so(before: dict[str, str] | None, told: str) -> None:
    def table(scheduler: dict[str, str]) -> dict[str, dict[str, str]]:
        return matrix(hub=None, gateway=None, notebook=GOOD, scheduler=scheduler, workers=[GOOD], runner={})

    now = table(GOOD | {"dask": "2025.4.1", "distributed": "2025.4.1"})
    last = None if before is None else table(before)
    (finding,) = judge_mismatches(now, image=IMAGE, before=last)
    assert finding.summary.partition("(notebook 2026.8.0)")[2].partition("(notebook 2026.8.0)")[2] == told


def test_a_last_check_that_saw_no_versions_tells_nothing_new() -> None:
    table = matrix(hub=None, gateway=None, notebook=GOOD, scheduler=GOOD | {"dask": "2025.4.1"}, workers=[], runner={})
    (finding,) = judge_mismatches(table, image=IMAGE, before={"hub": {"jupyterhub": "5.5.0"}})
    assert "new since" not in finding.summary


def test_another_gateway_client_is_a_remark() -> None:
    notebook = GOOD | {"dask-gateway": "2025.4.0"}
    table = matrix(hub=None, gateway="2026.3.0", notebook=notebook, scheduler=GOOD, workers=[GOOD], runner={})
    (finding,) = judge_mismatches(table, image=IMAGE)
    assert (finding.level, finding.summary) == (
        "Healthy",
        "the notebook has dask-gateway 2025.4.0, the gateway is 2026.3.0",
    )


@pytest.mark.parametrize(
    ("runner", "summaries"),
    [
        (GOOD, []),
        ({}, []),
        (GOOD | {"python": "3.12.1"}, ["the runner differs from the scheduler: python 3.12.1 (scheduler 3.11.7)"]),
        # Then its computation is skipped, which is told as such.
        (GOOD | {"numpy": "1.26.4"}, []),
        ({key: value for key, value in GOOD.items() if key != "pandas"}, []),
    ],
)
def test_the_runner_is_never_more_than_a_remark(runner: dict[str, str], summaries: list[str]) -> None:
    table = matrix(hub=None, gateway=None, notebook=GOOD, scheduler=GOOD, workers=[GOOD], runner=runner)
    findings = judge_mismatches(table, image=IMAGE)
    assert [finding.summary for finding in findings] == summaries
    assert {finding.level for finding in findings} <= {"Healthy"}


def test_charts_are_in_the_matrix() -> None:
    table = matrix(
        hub="5.5.0",
        gateway="2026.3.0",
        notebook={},
        scheduler={},
        workers=[],
        runner={},
        hub_chart="4.4.0",
        gateway_chart="2026.3.0",
    )
    assert table == {
        "hub": {"chart": "4.4.0", "jupyterhub": "5.5.0"},
        "gateway": {"chart": "2026.3.0", "dask-gateway-server": "2026.3.0"},
    }


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
