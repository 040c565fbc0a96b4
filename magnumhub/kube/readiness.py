"""Whether a cluster is usable, asked of the cluster itself: Magnum's word and its monitor's are only hints.

Source: measured on Magnum 23: health_status stays UNKNOWN for private masters with a reachable API, and lags a minute.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from magnumhub.domain.checks.kubernetes import NodeSeen, nodes_line
from magnumhub.domain.errors import DeadlineError
from magnumhub.domain.results import Report
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import translated
from magnumhub.kube.watching import changes

_TELL_EVERY_S = 10.0

_MASTER = {"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}

_OF_KUBERNETES = ("kubernetes.io", "k8s.io")
"""Domains of the taints that Kubernetes and Cluster API give a node. Other taints keep it for some pods, which tolerate
them: users' pods hub.jupyter.org/dedicated=user.
Source: https://z2jh.jupyter.org/en/stable/administrator/optimization.html"""


def kubernetes_version(kube: Kube) -> str:
    """The API server's version, such as v1.31.1."""
    with translated("asking Kubernetes for its version"):
        return str(kube.version.get_code().git_version)


def nodes(kube: Kube) -> list[NodeSeen]:
    """All nodes but masters, by name: a master that takes pods does not stand for a node that is lost."""
    with translated("listing the nodes"):
        listed = kube.plain(kube.core.list_node())["items"]
    return sorted((node_seen(node) for node in listed if not is_master(node)), key=lambda node: node.name)


def wait_for_nodes(kube: Kube, node_count: int, *, deadline_s: float, report: Report) -> str:
    """Wait until the API answers and at least `node_count` nodes that take work are ready.

    Safe to repeat: reads only.

    Args:
        node_count: nodes asked for, without masters.
        deadline_s: in seconds.

    Returns:
        The version of Kubernetes, such as v1.31.1.

    Raises:
        DeadlineError: says what was last seen: no API, or which nodes are not ready and why.
    """
    seen: list[NodeSeen] = []
    told = time.monotonic()
    for listed in changes("waiting for the Kubernetes API and its nodes", kube.core.list_node, deadline_s=deadline_s):
        seen = [node_seen(node) for node in map(kube.plain, listed)]
        if sum(node.ready and node.schedulable for node in seen) >= node_count:
            return kubernetes_version(kube)
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            report(nodes_line(seen, node_count))
    raise DeadlineError(
        f"{nodes_line(seen, node_count)} after {deadline_s:.0f} s",
        "`kubectl describe node NAME` tells more; a node that never came is a server that did not boot or cannot reach "
        "the master",
    )


def node_seen(node: Mapping[str, Any]) -> NodeSeen:
    """A node (as JSON) as we judge it; a master that takes no work is not schedulable, and nothing is wrong with it."""
    conditions = node.get("status", {}).get("conditions", [])
    ready: Mapping[str, Any] = next((item for item in conditions if item["type"] == "Ready"), {})
    is_ready, is_cordoned = ready.get("status") == "True", bool(node.get("spec", {}).get("unschedulable"))
    taints = [key for key in taints_of(node) if key.partition("/")[0].endswith(_OF_KUBERNETES)]
    reason = ""
    if not is_ready:
        reason = ready.get("message") or ready.get("reason") or "has not reported yet"
    elif is_cordoned:
        reason = "cordoned"
    elif kept_free := [key for key in taints if key not in _MASTER]:
        reason = f"tainted {', '.join(kept_free)}"
    return NodeSeen(node["metadata"]["name"], is_ready, reason, not (is_cordoned or taints))


def is_master(node: Mapping[str, Any]) -> bool:
    """Whether a node (as JSON) is a master, one that takes work or not."""
    return not _MASTER.isdisjoint([*node["metadata"].get("labels", {}), *taints_of(node)])


def taints_of(node: Mapping[str, Any]) -> list[str]:
    """Keys of the taints of a node (as JSON) that keep new pods away, unless they tolerate them."""
    return [taint["key"] for taint in node.get("spec", {}).get("taints", []) if taint.get("effect") == "NoSchedule"]
