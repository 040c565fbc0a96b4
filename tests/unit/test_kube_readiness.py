from __future__ import annotations

from typing import Any

from magnumhub.domain.checks.kubernetes import NodeSeen, nodes_line
from magnumhub.kube.readiness import node_seen


def node(ready: str, message: str = "", **spec: Any) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "message": message}
    return {"metadata": {"name": "n"}, "spec": spec, "status": {"conditions": [condition]}}


def test_a_ready_node() -> None:
    assert node_seen(node("True", "kubelet is posting ready status")) == NodeSeen("n", True)


def test_a_node_that_is_not_ready_says_why() -> None:
    assert node_seen(node("False", "container runtime is down")) == NodeSeen("n", False, "container runtime is down")


def test_a_new_node_has_said_nothing() -> None:
    assert node_seen({"metadata": {"name": "n"}}) == NodeSeen("n", False, "has not reported yet")


def test_a_master_takes_no_work() -> None:
    taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    assert not node_seen(node("True", taints=[taint])).schedulable
    assert not node_seen(node("True", unschedulable=True)).schedulable


def test_the_line_counts_nodes_that_take_work() -> None:
    seen = [NodeSeen("m", True, schedulable=False), NodeSeen("a", True), NodeSeen("b", False, "no network")]
    assert nodes_line(seen, 2) == "1 of 2 nodes ready; b: no network"
