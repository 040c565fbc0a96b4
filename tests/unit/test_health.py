"""How a computation on Dask and the answers of hub and gateway are judged, with literal values."""

from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.dask_outcome import DaskOutcome, Failure, judge_benchmark, judge_dask_cluster
from magnumhub.domain.errors import (
    AuthenticationError,
    DeadlineError,
    FailedError,
    MagnumhubError,
    RefusedError,
    TransientError,
)
from magnumhub.domain.findings import Finding
from magnumhub.domain.health import (
    Check,
    benchmark_of,
    check_of,
    finding_of,
    health_of,
    judge_origins,
    judge_release,
    noted,
    other_origin,
    tells_all,
)
from magnumhub.domain.results import Release

IMAGE = "pangeo/pangeo-notebook:2026.10.02"
PHASES = (
    "gateway",
    "sweep",
    "submit",
    "scheduler",
    "connect",
    "workers",
    "versions",
    "compute",
    "known sum",
    "shutdown",
)


def outcome(**different: Any) -> DaskOutcome:
    """A good run on 5 workers, 1 second a phase, with what is different."""
    good = {
        "origin": "notebook",
        "asked": 5,
        "required": 1,
        "workers": 5,
        "array_size": 10000,
        "chunk": 500,
        "phases": dict.fromkeys(PHASES, 1.0),
        "cleared": True,
        "mean": 3e-5,
        "sum": 12499997500000,
        "expected_sum": 12499997500000,
    }
    return DaskOutcome.model_validate(good | different)


def failed(phase: str, kind: str = "TimeoutError", text: str = "late", missing: str = "") -> Failure:
    return Failure(phase=phase, kind=kind, text=text, missing=missing)


def seen(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.check, finding.level, finding.category.value) for finding in findings]


def test_a_good_run_has_no_findings() -> None:
    assert judge_dask_cluster(outcome(), image=IMAGE) == []
    assert judge_benchmark(outcome(), image=IMAGE) == []


@pytest.mark.parametrize("mean", [6e-4, -6e-4, 0.1, float("nan"), float("inf"), None])
def test_a_mean_beyond_six_deviations_is_wrong(mean: float | None) -> None:
    findings = judge_benchmark(outcome(mean=mean), image=IMAGE)
    assert seen(findings) == [("benchmark", "Unhealthy", "result")]
    assert "10000 x 10000" in findings[0].summary


def test_a_mean_just_within_six_deviations_is_right() -> None:
    assert judge_benchmark(outcome(mean=5.9e-4), image=IMAGE) == []


@pytest.mark.parametrize("total", [12499997500001, 0, None])
def test_a_wrong_sum_cannot_pass(total: int | None) -> None:
    findings = judge_benchmark(outcome(sum=total), image=IMAGE)
    assert seen(findings) == [("benchmark", "Unhealthy", "result")]
    assert "12499997500000" in findings[0].summary


def test_numpy_missing_in_the_notebook_is_said() -> None:
    findings = judge_benchmark(
        outcome(failed=failed("compute", "ModuleNotFoundError", "No module named 'numpy'", "numpy")), image=IMAGE
    )
    assert seen(findings) == [("benchmark", "Unhealthy", "image")]
    assert findings[0].summary == "numpy is missing in the image pangeo/pangeo-notebook:2026.10.02"


def test_numpy_missing_on_the_scheduler_alone_is_said() -> None:
    versions = {"scheduler": {"dask": "2026.8.0", "numpy": None}}
    broken = outcome(failed=failed("compute", "RuntimeError", "Error during deserialization"), versions=versions)
    assert "numpy is missing" in judge_benchmark(broken, image=IMAGE)[0].summary


@pytest.mark.parametrize(
    ("failure", "category"),
    [
        (failed("compute", "TimeoutError", "limit of 300 s"), "speed"),
        (failed("known sum", "Deadline", "not finished after 900 s"), "speed"),
        (failed("compute", "KilledWorker", "tls://…"), "workload"),
        (failed("compute", "ValueError", "anything"), "result"),
        (failed("versions", "OSError", "anything"), "result"),
    ],
)
def test_a_failed_computation_is_a_finding_of_the_benchmark(failure: Failure, category: str) -> None:
    broken = outcome(failed=failure, mean=None)
    assert seen(judge_benchmark(broken, image=IMAGE)) == [("benchmark", "Unhealthy", category)]
    assert judge_dask_cluster(broken, image=IMAGE) == []


@pytest.mark.parametrize(
    ("failure", "category", "words"),
    [
        (failed("gateway", "ModuleNotFoundError", "no", "dask_gateway"), "image", "dask_gateway is missing"),
        (failed("gateway", "ClientConnectorError", "refused"), "service", "the notebook cannot use the gateway"),
        (failed("submit", "GatewayServerError", "500"), "service", "submit failed"),
        (failed("scheduler", "RuntimeError", "the gateway says FAILED"), "workload", "the gateway says FAILED"),
        (failed("connect", "TypeError", "unpack"), "service", "cannot talk to the scheduler"),
        (failed("workers", "TimeoutError", "0 of 5 workers after 300 s"), "workload", "0 of 5 workers"),
    ],
)
def test_without_a_dask_cluster_the_benchmark_is_not_blamed(failure: Failure, category: str, words: str) -> None:
    broken = outcome(failed=failure, workers=0, mean=None)
    findings = judge_dask_cluster(broken, image=IMAGE)
    assert seen(findings)[0] == ("dask_cluster", "Unhealthy", category)
    assert words in findings[0].summary
    assert judge_benchmark(broken, image=IMAGE) == []


def test_fewer_workers_than_asked_are_degraded() -> None:
    findings = judge_dask_cluster(outcome(workers=4), image=IMAGE)
    assert seen(findings) == [("dask_cluster", "Degraded", "workload")]
    assert "4 of 5" in findings[0].summary


def test_what_is_left_behind_and_what_was_swept_is_told() -> None:
    assert seen(judge_dask_cluster(outcome(cleared=False), image=IMAGE)) == [("dask_cluster", "Degraded", "leftover")]
    assert seen(judge_dask_cluster(outcome(swept=["a", "b"]), image=IMAGE)) == [("dask_cluster", "Healthy", "leftover")]


def test_times_of_the_dask_cluster_are_not_those_of_the_computation() -> None:
    assert outcome().total_s == 10
    assert outcome().cluster_s == 7
    assert outcome().compute_s == 1


@pytest.mark.parametrize(
    ("check", "error", "category"),
    [
        ("hub", TransientError("no answer", "look"), "service"),
        ("hub", DeadlineError("not there after 300 s", "look"), "service"),
        ("hub", RefusedError("leads elsewhere", "look"), "configuration"),
        ("notebook", AuthenticationError("403", "look"), "credentials"),
        ("notebook", FailedError("spawn failed", "look"), "workload"),
        ("notebook", DeadlineError("not ready", "look"), "workload"),
    ],
)
def test_an_error_becomes_a_finding_with_its_remedy(check: str, error: MagnumhubError, category: str) -> None:
    finding = finding_of(check, error)
    assert seen([finding]) == [(check, "Unhealthy", category)]
    assert (finding.summary, finding.remedy) == (error.message, "Look.")


def test_another_version_than_the_release_installed_is_degraded() -> None:
    release = Release(
        name="jupyterhub",
        namespace="jhub",
        chart="jupyterhub",
        version="4.4.0",
        app_version="5.5.0",
        revision=1,
        status="deployed",
    )
    assert judge_release("hub", "5.5.0", release) == []
    assert judge_release("hub", "5.5.0", None) == []
    assert seen(judge_release("hub", "5.2.1", release)) == [("hub", "Degraded", "release")]


def test_the_other_origin_tells_a_broken_hub_from_a_broken_dask() -> None:
    broken = outcome(failed=failed("workers"))
    assert other_origin(broken, outcome(origin="runner")) == " (from the runner it works)"
    assert (
        other_origin(broken, outcome(origin="runner", failed=failed("workers")))
        == " (from the runner it fails as well)"
    )
    assert other_origin(broken, None) == ""
    assert other_origin(outcome(), outcome(origin="runner")) == ""


def test_what_the_cluster_lacks_need_not_be_tried_twice() -> None:
    assert tells_all(outcome(failed=failed("workers")))
    assert tells_all(outcome(failed=failed("scheduler")))
    assert tells_all(outcome(failed=failed("compute", "ModuleNotFoundError", "No module", "numpy")))
    assert not tells_all(outcome(failed=failed("connect")))
    assert not tells_all(outcome())


def test_a_note_goes_to_what_is_unhealthy_only() -> None:
    findings = judge_dask_cluster(outcome(failed=failed("workers"), cleared=False), image=IMAGE)
    assert [finding.summary.endswith(" (so)") for finding in (noted(finding, " (so)") for finding in findings)] == [
        True,
        False,
    ]


def test_a_failure_from_the_runner_alone_is_degraded() -> None:
    runner = outcome(origin="runner", failed=failed("connect"))
    assert seen(judge_origins(outcome(), runner)) == [("benchmark", "Degraded", "service")]
    assert judge_origins(outcome(failed=failed("connect")), runner) == []
    assert judge_origins(None, runner) == []
    assert judge_origins(outcome(), outcome(origin="runner")) == []
    assert seen(judge_origins(outcome(), outcome(origin="runner", sum=1))) == [("benchmark", "Degraded", "result")]


def test_a_check_has_the_level_and_words_of_its_worst_finding() -> None:
    remark = judge_dask_cluster(outcome(swept=["a"]), image=IMAGE)
    assert check_of("dask_cluster", remark, duration_s=1.234, summary="fine").model_dump() == {
        "name": "dask_cluster",
        "level": "Healthy",
        "duration_s": 1.23,
        "summary": "fine",
    }
    wrong = check_of(
        "dask_cluster", [*remark, *judge_dask_cluster(outcome(workers=4), image=IMAGE)], duration_s=0, summary=""
    )
    assert (wrong.level, wrong.summary) == ("Degraded", "4 of 5 Dask workers came within the limit")


def test_the_document_has_the_shape_that_others_rely_on() -> None:
    checks = [
        Check(name="hub", level="Healthy", duration_s=0.1, summary="JupyterHub 5.5.0"),
        Check(name="gateway", level="Skipped", duration_s=0, summary="not public"),
        Check(name="dask_cluster", level="Degraded", duration_s=4, summary="4 of 5"),
    ]
    document = health_of(
        "iris-cam",
        started_at="2026-11-24T04:00:00+00:00",
        duration_s=12.3456,
        checks=checks,
        findings=[*judge_dask_cluster(outcome(swept=["a"]), image=IMAGE), finding_of("hub", FailedError("f", "h"))],
        versions={"hub": {"jupyterhub": "5.5.0"}},
        benchmark=benchmark_of(outcome()),
    ).model_dump(mode="json", by_alias=True)
    assert list(document) == [
        *("site", "level", "started_at", "duration_s", "checks", "findings", "versions", "benchmark"),
    ]
    assert (document["level"], document["duration_s"]) == ("Degraded", 12.35)
    assert [finding["level"] for finding in document["findings"]] == ["Unhealthy", "Healthy"]
    assert set(document["findings"][0]) == {"check", "level", "category", "summary", "remedy"}
    assert document["benchmark"] == {
        "mean": 3e-5,
        "array_size": 10000,
        "chunk": 500,
        "n_workers": 5,
        "compute_s": 1.0,
        "total_s": 10.0,
        "from": "notebook",
    }


def test_without_a_result_there_are_no_numbers() -> None:
    assert benchmark_of(outcome(mean=None, failed=failed("compute"))) is None
