"""What a computation on Dask showed and Kubernetes said meanwhile, and what it means, with literal values."""

from __future__ import annotations

import pytest

from magnumhub.domain.dask_outcome import Failure, PodsSeen, judge_benchmark, judge_dask_cluster
from tests.support.dask_outcomes import IMAGE, failed, outcome, seen


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
        (failed("compute", "CommClosedError", "in <TLS>: Stream is closed"), "service"),
        (failed("known sum", "FutureCancelledError", "scheduler-connection-lost"), "service"),
        (failed("versions", "OSError", "anything"), "service"),
    ],
)
def test_a_failed_computation_is_a_finding_of_the_benchmark(failure: Failure, category: str) -> None:
    broken = outcome(failed=failure, mean=None)
    assert seen(judge_benchmark(broken, image=IMAGE)) == [("benchmark", "Unhealthy", category)]
    assert judge_dask_cluster(broken, image=IMAGE) == []


@pytest.mark.parametrize(
    ("failure", "late"),
    [
        (failed("workers", "TimeoutError", "0 of 5 workers after 300 s"), True),
        (failed("compute", "Deadline", "not finished after 900 s"), True),
        (failed("compute", "CommClosedError", "in <TLS>: Stream is closed"), False),
        (failed("scheduler", "RuntimeError", "the gateway says FAILED"), False),
        (None, False),
    ],
)
def test_what_ended_at_a_limit_was_too_late(failure: Failure | None, late: bool) -> None:
    assert outcome(failed=failure).was_too_late is late


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


NO_ROOM = "dask-worker-a-x: no node for it: 0/2 nodes are available: 2 Insufficient cpu. (and 1 more)"
NO_IMAGE = 'dask-scheduler-a: dask-scheduler: ImagePullBackOff: Failed to pull image "typo:1": no such image'
NO_GATEWAY = (
    "dask-scheduler-a: dask-scheduler failed (Error, exit code 1)\n"
    '    File "<frozen importlib._bootstrap>", line 1140\n'
    "    ModuleNotFoundError: No module named 'dask_gateway'"
)
KILLED = "dask-worker-a-x: dask-worker ended (OOMKilled, exit code 137)"


@pytest.mark.parametrize(
    ("failure", "pods", "category", "summary"),
    [
        (
            failed("scheduler", "RuntimeError", "the gateway says FAILED: the scheduler did not start"),
            PodsSeen(scheduler=NO_GATEWAY, images={"scheduler": "bare:1"}),
            "image",
            "dask_gateway is missing in the image bare:1: the Dask scheduler did not start: dask-scheduler-a: "
            "dask-scheduler failed (Error, exit code 1): ModuleNotFoundError: No module named 'dask_gateway'",
        ),
        (
            failed("scheduler", text="the scheduler is still PENDING after 180 s"),
            PodsSeen(scheduler=NO_IMAGE, images={"scheduler": "typo:1"}),
            "image",
            f"the Dask scheduler did not start: {NO_IMAGE}",
        ),
        (
            failed("scheduler", text="the scheduler is still PENDING after 180 s"),
            PodsSeen(),
            "workload",
            "the Dask scheduler did not start: the scheduler is still PENDING after 180 s",
        ),
        (
            failed("workers", text="0 of 5 workers after 300 s, at least 1 needed"),
            PodsSeen(
                workers="dask-worker-a-x: dask-worker ended (Error, exit code 1)\n"
                "    ModuleNotFoundError: No module named 'x'",
                images={"scheduler": "good:1", "workers": "bare:1"},
            ),
            "image",
            "x is missing in the image bare:1: Dask workers never came: dask-worker-a-x: "
            "dask-worker ended (Error, exit code 1): ModuleNotFoundError: No module named 'x'",
        ),
        (
            failed("workers", text="0 of 5 workers after 300 s, at least 1 needed"),
            PodsSeen(workers=NO_ROOM),
            "capacity",
            f"Dask workers never came: {NO_ROOM}",
        ),
        (
            failed("workers", "RuntimeError", "the gateway says FAILED while workers were awaited; 0 came"),
            PodsSeen(scheduler="dask-scheduler-a: dask-scheduler ended (OOMKilled, exit code 137)"),
            "workload",
            "Dask workers never came: dask-scheduler-a: dask-scheduler ended (OOMKilled, exit code 137)",
        ),
        (
            failed("workers", text="0 of 5 workers after 300 s, at least 1 needed"),
            PodsSeen(workers="dask-worker-a-x: Pending: the kubelet of node-0 has not said that it starts it"),
            "workload",
            "Dask workers never came: dask-worker-a-x: Pending: the kubelet of node-0 has not said that it starts it",
        ),
    ],
)
def test_pods_that_never_ran_are_told_in_kubernetes_words(
    failure: Failure, pods: PodsSeen, category: str, summary: str
) -> None:
    (finding,) = judge_dask_cluster(outcome(failed=failure, workers=0, mean=None), image=IMAGE, pods=pods)
    assert seen([finding]) == [("dask_cluster", "Unhealthy", category)]
    assert finding.summary == summary
    assert finding.remedy


def test_fewer_workers_than_asked_say_why() -> None:
    (finding,) = judge_dask_cluster(outcome(workers=3), image=IMAGE, pods=PodsSeen(workers=NO_ROOM))
    assert seen([finding]) == [("dask_cluster", "Degraded", "capacity")]
    assert finding.summary == f"3 of 5 Dask workers came within the limit: {NO_ROOM}"


@pytest.mark.parametrize(
    ("lost", "pods", "summary"),
    [
        (
            ("dask-worker-a-x",),
            PodsSeen(lost={"dask-worker-a-x": KILLED}),
            f"1 of 5 Dask workers was lost during the computation: {KILLED}",
        ),
        (
            ("dask-worker-a-y", "dask-worker-a-x"),
            PodsSeen(),
            "2 of 5 Dask workers were lost during the computation: dask-worker-a-y left the scheduler (and others)",
        ),
    ],
)
def test_a_lost_worker_is_degraded_though_the_result_is_right(
    lost: tuple[str, ...], pods: PodsSeen, summary: str
) -> None:
    right = outcome(lost=lost)
    (finding,) = judge_dask_cluster(right, image=IMAGE, pods=pods)
    assert seen([finding]) == [("dask_cluster", "Degraded", "workload")]
    assert finding.summary == summary
    assert judge_benchmark(right, image=IMAGE, pods=pods) == []


def test_pods_that_died_without_the_scheduler_missing_them_are_no_finding() -> None:
    pods = PodsSeen(workers=KILLED, lost={"dask-worker-a-x": KILLED})
    assert judge_dask_cluster(outcome(), image=IMAGE, pods=pods) == []


@pytest.mark.parametrize(
    ("failure", "lost", "pods", "category", "words"),
    [
        (
            failed("compute", "FutureCancelledError", "scheduler-connection-lost"),
            (),
            PodsSeen(scheduler="dask-scheduler-a: dask-scheduler ended (OOMKilled, exit code 137)"),
            "workload",
            "the Dask scheduler ended meanwhile: dask-scheduler-a: dask-scheduler ended (OOMKilled, exit code 137)",
        ),
        (
            failed("compute", "TimeoutError", "limit of 300 s"),
            ("dask-worker-a-x",),
            PodsSeen(lost={"dask-worker-a-x": KILLED}),
            "workload",
            f"the computation did not end: 1 of 5 Dask workers was lost during the computation: {KILLED}",
        ),
        (
            failed("compute", "KilledWorker", "Attempted to run task 4 times"),
            ("dask-worker-a-x",),
            PodsSeen(),
            "workload",
            "workers died of the computation: Attempted to run task 4 times",
        ),
        (
            failed("compute", "KilledWorker", "Attempted to run task 4 times"),
            (),
            PodsSeen(workers=KILLED),
            "workload",
            f"workers died of the computation: Attempted to run task 4 times; {KILLED}",
        ),
        (
            failed("compute", "RuntimeError", "because: No module named 'numpy._core.numeric'"),
            (),
            PodsSeen(),
            "service",
            "compute failed: RuntimeError: because: No module named 'numpy._core.numeric'",
        ),
    ],
)
def test_a_computation_that_failed_is_told_with_what_became_of_the_pods(
    failure: Failure, lost: tuple[str, ...], pods: PodsSeen, category: str, words: str
) -> None:
    (finding,) = judge_benchmark(outcome(failed=failure, lost=lost, mean=None), image=IMAGE, pods=pods)
    assert seen([finding]) == [("benchmark", "Unhealthy", category)]
    assert finding.summary == words


def test_workers_that_the_computation_killed_are_told_once() -> None:
    killed = outcome(failed=failed("compute", "KilledWorker"), lost=("dask-worker-a-x",), mean=None)
    assert judge_dask_cluster(killed, image=IMAGE) == []
