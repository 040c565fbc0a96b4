"""What a node has left beside its pods, counted as Kubernetes' scheduler counts it."""

from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.checks.capacity import NodeRoom
from magnumhub.kube.room import free_room, requests_of

NODE = {
    "metadata": {"name": "node-0"},
    "status": {"allocatable": {"cpu": "3920m", "memory": "4Gi", "pods": "10"}},
}
MIB = 1024**2


def container(cpu: str, memory: str = "0", **more: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}


def pod(
    *containers: dict[str, Any], node: str = "node-0", phase: str = "Running", deleted: bool = False, **spec: Any
) -> dict[str, Any]:
    metadata = {"name": "pod"} | ({"deletionTimestamp": "2026-11-25T22:00:00Z"} if deleted else {})
    return {
        "metadata": metadata,
        "spec": {"nodeName": node, "containers": list(containers), **spec},
        "status": {"phase": phase},
    }


def test_what_pods_request_is_taken_off() -> None:
    pods = [pod(container("100m", "256Mi"), container("1", "1Gi")), pod({"name": "asks for nothing"})]
    assert free_room(NODE, pods) == NodeRoom("node-0", 2820, 2816 * MIB, 8)


@pytest.mark.parametrize(
    "other",
    [
        pod(container("1"), node="node-1"),
        pod(container("1"), phase="Succeeded"),
        pod(container("1"), phase="Failed"),
        pod(container("1"), deleted=True),
        pod(container("1"), priority=-10),
    ],
)
def test_pods_that_do_not_stay_take_nothing(other: dict[str, Any]) -> None:
    assert free_room(NODE, [other]) == NodeRoom("node-0", 3920, 4096 * MIB, 10)


def test_a_pod_that_waits_for_a_node_takes_nothing() -> None:
    waiting = pod(container("1"))
    del waiting["spec"]["nodeName"]
    assert free_room(NODE, [waiting]).millicores == 3920


@pytest.mark.parametrize(
    ("spec", "cores"),
    [
        ({"containers": [container("1"), container("500m")]}, "1.5"),
        ({"containers": [container("1")], "initContainers": [container("3"), container("2")]}, "3"),
        ({"containers": [container("1")], "initContainers": [container("500m")]}, "1"),
        ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, "1.25"),
        # A sidecar starts as an init container and stays beside the others.
        (
            {
                "containers": [container("1")],
                "initContainers": [container("500m", restartPolicy="Always"), container("2")],
            },
            "2.5",
        ),
        ({"containers": [container("1")], "initContainers": [container("500m", restartPolicy="Always")]}, "1.5"),
    ],
)
def test_requests_of_a_pod(spec: dict[str, Any], cores: str) -> None:
    assert str(requests_of(spec)["cpu"].normalize()) == cores
