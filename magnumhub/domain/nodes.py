"""How many nodes the site has and wants, which of them go where there are too many, and what users notice (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from magnumhub.domain.checks.capacity import is_autoscaling
from magnumhub.domain.plan import UNSETTLED, Change
from magnumhub.domain.results import MagnumCluster
from magnumhub.domain.spec import Site

RESOURCE = "nodes"


@dataclass(frozen=True)
class NodeLoad:
    """A node that is no master, and what would go with it.

    leaving: closed to new pods by an earlier run of ours, because it was to go.
    notebooks: users' running notebook servers, by their pods' names. dask_pods: number of schedulers and workers.
    services: pods of hub and gateway, which start again on another node.
    """

    name: str
    ready: bool = True
    leaving: bool = False
    notebooks: tuple[str, ...] = ()
    dask_pods: int = 0
    services: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodesSeen:
    """The nodes as Magnum counts them, and as Kubernetes has them; None where nobody could look into the cluster."""

    magnum_cluster: MagnumCluster
    loads: tuple[NodeLoad, ...] | None = None


def nodes_to_go(loads: Sequence[NodeLoad], node_count: int) -> list[NodeLoad]:
    """Which nodes go so that `node_count` are left: those whose end is noticed least.

    First what does not work anyway, then what an earlier run chose already, so that a run that was interrupted goes on
    with the same nodes.
    """
    by_loss = sorted(
        loads,
        key=lambda node: (
            node.ready,
            not node.leaving,
            len(node.notebooks),
            node.dask_pods,
            len(node.services),
            node.name,
        ),
    )
    return by_loss[: max(0, len(loads) - node_count)]


def nodes_needed(magnum_cluster: MagnumCluster) -> int:
    """How many nodes have to be Ready before the site's number is seen to.

    A new cluster has all of them. Of one that was there, some may be on their way in or out, or were not made by an
    update that failed: one is enough to go on, and the rest is waited for where the number is ensured.
    """
    return magnum_cluster.node_count if magnum_cluster.action == "created" else 1


def keeps_its_number(site: Site, magnum_cluster: MagnumCluster) -> str:
    """Why the number of nodes stays whatever the site asks for; empty: it follows the site."""
    if is_autoscaling(magnum_cluster.labels):
        return f"the cluster makes and removes nodes itself; it has {magnum_cluster.node_count} now"
    return ""


def needs_resize(site: Site, magnum_cluster: MagnumCluster, loads: Sequence[NodeLoad]) -> bool:
    """Whether Magnum has to be asked: it counts another number, or an update failed before all nodes were there."""
    wanted, working = site.cluster.node_count, sum(node.ready for node in loads)
    return magnum_cluster.node_count != wanted or (magnum_cluster.status == "UPDATE_FAILED" and working < wanted)


def is_settled(loads: Sequence[NodeLoad], node_count: int) -> bool:
    """Whether all nodes are there and work, and none is left of those that were to go; others are nobody's concern."""
    return len(loads) >= node_count and all(node.ready and not node.leaving for node in loads)


def losses(going: Sequence[NodeLoad]) -> str:
    """What users notice when these nodes go; empty: nothing."""
    told = []
    for node in going:
        lost = list(filter(None, [_count(len(node.notebooks), "running notebook"), _count(node.dask_pods, "Dask pod")]))
        if lost:
            is_one = len(node.notebooks) + node.dask_pods == 1
            told.append(f"{' and '.join(lost)} on {node.name} {'is' if is_one else 'are'} lost")
        if node.services:
            starts = "starts" if len(node.services) == 1 else "start"
            told.append(f"{', '.join(node.services)} {starts} again on another node")
    return "; ".join(told)


def nodes_row(site: Site, seen: NodesSeen | None) -> Change:
    """The plan's row about the number of nodes.

    Args:
        seen: None: there is no cluster yet.
    """
    wanted = site.cluster.node_count
    if seen is None:
        return Change(resource=RESOURCE, action="create", reason=f"{_count(wanted, 'node')}, made with the cluster")
    has, basis = seen.magnum_cluster.node_count, nodes_basis(seen.magnum_cluster)
    if why := keeps_its_number(site, seen.magnum_cluster):
        return Change(resource=RESOURCE, action="keep", reason=why, basis=basis)
    if seen.magnum_cluster.status.endswith("_IN_PROGRESS"):
        reason = f"Magnum is changing the cluster ({seen.magnum_cluster.status}), which is waited for first"
        return Change(resource=RESOURCE, action="change", reason=reason, basis=UNSETTLED)
    if seen.loads is not None and has == wanted and needs_resize(site, seen.magnum_cluster, seen.loads):
        reason = f"an update failed before all {_count(wanted, 'node')} were there"
        return Change(resource=RESOURCE, action="change", reason=reason, basis=basis)
    if has == wanted:
        return Change(resource=RESOURCE, action="keep", reason=_count(wanted, "node"), basis=basis)
    reason, notice = f"{_count(has, 'node')}, the site asks for {wanted}", ""
    if has > wanted:
        going = nodes_to_go(seen.loads or (), wanted)
        reason += f": {', '.join(node.name for node in going)} will go" if going else ""
        notice = _notice(seen, going)
    return Change(resource=RESOURCE, action="change", reason=reason, users_notice=notice, basis=basis)


def _notice(seen: NodesSeen, going: Sequence[NodeLoad]) -> str:
    if seen.loads is None:
        return "what runs on the nodes that go is lost"
    if seen.magnum_cluster.driver == "capi":  # one of its drivers ignores which nodes it is told to take
        names = ", ".join(node.name for node in going)
        return f"the cloud may take other nodes than {names}, and what runs on those is lost"
    return losses(going)


def nodes_basis(magnum_cluster: MagnumCluster) -> str:
    """What a decision about the number of nodes is made on."""
    return f"{magnum_cluster.uuid}: {magnum_cluster.node_count}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""
