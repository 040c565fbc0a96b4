"""Networks with a subnet each, and routers: there before anybody works in the cloud, and only read."""

from __future__ import annotations

import ipaddress
from typing import Any

from sandbox.cloud import Cloud
from sandbox.openstack.neutron import resources
from sandbox.store import Resource

_FIRST, _LAST = 10, 250  # addresses of a subnet that are given out


def create_network(
    cloud: Cloud, name: str, cidr: str, project_id: str, *, external: bool = False, shared: bool = False
) -> Resource:
    """A network and its subnet; an external one is seen by every project."""
    # Who else sees it (`_shared`) is not the same as what Neutron calls shared: all see an external network.
    network = {
        "name": name,
        "shared": shared,
        "_shared": shared or external,
        "router:external": external,
        "admin_state_up": True,
        "status": "ACTIVE",
        "mtu": 1500,
        "subnets": [],
        "availability_zone_hints": [],
        "availability_zones": [],
        "ipv4_address_scope": None,
        "ipv6_address_scope": None,
        "qinq": False,
        "vlan_transparent": False,
        "port_security_enabled": True,
        "revision_number": 2,
    }
    only_external: dict[str, Any] = {"is_default": False} if external else {}
    made = resources.create(cloud, "network", project_id, **network, **only_external)
    made["subnets"] = [_create_subnet(cloud, made, cidr)["id"]]
    return made


def _create_subnet(cloud: Cloud, network: Resource, cidr: str) -> Resource:
    hosts = ipaddress.ip_network(cidr)
    fields = {
        "name": f"{network['name']}-subnet",
        "_shared": network["_shared"],
        "router:external": network["router:external"],
        "network_id": network["id"],
        "ip_version": 4,
        "cidr": cidr,
        "gateway_ip": str(hosts[1]),
        "enable_dhcp": not network["router:external"],
        "allocation_pools": [{"start": str(hosts[_FIRST]), "end": str(hosts[_LAST])}],
        "dns_nameservers": [],
        "host_routes": [],
        "service_types": [],
        "subnetpool_id": None,
        "ipv6_ra_mode": None,
        "ipv6_address_mode": None,
    }
    return resources.create(cloud, "subnet", network["project_id"], **fields)


def create_router(cloud: Cloud, name: str, project_id: str, *, external: Resource, gateway_address: str) -> Resource:
    """A project's way to an external network."""
    fixed = {"subnet_id": external["subnets"][0], "ip_address": gateway_address}
    gateway = {"network_id": external["id"], "external_fixed_ips": [fixed], "enable_snat": True}
    router = {
        "name": name,
        "status": "ACTIVE",
        "admin_state_up": True,
        "external_gateway_info": gateway,
        "availability_zones": [],
        "availability_zone_hints": [],
        "routes": [],
        "flavor_id": None,
        "revision_number": 3,
    }
    return resources.create(cloud, "router", project_id, **router)
