"""Everything in the cloud that is the site's: by its mark, or made by a Magnum cluster of the site. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

from magnumclient.v1.client import Client as MagnumClient
from openstack.connection import Connection

from magnumhub.domain.checks.leftovers import Balancer
from magnumhub.domain.facts import ClusterFacts, Named
from magnumhub.domain.holdings import Holdings, OwnAddress, OwnVolume, is_address_of, is_balancer_of
from magnumhub.domain.needs import our_clusters
from magnumhub.openstack import floating_ips
from magnumhub.openstack.addresses import Seen
from magnumhub.openstack.cloud import looked_at, translated
from magnumhub.openstack.cluster_rules import server_pattern
from magnumhub.openstack.marks import clusters_of
from magnumhub.openstack.survey import clusters_named

SITE, CLUSTER, OF = (f"magnumhub_{key}" for key in ("site", "cluster", "of"))
"""The keys of our mark in a volume's metadata: whose it is, where it was made, and for which claim of whom."""

_MADE_IN, _CLAIM = "cinder.csi.openstack.org/cluster", "csi.storage.k8s.io/pvc/name"
"""What the CSI driver writes into the metadata of each volume: its cluster and its claim. The cluster's uuid is there
only where whoever set the driver up said so; Magnum's Heat driver has every cluster say "kubernetes".

Source: cloud-provider-openstack, pkg/csi/cinder; magnum, enable-cinder-csi.sh.
"""

T = TypeVar("T")


def observe_holdings(conn: Connection, magnum: MagnumClient, site: str, *, known: Holdings | None = None) -> Holdings:
    """Look at all that is the site's: clusters, addresses, load balancers, volumes, servers.

    Safe to repeat: reads only.

    Args:
        known: what the site had earlier; what of that is still there is found again, also where its mark or its
            cluster is gone by now.

    Raises:
        TransientError: a service does not answer.
    """
    known = known or Holdings()
    unseen: dict[str, str] = {}
    with translated(f"looking for the clusters of {site}"):
        named = clusters_named(magnum, site)
    ours = tuple(_in_full(magnum, cluster) for cluster in our_clusters(named))
    seen = floating_ips.observe(conn)
    volumes = _seen("volumes", lambda: _all_volumes(conn), unseen)
    uuids = {cluster.uuid for cluster in ours} | set(known.uuids)
    uuids |= {uuid for ip in seen if ip.mark and ip.mark.site == site for uuid in clusters_of(ip.tags)}
    uuids |= {volume.metadata[CLUSTER] for volume in volumes if _is_marked(volume, site)}
    servers = _seen("servers", lambda: _servers(conn, named, ours, known), unseen)
    octavia = conn.has_service("load-balancer")
    return Holdings(
        magnum_clusters=ours,
        uuids=tuple(sorted(uuids)),
        addresses=_addresses(seen, site, uuids, known),
        balancers=_seen("load balancers", lambda: _balancers(conn, uuids), unseen) if octavia else (),
        ports=() if octavia else _seen("ports", lambda: _ports(conn, uuids), unseen),
        volumes=_volumes(volumes, site, uuids, servers, known),
        has_cinder=_has_cinder(conn),
        servers=servers,
        unseen=unseen,
    )


def _seen(what: str, look: Callable[[], tuple[T, ...]], unseen: dict[str, str]) -> tuple[T, ...]:
    """What the cloud may refuse to show is remembered with the reason: the rest is taken down all the same."""
    return looked_at(what, look, unseen) or ()


def _in_full(magnum: MagnumClient, cluster: ClusterFacts) -> ClusterFacts:
    """With its faults, which a list of clusters does not tell."""
    if not cluster.status.endswith("_FAILED"):
        return cluster
    with translated(f"looking at cluster {cluster.uuid}"):
        shown = magnum.clusters.get(cluster.uuid).to_dict()
    faults = {name: fault for name, fault in (shown.get("faults") or {}).items() if fault}
    return cluster.model_copy(update={"faults": faults, "status_reason": shown.get("status_reason")})


def _addresses(seen: Sequence[Seen], site: str, uuids: Iterable[str], known: Holdings) -> tuple[OwnAddress, ...]:
    before = {address.id: address for address in known.addresses}
    found = []
    for ip in seen:
        serves = ip.serves or ""
        if ip.mark is not None and ip.mark.site == site:
            mark = ip.mark
            found.append(OwnAddress(id=ip.id, address=ip.address, role=mark.role, origin=mark.origin, serves=serves))
        elif ip.mark is None and is_address_of(ip.description, uuids):
            found.append(OwnAddress(id=ip.id, address=ip.address, role="service", origin="controller", serves=serves))
        elif ip.mark is None and ip.id in before:
            found.append(before[ip.id].model_copy(update={"marked": False, "serves": serves}))
    return tuple(found)


def _balancers(conn: Connection, uuids: Iterable[str]) -> tuple[Balancer, ...]:
    found = conn.load_balancer.load_balancers(project_id=conn.current_project_id)
    return tuple(
        Balancer(id=balancer.id, name=balancer.name, status=balancer.provisioning_status or "")
        for balancer in found
        if is_balancer_of(balancer.name or "", uuids)
    )


def _ports(conn: Connection, uuids: Iterable[str]) -> tuple[Named, ...]:
    found = conn.network.ports(project_id=conn.current_project_id)
    return tuple(Named(id=port.id, name=port.name) for port in found if is_balancer_of(port.name or "", uuids))


def _has_cinder(conn: Connection) -> bool:
    return bool(conn.has_service("block-storage"))


def _all_volumes(conn: Connection) -> tuple[Any, ...]:
    return tuple(conn.block_storage.volumes()) if _has_cinder(conn) else ()


def _is_marked(volume: Any, site: str) -> bool:
    return volume.metadata.get(SITE) == site and CLUSTER in volume.metadata


def _volumes(
    volumes: Iterable[Any], site: str, uuids: Collection[str], servers: Iterable[Named], known: Holdings
) -> tuple[OwnVolume, ...]:
    """Those with our mark, those that the storage driver made for one of its clusters or has on one of its servers, and
    those that were known before."""
    ours, before = {server.id for server in servers}, {volume.id: volume for volume in known.volumes}
    found = []
    for volume in volumes:
        told, earlier = volume.metadata, before.get(volume.id)
        on_ours = _MADE_IN in told and any(at["server_id"] in ours for at in volume.attachments or ())
        if not (_is_marked(volume, site) or told.get(_MADE_IN) in uuids or on_ours or earlier):
            continue
        claim = f"volume of {told[_CLAIM]}" if _CLAIM in told else "whose, nothing says"
        found.append(
            OwnVolume(
                id=volume.id,
                name=volume.name or "",
                of=told.get(OF) or (earlier.of if earlier else claim),
                size_gib=volume.size,
                status=volume.status or "",
                cluster_uuid=told.get(CLUSTER) or (earlier.cluster_uuid if earlier else next(iter(uuids), "")),
            )
        )
    return tuple(found)


def _servers(
    conn: Connection, named: Sequence[ClusterFacts], ours: Sequence[ClusterFacts], known: Holdings
) -> tuple[Named, ...]:
    """Those of its clusters, by the names that Magnum's Heat driver gives them.

    Nothing else ties a server to its cluster; so they are not looked for where somebody else has a cluster of the same
    name, nor when the cluster is gone: then those that were seen before are.
    """
    before = {server.id for server in known.servers}
    pattern = server_pattern(ours[0].name, "master|node") if ours and len(named) == len(ours) else None
    return tuple(
        Named(id=server.id, name=server.name)
        for server in conn.compute.servers()
        if server.id in before or (pattern and pattern.match(server.name))
    )
