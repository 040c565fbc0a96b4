"""What is on each node, and closing a node before it goes, so that nobody starts anything there meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from magnumhub.domain.errors import DeadlineError
from magnumhub.domain.nodes import NodeLoad
from magnumhub.domain.results import Report
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import NotFoundError, translated
from magnumhub.kube.readiness import is_master, node_seen
from magnumhub.kube.watching import changes

LEAVING = "magnumhub.io/leaving"
"""Annotation of a node that we closed because it is to go: only such a one is opened again by us."""

_TELL_EVERY_S = 10.0
_SINGLEUSER = "singleuser-server"
_DASK = frozenset({"dask-scheduler", "dask-worker"})
_SERVICES = frozenset({"hub", "proxy", "gateway", "traefik"})
"""Components of both charts that users speak to."""


def node_loads(kube: Kube) -> tuple[NodeLoad, ...]:
    """Every node that is no master, with what users and the two releases have on it, by name.

    Safe to repeat: two lists, nothing else.
    """
    with translated("listing nodes and pods"):
        nodes = kube.plain(kube.core.list_node())["items"]
        pods = kube.plain(kube.core.list_pod_for_all_namespaces())["items"]
    loads = (load_of(node, pods) for node in nodes if not is_master(node))
    return tuple(sorted(loads, key=lambda load: load.name))


def load_of(node: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> NodeLoad:
    """What one node (as JSON) has on it; pods that have ended are nobody's loss."""
    meta = node["metadata"]
    here = [pod for pod in pods if pod["spec"].get("nodeName") == meta["name"] and _lives(pod)]
    return NodeLoad(
        name=meta["name"],
        ready=node_seen(node).ready,
        leaving=LEAVING in meta.get("annotations", {}),
        notebooks=tuple(sorted(pod["metadata"]["name"] for pod in here if _component(pod) == _SINGLEUSER)),
        dask_pods=sum(_component(pod) in _DASK for pod in here),
        services=tuple(sorted(pod["metadata"]["name"] for pod in here if _component(pod) in _SERVICES)),
    )


def close(kube: Kube, names: Iterable[str]) -> None:
    """Let no new pod start on these nodes, and note that it is because they are to go.

    Safe to repeat: says the same again.
    """
    for name in names:
        _patch(kube, name, {"metadata": {"annotations": {LEAVING: "true"}}, "spec": {"unschedulable": True}})


def reopen(kube: Kube, loads: Iterable[NodeLoad]) -> None:
    """Let pods start again on nodes that we closed and that stay; what a person cordoned stays so.

    Safe to repeat: does nothing to other nodes.
    """
    for load in loads:
        if load.leaving:
            _patch(kube, load.name, {"metadata": {"annotations": {LEAVING: None}}, "spec": {"unschedulable": None}})


def wait_until_gone(kube: Kube, names: Iterable[str], *, deadline_s: float, report: Report) -> None:
    """Wait until Kubernetes has none of these nodes any more: then their pods start elsewhere.

    Safe to repeat: reads only.

    Raises:
        DeadlineError: the servers are gone, and the nodes are still listed; the hint says how to take them out.
    """
    going, left, told = set(names), set(names), time.monotonic()
    for listed in changes("waiting for nodes to go", kube.core.list_node, deadline_s=deadline_s):
        left = going & {node.metadata.name for node in listed}
        if not left:
            return
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            report(f"waiting for {', '.join(sorted(left))} to leave Kubernetes")
    raise DeadlineError(
        f"Magnum has taken away the servers, and Kubernetes still lists {', '.join(sorted(left))}"
        f" after {deadline_s:.0f} s",
        "the cloud controller manager usually removes them; `kubectl delete node NAME` does it by hand, then run again",
    )


def _patch(kube: Kube, name: str, body: Mapping[str, Any]) -> None:
    try:
        with translated(f"changing node {name}"):
            kube.core.patch_node(name, body)
    except NotFoundError:  # gone meanwhile, which is what is wanted of it
        return


def _component(pod: Mapping[str, Any]) -> str:
    labels = pod["metadata"].get("labels", {})
    return str(labels.get("component") or labels.get("app.kubernetes.io/component") or "")


def _lives(pod: Mapping[str, Any]) -> bool:
    return pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
