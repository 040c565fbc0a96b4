"""Whether the cluster has the nodes that it should have, and they take work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.results import MagnumCluster

_NODE_HINT = (
    "`kubectl describe node NAME` says more; a server that is down is started again in OpenStack, a node that was"
    " cordoned takes pods again after `kubectl uncordon NAME`."
)


@dataclass(frozen=True)
class NodeSeen:
    """A node as Kubernetes sees it.

    reason: why it is not ready, or takes no pods though it should. schedulable: whether it takes pods of users.
    """

    name: str
    ready: bool
    reason: str = ""
    schedulable: bool = True


def nodes_line(seen: list[NodeSeen], node_count: int) -> str:
    """One line: how many are ready, and what is wrong with the others."""
    others = "; ".join(f"{node.name}: {node.reason}" for node in seen if node.reason)
    return f"{_working(seen)} of {node_count} nodes ready{'; ' + others if others else ''}"


def judge_nodes(seen: Sequence[NodeSeen], node_count: int, *, is_autoscaling: bool = False) -> list[Finding]:
    """Degraded when some of the nodes that Magnum has do not take work, Unhealthy when none does.

    Args:
        seen: without masters.
        node_count: nodes asked for, without masters.
        is_autoscaling: how many there should be is not known then: none may be broken.
    """
    working = _working(seen)
    if (working and not any(node.reason for node in seen)) if is_autoscaling else working >= node_count:
        return []
    return [
        Finding(
            check="kubernetes",
            level="Degraded" if working else "Unhealthy",
            category=Category.CAPACITY,
            summary=nodes_line(list(seen), node_count),
            remedy=_NODE_HINT,
        )
    ]


def _working(seen: Sequence[NodeSeen]) -> int:
    return sum(node.ready and node.schedulable for node in seen)


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
