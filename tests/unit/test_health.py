"""How a computation on Dask and the answers of hub and gateway are judged, with literal values."""

from __future__ import annotations

import pytest

from magnumhub.domain.dask_outcome import judge_dask_cluster
from magnumhub.domain.errors import (
    AuthenticationError,
    DeadlineError,
    FailedError,
    MagnumhubError,
    RefusedError,
    TransientError,
)
from magnumhub.domain.findings import Level
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
    verdict,
)
from magnumhub.domain.results import Release
from tests.support.dask_outcomes import IMAGE, failed, outcome, seen


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


def test_a_hint_that_is_a_question_stays_one() -> None:
    assert finding_of("kubernetes", TransientError("no answer", "is it reachable?")).remedy == "Is it reachable?"


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
    assert tells_all(outcome(failed=failed("compute", "KilledWorker", "tls://…")))
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
    assert judge_origins(outcome(sum=1), outcome(origin="runner", sum=1)) == [], "notebooks compute wrongly as well"


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


@pytest.mark.parametrize(
    ("levels", "level"),
    [
        (["Healthy", "Skipped"], "Healthy"),
        (["Healthy", "Degraded"], "Degraded"),
        (["Unknown", "Degraded"], "Unknown"),
        (["Unknown", "Unhealthy"], "Unhealthy"),
    ],
)
def test_what_could_not_be_found_out_is_no_known_flaw(levels: list[Level], level: Level) -> None:
    assert verdict(levels) == level
