from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.checks.kubernetes import NodeSeen, nodes_line
from magnumhub.kube.readiness import is_master, node_seen

MASTER = "node-role.kubernetes.io/control-plane"


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
    taint = {"key": MASTER, "effect": "NoSchedule"}
    assert node_seen(node("True", taints=[taint])) == NodeSeen("n", True, "", schedulable=False)
    assert is_master(node("True", taints=[taint]))


def test_a_master_that_takes_work_is_one_all_the_same() -> None:
    assert is_master({"metadata": {"name": "n", "labels": {MASTER: "", "zone": "a"}}})
    assert is_master({"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/master": ""}}})
    assert not is_master({"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/worker": ""}}})


def test_a_node_that_is_kept_for_users_takes_their_work() -> None:
    taints = [
        {"key": "hub.jupyter.org/dedicated", "value": "user", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/busy", "effect": "PreferNoSchedule"},
    ]
    assert node_seen(node("True", taints=taints)) == NodeSeen("n", True)
    assert not is_master(node("True", taints=taints))


@pytest.mark.parametrize(
    "key",
    [
        "node.kubernetes.io/disk-pressure",
        "node.cloudprovider.kubernetes.io/uninitialized",
        "node.cluster.x-k8s.io/uninitialized",
    ],
)
def test_a_node_that_kubernetes_keeps_free_says_why(key: str) -> None:
    seen = node_seen(node("True", taints=[{"key": key, "effect": "NoSchedule"}]))
    assert seen == NodeSeen("n", True, f"tainted {key}", schedulable=False)


def test_a_cordoned_node_is_named() -> None:
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    seen = node_seen(node("True", unschedulable=True, taints=[taint]))
    assert seen == NodeSeen("n", True, "cordoned", schedulable=False)
    assert nodes_line([NodeSeen("a", True), seen], 2) == "1 of 2 nodes ready; n: cordoned"


def test_the_line_counts_nodes_that_take_work() -> None:
    seen = [NodeSeen("m", True, schedulable=False), NodeSeen("a", True), NodeSeen("b", False, "no network")]
    assert nodes_line(seen, 2) == "1 of 2 nodes ready; b: no network"
