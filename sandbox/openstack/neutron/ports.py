"""Ports: of servers, of load balancers, and those that clients make."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterator
from typing import Any

from sandbox.cloud import Cloud
from sandbox.openstack.neutron import resources
from sandbox.openstack.neutron.resources import bad_request
from sandbox.openstack.neutron.security_groups import default_group
from sandbox.openstack.service import Answer, ApiError, Call
from sandbox.store import Resource, public

_ALLOWED = frozenset({"name", "description", "network_id", "fixed_ips", "device_id", "device_owner"})
_SHOWN = resources.READ_ONLY | {"project_id", "tenant_id"}


def create_port(cloud: Cloud, network: Resource, project_id: str, **fields: Any) -> Resource:
    """A port with the next free address of the network's subnet, in the project's default security group."""
    # What belongs to Neutron itself has no security.
    secured = not str(fields.get("device_owner", "")).startswith("network:")
    port = {
        "name": "",
        "network_id": network["id"],
        "mac_address": "fa:16:3e:" + ":".join(f"{octet:02x}" for octet in uuid.uuid4().bytes[:3]),
        "admin_state_up": True,
        "status": "ACTIVE",
        "device_id": "",
        "device_owner": "",
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "binding:vnic_type": "normal",
        "port_security_enabled": secured,
        "revision_number": 1,
    }
    if "security_groups" not in fields:
        port["security_groups"] = [default_group(cloud, project_id)["id"]] if secured else []
    if "fixed_ips" not in fields:
        subnet = cloud.store.get("subnet", network["subnets"][0])
        port["fixed_ips"] = [{"subnet_id": subnet["id"], "ip_address": free_address(cloud, subnet)}]
    return resources.create(cloud, "port", project_id, **port | fields)


def post_port(call: Call) -> Answer:
    """POST /v2.0/ports."""
    wanted = resources.body_of(call, "port", "Unable to find 'port' in request body")
    resources.check(wanted, allowed=_ALLOWED, shown=_SHOWN, refusal="Attribute '{}' not allowed in POST")
    network_id = resources.required(wanted, "network_id")
    network = call.cloud.store.get("network", network_id, project_id=call.project_id)
    if network["router:external"]:
        raise ApiError(403, "rule:create_port is disallowed by policy", "PolicyNotAuthorized")
    wanted["fixed_ips"] = [_address(call, network, asked) for asked in wanted.get("fixed_ips") or [{}]]
    # Nothing is bound to it: it stays DOWN.
    return 201, {"port": public(create_port(call.cloud, network, call.project_id, **wanted | {"status": "DOWN"}))}


def _address(call: Call, network: Resource, asked: dict[str, str]) -> dict[str, str]:
    subnet = call.cloud.store.get("subnet", asked.get("subnet_id", network["subnets"][0]), project_id=call.project_id)
    address = asked.get("ip_address") or free_address(call.cloud, subnet)
    if ipaddress.ip_address(address) not in ipaddress.ip_network(subnet["cidr"]):
        raise bad_request(f"IP address {address} is not a valid IP for the specified subnet.", "InvalidIpForSubnet")
    if address in _used_addresses(call.cloud):
        words = f"IP address {address} already allocated in subnet {subnet['id']}"
        raise ApiError(409, words, "IpAddressAlreadyAllocated")
    return {"subnet_id": subnet["id"], "ip_address": address}


def free_address(cloud: Cloud, subnet: Resource) -> str:
    """The next address of a subnet's pool that nothing has."""
    used = set(_used_addresses(cloud))
    pool = subnet["allocation_pools"][0]
    first, last = (int(ipaddress.ip_address(pool[end])) for end in ("start", "end"))
    for number in range(first, last + 1):
        address = str(ipaddress.ip_address(number))
        if address not in used:
            return address
    raise ApiError(409, f"No more IP addresses available for subnet {subnet['id']}.", "IpAddressGenerationFailure")


def _used_addresses(cloud: Cloud) -> Iterator[str]:
    """Addresses are real ones of this machine: two networks never share one, even where their ranges are equal."""
    for port in cloud.store.list("port"):
        yield from (fixed["ip_address"] for fixed in port["fixed_ips"])
    yield from (floating_ip["floating_ip_address"] for floating_ip in cloud.store.list("floatingip"))
    for router in cloud.store.list("router"):
        yield from (fixed["ip_address"] for fixed in router["external_gateway_info"]["external_fixed_ips"])
