"""How many nodes, which of them go and what users notice, with literal values."""

from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.nodes import (
    NodeLoad,
    NodesSeen,
    is_settled,
    losses,
    needs_resize,
    nodes_basis,
    nodes_needed,
    nodes_row,
    nodes_to_go,
)
from magnumhub.domain.plan import UNSETTLED
from magnumhub.domain.results import MagnumCluster
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import load_site
from magnumhub.kube.nodes import LEAVING, load_of

EXAMPLE = load_site("deployments/example-site.yaml")
EMPTY = NodeLoad("node-0")
BUSY = NodeLoad("node-1", notebooks=("jupyter-ada", "jupyter-bob"), dask_pods=3)
DASK = NodeLoad("node-2", dask_pods=1)
HUB = NodeLoad("node-3", services=("hub-1", "proxy-1"))
BROKEN = NodeLoad("node-4", ready=False, notebooks=("jupyter-cyd",))


def site(node_count: int) -> Site:
    cluster = EXAMPLE.cluster.model_copy(update={"node_count": node_count})
    return EXAMPLE.model_copy(update={"cluster": cluster})


def cluster(node_count: int, **fields: Any) -> MagnumCluster:
    usual = {"uuid": "u", "name": "example", "template": "t", "driver": "heat", "status": "UPDATE_COMPLETE"}
    return MagnumCluster.model_validate(usual | {"node_count": node_count} | fields)


@pytest.mark.parametrize(
    ("loads", "node_count", "names"),
    [
        ([BUSY, EMPTY], 1, ["node-0"]),
        ([BUSY, DASK, HUB], 1, ["node-3", "node-2"]),
        ([EMPTY, BROKEN], 1, ["node-4"]),
        ([EMPTY, NodeLoad("node-9", leaving=True, dask_pods=9)], 1, ["node-9"]),
        ([NodeLoad("b"), NodeLoad("a"), NodeLoad("c")], 2, ["a"]),
        ([EMPTY, BUSY], 2, []),
        ([EMPTY], 5, []),
    ],
)
def test_those_go_whose_end_is_noticed_least(loads: list[NodeLoad], node_count: int, names: list[str]) -> None:
    assert [node.name for node in nodes_to_go(loads, node_count)] == names


@pytest.mark.parametrize(
    ("going", "told"),
    [
        ([EMPTY], ""),
        ([BUSY], "2 running notebooks and 3 Dask pods on node-1 are lost"),
        ([DASK], "1 Dask pod on node-2 is lost"),
        ([NodeLoad("node-5", services=("hub-1",))], "hub-1 starts again on another node"),
        ([HUB], "hub-1, proxy-1 start again on another node"),
        (
            [BUSY, HUB],
            "2 running notebooks and 3 Dask pods on node-1 are lost; hub-1, proxy-1 start again on another node",
        ),
    ],
)
def test_what_users_notice(going: list[NodeLoad], told: str) -> None:
    assert losses(going) == told


@pytest.mark.parametrize(
    ("wanted", "seen", "action", "reason", "notice"),
    [
        (3, None, "create", "3 nodes, made with the cluster", ""),
        (2, NodesSeen(cluster(2)), "keep", "2 nodes", ""),
        (2, NodesSeen(cluster(2, status="UPDATE_FAILED"), (EMPTY, BUSY)), "keep", "2 nodes", ""),
        (
            2,
            NodesSeen(cluster(2, status="UPDATE_FAILED"), (EMPTY,)),
            "change",
            "an update failed before all 2 nodes were there",
            "",
        ),
        (3, NodesSeen(cluster(2), (EMPTY, BUSY)), "change", "2 nodes, the site asks for 3", ""),
        (1, NodesSeen(cluster(2), (EMPTY, BUSY)), "change", "2 nodes, the site asks for 1: node-0 will go", ""),
        (
            1,
            NodesSeen(cluster(2), (BROKEN, BUSY)),
            "change",
            "2 nodes, the site asks for 1: node-4 will go",
            "1 running notebook on node-4 is lost",
        ),
        (1, NodesSeen(cluster(2)), "change", "2 nodes, the site asks for 1", "what runs on the nodes that go is lost"),
        (
            1,
            NodesSeen(cluster(4, labels={"auto_scaling_enabled": "true"})),
            "keep",
            "the cluster makes and removes nodes itself; it has 4 now",
            "",
        ),
    ],
)
def test_the_row(wanted: int, seen: NodesSeen | None, action: str, reason: str, notice: str) -> None:
    row = nodes_row(site(wanted), seen)
    assert (row.resource, row.action, row.reason, row.users_notice) == ("nodes", action, reason, notice)
    assert seen is None or row.basis == nodes_basis(seen.magnum_cluster)


def test_a_change_that_is_under_way_is_not_settled() -> None:
    row = nodes_row(site(3), NodesSeen(cluster(2, status="UPDATE_IN_PROGRESS")))
    assert (row.action, row.basis) == ("change", UNSETTLED)


def test_cluster_api_may_take_others() -> None:
    row = nodes_row(site(1), NodesSeen(cluster(2, driver="capi"), (EMPTY, BUSY)))
    assert row.users_notice == "the cloud may take other nodes than node-0, and what runs on those is lost"


@pytest.mark.parametrize(
    ("wanted", "has", "status", "loads", "needed"),
    [
        (2, 2, "CREATE_COMPLETE", (EMPTY, BUSY), False),
        (3, 2, "CREATE_COMPLETE", (EMPTY, BUSY), True),
        (2, 2, "CREATE_COMPLETE", (EMPTY, BROKEN), False),
        (2, 2, "UPDATE_FAILED", (EMPTY, BUSY), False),
        (2, 2, "UPDATE_FAILED", (EMPTY,), True),
        (2, 2, "UPDATE_FAILED", (EMPTY, BROKEN), True),
    ],
)
def test_when_magnum_is_asked(wanted: int, has: int, status: str, loads: tuple[NodeLoad, ...], needed: bool) -> None:
    assert needs_resize(site(wanted), cluster(has, status=status), loads) is needed


def test_settled_is_all_there_and_none_on_its_way_out() -> None:
    assert is_settled([EMPTY, BUSY], 2)
    assert is_settled([EMPTY, BUSY], 1)
    assert not is_settled([EMPTY], 2)
    assert not is_settled([EMPTY, BROKEN], 2)
    assert not is_settled([EMPTY, NodeLoad("node-9", leaving=True)], 2)


def test_only_a_new_cluster_is_waited_for_whole() -> None:
    assert nodes_needed(cluster(3, action="created")) == 3
    assert nodes_needed(cluster(3)) == 1


def pod(name: str, node: str = "node-0", phase: str = "Running", **labels: str) -> dict[str, Any]:
    labels = {key.replace("__", "."): value for key, value in labels.items()}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"nodeName": node}, "status": {"phase": phase}}


def test_what_is_on_a_node() -> None:
    worker = pod("dask-worker-1")
    worker["metadata"]["labels"] = {"app.kubernetes.io/component": "dask-worker"}
    pods = [
        pod("jupyter-ada", component="singleuser-server"),
        pod("jupyter-bob", component="singleuser-server", phase="Succeeded"),
        pod("jupyter-cyd", component="singleuser-server", node="node-1"),
        pod("hub-1", component="hub"),
        pod("coredns-1"),
        worker,
    ]
    node = {
        "metadata": {"name": "node-0", "annotations": {LEAVING: "true"}},
        "spec": {"unschedulable": True},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    assert load_of(node, pods) == NodeLoad("node-0", True, True, ("jupyter-ada",), 1, ("hub-1",))
    assert load_of({"metadata": {"name": "node-9"}, "status": {}}, pods) == NodeLoad("node-9", ready=False)
