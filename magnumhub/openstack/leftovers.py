"""What the cloud has of a site, as far as something may be left behind there. Reads only."""

from __future__ import annotations

from magnumclient.v1.client import Client as MagnumClient
from openstack.connection import Connection

from magnumhub.domain.checks.leftovers import Balancer, CloudLeftovers
from magnumhub.domain.facts import AddressFacts
from magnumhub.domain.holdings import is_address_of, is_balancer_of
from magnumhub.openstack.cloud import looked_at
from magnumhub.openstack.survey import addresses_of, clusters_named


def observe_cloud_leftovers(conn: Connection, magnum: MagnumClient, *, site: str, cluster_uuid: str) -> CloudLeftovers:
    """Look at the site's addresses, load balancers and Magnum clusters.

    Safe to repeat: reads only.

    Args:
        cluster_uuid: of the Magnum cluster in use.

    Raises:
        TransientError: Neutron or Magnum does not answer.
    """
    unseen: dict[str, str] = {}
    return CloudLeftovers(
        cluster_uuid=cluster_uuid,
        addresses=looked_at("floating IPs", lambda: _addresses(conn, site, cluster_uuid), unseen),
        magnum_clusters=looked_at("Magnum clusters", lambda: clusters_named(magnum, site), unseen),
        balancers=looked_at("load balancers", lambda: _balancers(conn, cluster_uuid), unseen)
        if conn.has_service("load-balancer")
        else None,
        unseen=unseen,
    )


def _addresses(conn: Connection, site: str, cluster_uuid: str) -> tuple[AddressFacts, ...]:
    return tuple(
        address
        for address in addresses_of(conn)
        if address.site == site or is_address_of(address.description, [cluster_uuid])
    )


def _balancers(conn: Connection, cluster_uuid: str) -> tuple[Balancer, ...]:
    found = conn.load_balancer.load_balancers(project_id=conn.current_project_id)
    return tuple(
        Balancer(id=balancer.id, name=balancer.name, status=balancer.provisioning_status or "")
        for balancer in found
        if is_balancer_of(balancer.name or "", [cluster_uuid])
    )
