"""The servers behind a Magnum cluster of the Heat kind: where its master is, and what Nova says of each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from openstack.connection import Connection

from magnumhub.domain.errors import ServiceError
from magnumhub.domain.results import MagnumCluster, Master
from magnumhub.openstack.cloud import translated
from magnumhub.openstack.cluster_rules import server_pattern


def masters(conn: Connection, magnum_cluster: MagnumCluster) -> list[Master]:
    """Find the cluster's master servers, *-master-0 first; none where Cluster API runs the cluster.

    Safe to repeat: reads only.

    Raises:
        ServiceError: Magnum calls the cluster complete, and Nova has no such server.
    """
    if magnum_cluster.driver == "capi":
        return []
    pattern = server_pattern(magnum_cluster.name, "master")
    with translated(f"looking for the master of {magnum_cluster.name}"):
        named = [server for server in conn.compute.servers() if pattern.match(server.name)]
        found = [_master(conn, server) for server in sorted(named, key=lambda server: server.name)]
    # Another cluster may have had the same name: Magnum knows the addresses of this one.
    known = set(magnum_cluster.master_addresses)
    ours = [master for master in found if not known or known & {master.fixed_address, master.floating_address}]
    if not ours:
        names = ", ".join(server.name for server in named) or "none of that name"
        raise ServiceError(
            f"cluster {magnum_cluster.name} is complete, and its master {' '.join(known)} is no server of this project",
            f"servers that were looked at: {names}; ask the cloud's support",
        )
    return ours


def states(conn: Connection, cluster_name: str) -> dict[str, str]:
    """What Nova says of each server of a cluster that is being made: its state, and its fault where it has one.

    Safe to repeat: reads only.
    """
    pattern = server_pattern(cluster_name, "master|node")
    with translated(f"looking at the servers of {cluster_name}"):
        return {
            server.name: f"ERROR: {fault}" if (fault := (server.fault or {}).get("message")) else server.status
            for server in conn.compute.servers()
            if pattern.match(server.name)
        }


def named(conn: Connection, names: Collection[str]) -> dict[str, str]:
    """Those servers that are called so, with their ids: a node of Kubernetes is called as its server is.

    Safe to repeat: reads only.
    """
    with translated("looking for the servers of nodes"):
        return {server.name: server.id for server in conn.compute.servers() if server.name in names}


def _master(conn: Connection, server: Any) -> Master:
    port = next(iter(conn.network.ports(device_id=server.id)))
    # Nova shows a floating IP some seconds after Neutron has it.
    floating = next((ip.floating_ip_address for ip in conn.network.ips(port_id=port.id)), None)
    return Master(
        server_id=server.id,
        name=server.name,
        fixed_address=port.fixed_ips[0]["ip_address"],
        floating_address=floating,
        port_id=port.id,
    )
