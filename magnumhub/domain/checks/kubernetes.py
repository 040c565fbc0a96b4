"""Whether the cluster has the nodes that it should have, and they take work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.results import MagnumCluster

_NODE_HINT = "`kubectl describe node NAME` says more; a server that is down is started again in OpenStack."


@dataclass(frozen=True)
class NodeSeen:
    """A node as Kubernetes sees it. reason: why it is not ready; empty when it is."""

    name: str
    ready: bool
    reason: str = ""
    schedulable: bool = True


def nodes_line(seen: list[NodeSeen], node_count: int) -> str:
    """One line: how many are ready, and why the others are not."""
    ready = sum(node.ready and node.schedulable for node in seen)
    others = "; ".join(f"{node.name}: {node.reason}" for node in seen if not node.ready)
    return f"{ready} of {node_count} nodes ready{'; ' + others if others else ''}"


def judge_nodes(seen: Sequence[NodeSeen], node_count: int) -> list[Finding]:
    """Degraded when some of the nodes that Magnum has do not take work, Unhealthy when none does.

    Args:
        node_count: nodes asked for, without masters.
    """
    ready = sum(node.ready and node.schedulable for node in seen)
    if ready >= node_count:
        return []
    return [
        Finding(
            check="kubernetes",
            level="Degraded" if ready else "Unhealthy",
            category=Category.CAPACITY,
            summary=nodes_line(list(seen), node_count),
            remedy=_NODE_HINT,
        )
    ]


def judge_cluster(magnum_cluster: MagnumCluster) -> list[Finding]:
    """Degraded where Magnum says that it could not finish a change: users may not notice, the next change fails."""
    if magnum_cluster.status.endswith("_COMPLETE"):
        return []
    return [
        Finding(
            check="kubernetes",
            level="Degraded",
            category=Category.SERVICE,
            summary=f"Magnum says {magnum_cluster.status} of cluster {magnum_cluster.name}",
            remedy=f"`openstack coe cluster show {magnum_cluster.name}` has its reason.",
        )
    ]
