from __future__ import annotations

from typing import Any

import pytest

from magnumhub.kube.pods import PodProblem, pod_problem, rollout_gap


def pod(phase: str = "Running", ready: str = "False", **status: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}, *status.pop("conditions", [])]
    return {"metadata": {"name": "hub-1"}, "status": {"phase": phase, "conditions": conditions, **status}}


def container(**state: Any) -> dict[str, Any]:
    return {"name": "hub", "ready": False, "restartCount": 3, **state}


@pytest.mark.parametrize(
    "fine",
    [
        pod(ready="True"),
        pod(phase="Succeeded"),
        {"metadata": {"name": "hub-1", "deletionTimestamp": "2026-11-25T15:00:00Z"}, "status": {"phase": "Running"}},
    ],
)
def test_nothing_is_wrong(fine: dict[str, Any]) -> None:
    assert pod_problem(fine) is None


def test_no_node_has_room() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available: 2 Insufficient cpu."}
    problem = pod_problem(pod("Pending", conditions=[unscheduled]))
    assert problem == PodProblem("hub-1", "no node for it: 0/2 nodes are available: 2 Insufficient cpu.")


def test_the_image_is_not_there() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
    problem = pod_problem(pod("Pending", containerStatuses=[container(state=waiting)]))
    assert problem == PodProblem("hub-1", "hub: ImagePullBackOff: not found")


def test_it_crashes_again_and_again() -> None:
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    last = {"terminated": {"exitCode": 1, "reason": "Error"}}
    problem = pod_problem(pod(containerStatuses=[container(state=state, lastState=last)]))
    assert problem == PodProblem("hub-1", "hub ended 3 times (Error, exit code 1)", crashed="hub")


def test_the_kubelet_is_silent() -> None:
    assigned = {**pod("Pending"), "spec": {"nodeName": "node-0"}}
    problem = pod_problem(assigned)
    assert problem == PodProblem("hub-1", "Pending: the kubelet of node-0 has not said that it starts it")


def test_its_last_warning_says_why_it_is_not_ready() -> None:
    def event(name: str, time: str, message: str) -> dict[str, Any]:
        about = {"kind": "Pod", "name": name}
        return {
            "type": "Warning",
            "reason": "Unhealthy",
            "lastTimestamp": time,
            "involvedObject": about,
            "message": message,
        }

    events = [
        event("hub-1", "2026-11-25T15:00:02Z", "Readiness probe failed: 503"),
        event("hub-1", "2026-11-25T15:00:01Z", "Readiness probe failed: refused"),
        event("hub-2", "2026-11-25T15:00:03Z", "not this one"),
    ]
    running = pod(containerStatuses=[container(state={"running": {}})])
    assert pod_problem(running, events) == PodProblem(
        "hub-1", "Running, not ready: Unhealthy: Readiness probe failed: 503"
    )


@pytest.mark.parametrize(
    ("status", "gap"),
    [
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, ""),
        (
            {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
            "hub: not looked at yet",
        ),
        ({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 2}, "hub: rolling out"),
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 2}, "hub: rolling out"),
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2}, "hub: 0 of 2 available"),
    ],
)
def test_what_a_deployment_lacks(status: dict[str, int], gap: str) -> None:
    assert rollout_gap({"metadata": {"name": "hub", "generation": 2}, "spec": {"replicas": 2}, "status": status}) == gap
