"""Things of ours that serve nothing: what they are, what they cost, and the command that takes them away.

Nothing is touched here. Degraded is what costs money and serves nobody: addresses, load balancers, clusters and volumes
that nothing uses, and more of the check's own than one killed check can leave. A remark is what somebody may keep on
purpose (a spare address, a volume whose class says Retain), what the check takes away by itself, and a user with so
many Dask clusters at once that most are likely forgotten: whether one is idle only the gateway knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from pydantic import Field

from magnumhub.domain.facts import AddressFacts, ClusterFacts
from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.needs import our_clusters
from magnumhub.domain.results import Result
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import public_services

CHECK = "leftovers"

ONE_CHECK_LEAVES = 3
"""What one killed check can leave: a notebook server, a Dask cluster from it and one from the runner. The next check
takes that away, so that only more than that is worth an alarm."""

MANY = 10
"""Dask clusters of one user at once."""

_DELETING = timedelta(hours=1)
"""A released volume whose class says Delete is gone within seconds; after this its deletion fails."""

_NAMED = 5


class Balancer(Result):
    """An Octavia load balancer that the cluster's controller made for a Service of this cluster."""

    id: str
    name: str
    status: str = ""


class CloudLeftovers(Result):
    """What the cloud has of the site.

    cluster_uuid: the Magnum cluster in use. addresses: with the site's mark, or made by the cluster's own controller.
    balancers: made for Services of the cluster; None: the cloud has no Octavia, or does not show them.
    unseen: what could not be looked at, and why.
    """

    cluster_uuid: str
    addresses: tuple[AddressFacts, ...] | None = None
    magnum_clusters: tuple[ClusterFacts, ...] | None = None
    balancers: tuple[Balancer, ...] | None = None
    unseen: dict[str, str] = Field(default_factory=dict)


class Started(Result):
    """A Dask cluster or notebook server as Kubernetes has it."""

    namespace: str
    name: str
    user: str
    created_at: datetime


class Volume(Result):
    """A PersistentVolume of Cinder that no claim uses any more.

    phase: Released or Failed. retained: its class says that it stays. since: when it came into this phase, if known.
    """

    name: str
    claim: str
    size: str
    volume_id: str
    phase: str
    retained: bool
    since: datetime | None = None
    message: str = ""


class KubeLeftovers(Result):
    """What the cluster has of the site; dask_clusters and servers of all users. services: NAMESPACE_NAME."""

    dask_clusters: tuple[Started, ...]
    servers: tuple[Started, ...]
    volumes: tuple[Volume, ...]
    services: tuple[str, ...]


def judge_leftovers(
    site: Site, cloud: CloudLeftovers | None, kube: KubeLeftovers | None, *, user: str, before: datetime
) -> list[Finding]:
    """What is left behind; None where one side could not be asked.

    Args:
        user: the check's.
        before: when this check began: what is of its user and older was left by another.
    """
    findings: list[Finding] = []
    if cloud is not None:
        findings += _addresses(site, cloud)
        findings += _clusters(cloud)
        findings += _balancers(cloud, kube)
    if kube is not None:
        findings += _of_checks(kube, user, before)
        findings += _of_users(kube, user)
        findings += _volumes(kube, before)
    return findings


def told_leftovers(cloud: CloudLeftovers | None, kube: KubeLeftovers | None) -> str:
    """In one line how much was looked at, and what could not be."""
    parts = []
    if cloud is not None:
        parts += [_counted(cloud.addresses, "floating IP")] if cloud.addresses is not None else []
        parts += [_counted(cloud.balancers, "load balancer")] if cloud.balancers is not None else []
    if kube is not None:
        parts += [_counted(kube.dask_clusters, "Dask cluster"), _counted(kube.servers, "notebook server")]
    unseen = dict(cloud.unseen) if cloud is not None else {"the cloud": "it could not be asked"}
    unseen |= {} if kube is not None else {"Kubernetes": "it could not be asked"}
    told = [f"{', '.join(parts)} were looked at"] if parts else []
    return "; ".join([*told, *(f"unknown yet: {what}: {why}" for what, why in sorted(unseen.items()))])


def _addresses(site: Site, cloud: CloudLeftovers) -> Iterator[Finding]:
    """Those that serve nothing; that users do not get through to the one they have is for the check of addresses."""
    addresses = cloud.addresses or ()
    serving = {address.role: address.address for address in addresses if address.site and address.port_id}
    for address in addresses:
        if address.port_id is not None:
            continue
        release = f"`openstack floating ip delete {address.address}`"
        marked = f"{address.address} is marked as the {address.role} address of {site.name} and serves nothing"
        if address.role == "spare":
            summary = f"{address.address} is kept as a spare address of {site.name} and serves nothing"
            yield _finding("Healthy", summary, f"When nobody needs it any more: {release}.")
        elif address.site is None:
            summary = f"{address.address} was made for a Service that is gone: {address.description}"
            yield _finding("Degraded", summary, f"Give it back: {release}.")
        elif address.role in serving:
            yield _finding("Degraded", f"{marked}: {serving[address.role]} does", f"Give it back: {release}.")
        elif address.role not in public_services(site):
            remedy = f"`magnumhub provision {site.name}` puts it where it belongs; if nobody needs it: {release}."
            yield _finding("Degraded", marked, remedy)


def _clusters(cloud: CloudLeftovers) -> Iterator[Finding]:
    for cluster in our_clusters(cloud.magnum_clusters):
        if cluster.uuid == cloud.cluster_uuid or cluster.status == "DELETE_IN_PROGRESS":
            continue
        summary = f"a second Magnum cluster {cluster.name} ({cluster.uuid}) is {cluster.status} beside the one in use"
        yield _finding("Degraded", summary, f"Delete it: `openstack coe cluster delete {cluster.uuid}`.")


def _balancers(cloud: CloudLeftovers, kube: KubeLeftovers | None) -> Iterator[Finding]:
    """The cluster's controller names them after the Service, so that one without is told by its name."""
    if kube is None:
        return
    prefix = balancer_prefix(cloud.cluster_uuid)
    for balancer in cloud.balancers or ():
        if balancer.status == "PENDING_DELETE" or balancer.name.removeprefix(prefix) in kube.services:
            continue
        summary = f"load balancer {balancer.name} has no Service any more and goes on costing"
        yield _finding("Degraded", summary, f"Delete it: `openstack loadbalancer delete --cascade {balancer.id}`.")


def balancer_prefix(cluster_uuid: str) -> str:
    """How the names of a Magnum cluster's load balancers begin; the Service's namespace and name follow.

    Source: cloud-provider-openstack names them kube_service_CLUSTER_NAMESPACE_NAME, and Magnum gives it the uuid.
    """
    return f"kube_service_{cluster_uuid}_"


def _of_checks(kube: KubeLeftovers, user: str, before: datetime) -> Iterator[Finding]:
    dask_clusters = [one for one in kube.dask_clusters if one.user == user and one.created_at < before]
    servers = [one for one in kube.servers if one.user == user and one.created_at < before]
    if not dask_clusters and not servers:
        return
    left = [_counted(dask_clusters, "Dask cluster")] if dask_clusters else []
    left += [_counted(servers, "notebook server")] if servers else []
    many = len(dask_clusters) + len(servers) > ONE_CHECK_LEAVES
    summary = f"earlier checks left {' and '.join(left)} of {user}: {_names([*dask_clusters, *servers])}"
    remedy = "Each check stops what an earlier one left; to do so now: " + _stopping(dask_clusters, servers)
    if many:
        remedy += " Checks are killed again and again, or cannot stop what they start: look at their runs."
    yield _finding("Degraded" if many else "Healthy", summary, remedy)


def _stopping(dask_clusters: Sequence[Started], servers: Sequence[Started]) -> str:
    commands = [
        f"`kubectl delete daskcluster -n {namespace} {' '.join(one.name for one in dask_clusters)}`"
        for namespace in sorted({one.namespace for one in dask_clusters})
    ]
    commands += ["stop the server on the hub's admin page"] if servers else []
    return f"{' and '.join(commands)}."


def _of_users(kube: KubeLeftovers, user: str) -> Iterator[Finding]:
    by_user: dict[str, list[Started]] = {}
    for one in kube.dask_clusters:
        by_user.setdefault(one.user, []).append(one)
    for owner, theirs in sorted(by_user.items()):
        if owner != user and len(theirs) >= MANY:
            summary = f"{owner} has {len(theirs)} Dask clusters at once, the oldest since {_oldest(theirs)}"
            remedy = (
                f"Ask {owner} which are needed; the gateway stops idle ones after dask_gateway.idle_timeout_s, and"
                f" `kubectl delete daskcluster -n {theirs[0].namespace} NAME` at once."
            )
            yield _finding("Healthy", summary, remedy)


def _volumes(kube: KubeLeftovers, before: datetime) -> Iterator[Finding]:
    retained = [volume for volume in kube.volumes if volume.retained]
    if retained:
        named = _few([f"{volume.name} ({volume.size}, of {volume.claim})" for volume in retained])
        summary = f"no claim uses {_counted(retained, 'volume')} any more, kept as the class says: {named}"
        # Cinder's volume has the name of Kubernetes' one: its CSI driver gives it.
        remedy = "For each that nobody needs: `kubectl delete pv NAME`, then `openstack volume delete NAME`."
        yield _finding("Healthy", summary, remedy)
    for volume in kube.volumes:
        if volume.retained or not _stuck(volume, before):
            continue
        why = f": {volume.message}" if volume.message else ""
        summary = f"volume {volume.name} ({volume.size}, of {volume.claim}) is {volume.phase} and is not deleted{why}"
        remedy = (
            f"See why with `openstack volume show {volume.volume_id}`; then `openstack volume delete"
            f" {volume.volume_id}` and `kubectl delete pv {volume.name}`."
        )
        yield _finding("Degraded", summary, remedy)


def _stuck(volume: Volume, now: datetime) -> bool:
    """A cluster that tells no time (before Kubernetes 1.28) leaves it open: its Failed ones are told all the same."""
    return volume.phase == "Failed" or (volume.since is not None and now - volume.since > _DELETING)


def _oldest(started: Sequence[Started]) -> str:
    return min(one.created_at for one in started).strftime("%Y-%m-%d %H:%M")


def _names(started: Sequence[Started]) -> str:
    return _few([one.name for one in started])


def _counted(things: Sequence[object], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def _few(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _finding(level: Level, summary: str, remedy: str) -> Finding:
    return Finding(check=CHECK, level=level, category=Category.LEFTOVER, summary=summary, remedy=remedy)
