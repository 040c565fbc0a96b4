"""Floating IPs: allocated, pointed at ports, re-pointed without a word, released."""

from __future__ import annotations

import ipaddress
from typing import Any

from sandbox.cloud import Cloud
from sandbox.openstack.neutron import resources
from sandbox.openstack.neutron.ports import free_address
from sandbox.openstack.neutron.quotas import require_one_more
from sandbox.openstack.neutron.resources import bad_request
from sandbox.openstack.service import Answer, ApiError, Call
from sandbox.store import Resource, public

_NETWORK_S = 1  # from a change of where an address leads to the status that says so
_CHANGEABLE = frozenset({"port_id", "fixed_ip_address", "description"})
_GIVEN = _CHANGEABLE | {"floating_network_id", "floating_ip_address"}
_SHOWN = resources.READ_ONLY | _GIVEN | {"project_id", "tenant_id", "router_id", "port_details"}
_NO_PORT = {"port_id": None, "fixed_ip_address": None, "router_id": None, "port_details": None}
_IN_PORT_DETAILS = ("name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner")


def create_floating_ip(cloud: Cloud, network: Resource, project_id: str, **fields: Any) -> Resource:
    """A floating IP, counted against the project's quota; DOWN until it has a port."""
    require_one_more(cloud, "floatingip", project_id)
    floating_ip = {
        "floating_network_id": network["id"],
        "floating_ip_address": free_address(cloud, cloud.store.get("subnet", network["subnets"][0])),
        "status": "DOWN",
        "_last_router_id": None,
    }
    return resources.create(cloud, "floatingip", project_id, **floating_ip | _NO_PORT | fields)


def associate(cloud: Cloud, floating_ip: Resource, port: Resource | None) -> None:
    """Point a floating IP at a port (an associated one moves without a word, as in Neutron) or at none."""
    if leads := _leads(cloud, floating_ip, port):
        resources.change(cloud, "floatingip", floating_ip, leads)
        cloud.in_background(_settle(cloud, floating_ip))


def delete_port(cloud: Cloud, port_id: str) -> None:
    """A port's end leaves its floating IP: DOWN, without port, still counted."""
    for floating_ip in cloud.store.list("floatingip", port_id=port_id):
        resources.change(cloud, "floatingip", floating_ip, _NO_PORT | {"status": "DOWN"})
    cloud.store.delete("port", port_id)


def _leads(cloud: Cloud, floating_ip: Resource, port: Resource | None) -> dict[str, Any]:
    """What changes in a floating IP when it is pointed at a port or at none; nothing if it was pointed there twice.

    That the second request still counts is Neutron's doing: it keeps the router that an address had before.
    """
    leads: dict[str, Any] = _NO_PORT
    if port is not None:
        _refuse_second_address(cloud, floating_ip, port)
        router = cloud.store.list("router", project_id=floating_ip["project_id"])[0]
        leads = {
            "port_id": port["id"],
            "fixed_ip_address": port["fixed_ips"][0]["ip_address"],
            "router_id": router["id"],
            "port_details": {key: port[key] for key in _IN_PORT_DETAILS},
        }
    leads = leads | {"_last_router_id": floating_ip["router_id"]}
    return {} if all(floating_ip[key] == value for key, value in leads.items()) else leads


def _refuse_second_address(cloud: Cloud, floating_ip: Resource, port: Resource) -> None:
    others = cloud.store.list("floatingip", lambda other: other["id"] != floating_ip["id"], port_id=port["id"])
    if others:
        raise ApiError(
            409,
            f"Cannot associate floating IP {floating_ip['floating_ip_address']} ({floating_ip['id']}) with port "
            f"{port['id']} using fixed IP {port['fixed_ips'][0]['ip_address']}, as that fixed IP already has a "
            f"floating IP on external network {floating_ip['floating_network_id']}.",
            "FloatingIPPortAlreadyAssociated",
        )


async def _settle(cloud: Cloud, floating_ip: Resource) -> None:
    """The network has done as it was told, and says so."""
    await cloud.clock.sleep(_NETWORK_S)
    for found in cloud.store.list("floatingip", id=floating_ip["id"]):
        status = "ACTIVE" if found["port_id"] else "DOWN"
        if found["status"] != status:
            resources.change(cloud, "floatingip", found, {"status": status})


def post_floating_ip(call: Call) -> Answer:
    """POST /v2.0/floatingips."""
    wanted = resources.body_of(call, "floatingip", "Resource body required")
    resources.check(wanted, allowed=_GIVEN, shown=_SHOWN, refusal="Attribute '{}' not allowed in POST")
    network_id = resources.required(wanted, "floating_network_id")
    _refuse_own_choice(wanted.get("floating_ip_address"))
    network = call.cloud.store.get("network", network_id, project_id=call.project_id)
    if not network["router:external"]:
        words = f"Bad floatingip request: Network {network_id} is not a valid external network."
        raise bad_request(words, "BadRequest")
    port = _wanted_port(call, wanted) if wanted.get("port_id") else None
    description = wanted.get("description", "")
    floating_ip = create_floating_ip(call.cloud, network, call.project_id, description=description)
    try:
        if port is not None:
            floating_ip.update(_leads(call.cloud, floating_ip, port))
            call.cloud.in_background(_settle(call.cloud, floating_ip))
    except ApiError:
        call.cloud.store.delete("floatingip", floating_ip["id"])
        raise
    return 201, {"floatingip": public(floating_ip)}


def _refuse_own_choice(address: str | None) -> None:
    """Which address it is, only administrators may say."""
    if address is None:
        return
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        reason = f"Invalid input for floating_ip_address. Reason: '{address}' is not a valid IP address."
        raise bad_request(reason) from error
    rules = "(rule:create_floatingip and rule:create_floatingip:floating_ip_address)"
    raise ApiError(403, f"{rules} is disallowed by policy", "PolicyNotAuthorized")


def put_floating_ip(call: Call) -> Answer:
    """PUT /v2.0/floatingips/{id}."""
    floating_ip = call.cloud.store.get("floatingip", call.path["id"], project_id=call.project_id)
    wanted = resources.body_of(call, "floatingip", "Resource body required")
    resources.check(wanted, allowed=_CHANGEABLE, shown=_SHOWN, refusal="Cannot update read-only attribute {}")
    changes = {"description": wanted["description"]} if "description" in wanted else {}
    if "port_id" in wanted or "fixed_ip_address" in wanted:
        changes |= _leads(call.cloud, floating_ip, _wanted_port(call, wanted))
    if changes:
        resources.change(call.cloud, "floatingip", floating_ip, changes)
        call.cloud.in_background(_settle(call.cloud, floating_ip))
    return {"floatingip": public(floating_ip)}


def _wanted_port(call: Call, wanted: dict[str, Any]) -> Resource | None:
    """The port asked for, which has to have the fixed address asked for."""
    fixed_address = wanted.get("fixed_ip_address")
    if wanted.get("port_id") is None:
        if fixed_address is not None:
            words = "Bad floatingip request: fixed_ip_address cannot be specified without a port_id."
            raise bad_request(words, "BadRequest")
        return None
    port = call.cloud.store.get("port", wanted["port_id"], project_id=call.project_id)
    if fixed_address not in (None, *(fixed["ip_address"] for fixed in port["fixed_ips"])):
        words = f"Bad floatingip request: Port {port['id']} does not have fixed ip {fixed_address}."
        raise bad_request(words, "BadRequest")
    return port


def delete_floating_ip(call: Call) -> Answer:
    """DELETE /v2.0/floatingips/{id}."""
    floating_ip = call.cloud.store.get("floatingip", call.path["id"], project_id=call.project_id)
    call.cloud.store.delete("floatingip", floating_ip["id"])
    return 204, None


def delete_one_port(call: Call) -> Answer:
    """DELETE /v2.0/ports/{id}."""
    port = call.cloud.store.get("port", call.path["id"], project_id=call.project_id)
    if port["device_owner"].startswith("network:"):
        words = "cannot be deleted directly via the port API: has device owner"
        raise ApiError(409, f"Port {port['id']} {words} {port['device_owner']}.", "ServicePortInUse")
    delete_port(call.cloud, port["id"])
    return 204, None
