"""Servers: made and deleted by Magnum, looked at by clients."""

from __future__ import annotations

import hashlib
import re
import time
from collections import defaultdict
from typing import Any

from sandbox.cloud import Cloud
from sandbox.openstack import neutron
from sandbox.openstack.nova.pages import bookmark, invalid, links, page
from sandbox.openstack.nova.quotas import require_room
from sandbox.openstack.nova.versions import minor_of, shown_at
from sandbox.openstack.service import Answer, ApiError, Call
from sandbox.store import Resource, now

FLOATING_IP_LAG_S = 3  # Nova shows a floating IP this long after Neutron has it

_FLAVOR_INSIDE, _IMAGE_PROPERTIES = 47, 98
_SINCE = {
    "locked": 9,
    "description": 19,
    "tags": 26,
    "trusted_image_certificates": 63,
    "server_groups": 71,
    "locked_reason": 73,
    "OS-EXT-SRV-ATTR:hostname": 90,
    "pinned_availability_zone": 96,
    "scheduler_hints": 100,
}


def create_server(
    cloud: Cloud,
    *,
    name: str,
    flavor: Resource,
    network: Resource,
    keypair: Resource,
    project_id: str,
    security_group: Resource,
    **fields: Any,
) -> Resource:
    """A server with one port; ACTIVE at once (its building is part of what the caller waits for)."""
    require_room(cloud, project_id, flavor)
    server = cloud.store.create(
        "server",
        name=name,
        project_id=project_id,
        user_id=keypair["user_id"],
        flavor=flavor,
        key_name=keypair["name"],
        public_key=keypair["public_key"],
        security_groups=[security_group["name"]],
        status="ACTIVE",
        metadata={},
        launched_at=now(),
        **fields,
    )
    port = neutron.create_port(
        cloud,
        network,
        project_id,
        device_id=server["id"],
        device_owner="compute:nova",
        name=f"{name}-port",
        security_groups=[security_group["id"]],
        revision_number=4,  # made, given to the server, bound, up
    )
    cloud.store.update("server", server["id"], {"port_id": port["id"], "address": port["fixed_ips"][0]["ip_address"]})
    return server


def delete_server(cloud: Cloud, server: Resource) -> None:
    """A server and its port."""
    neutron.delete_port(cloud, server["port_id"])
    cloud.store.delete("server", server["id"])


def _whole(call: Call, server: Resource) -> dict[str, Any]:
    minor = minor_of(call.request)
    fields = {
        "id": server["id"],
        "name": server["name"],
        "status": server["status"],
        "tenant_id": server["project_id"],
        "user_id": server["user_id"],
        "created": server["created_at"],
        "updated": server["updated_at"],
        "key_name": server["key_name"],
        "metadata": server["metadata"],
        "addresses": _addresses(call.cloud, server),
        "flavor": _flavor(call, server["flavor"], minor),
        "image": _image(call, minor),
        "accessIPv4": "",
        "accessIPv6": "",
        "hostId": hashlib.sha224(server["project_id"].encode()).hexdigest(),
        "progress": 0,
        "config_drive": "",
        "security_groups": [{"name": name} for name in server["security_groups"]],
        "links": links(call, "servers", server["id"]),
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": "nova",
        "OS-EXT-STS:vm_state": "active",
        "OS-EXT-STS:power_state": 1,
        "OS-EXT-STS:task_state": None,
        "OS-SRV-USG:launched_at": server["launched_at"].replace("Z", ".000000"),
        "OS-SRV-USG:terminated_at": None,
        "os-extended-volumes:volumes_attached": [],
        "locked": False,
        "locked_reason": None,
        "description": None,
        "tags": [],
        "trusted_image_certificates": None,
        "OS-EXT-SRV-ATTR:hostname": server["name"],
        "pinned_availability_zone": None,
        "scheduler_hints": {},
    }
    return shown_at(minor, fields, since=_SINCE)


def _addresses(cloud: Cloud, server: Resource) -> dict[str, list[dict[str, Any]]]:
    port = cloud.store.get("port", server["port_id"])
    network = cloud.store.get("network", port["network_id"])
    addresses: dict[str, list[dict[str, Any]]] = defaultdict(list)
    floating = [(address, "floating") for address in _floating_addresses(cloud, port)]
    for address, kind in [(server["address"], "fixed"), *floating]:
        entry = {"version": 4, "addr": address, "OS-EXT-IPS:type": kind, "OS-EXT-IPS-MAC:mac_addr": port["mac_address"]}
        addresses[network["name"]].append(entry)
    return addresses


def _floating_addresses(cloud: Cloud, port: Resource) -> list[str]:
    """The floating IPs that Nova has heard of by now; the first sight of each starts its lag."""
    now_s = time.monotonic()
    seen = port.setdefault("_nova_seen", {})
    current = [ip["floating_ip_address"] for ip in cloud.store.list("floatingip", port_id=port["id"])]
    lag_s = FLOATING_IP_LAG_S * cloud.clock.scale
    return [address for address in current if now_s - seen.setdefault(address, now_s) >= lag_s]


def _flavor(call: Call, flavor: Resource, minor: int) -> dict[str, Any]:
    if minor < _FLAVOR_INSIDE:
        return {"id": flavor["id"], "links": [bookmark(call, "flavors", flavor["id"])]}
    size = {key: flavor[key] for key in ("vcpus", "ram", "disk")}
    return size | {"ephemeral": 0, "swap": 0, "original_name": flavor["name"], "extra_specs": {}}


def _image(call: Call, minor: int) -> dict[str, Any]:
    image = call.cloud.store.list("image")[0]
    shown = {"id": image["id"], "links": [bookmark(call, "images", image["id"])]}
    return shown | {"properties": {"os_distro": image["os_distro"]}} if minor >= _IMAGE_PROPERTIES else shown


def _found(call: Call, action: str) -> tuple[list[Resource], dict[str, Any]]:
    """The servers asked for, newest first."""
    options = dict(call.query)
    if "all_tenants" in options:
        raise ApiError(403, f"Policy doesn't allow os_compute_api:servers:{action}:get_all_tenants to be performed.")
    name = options.get("name", "")
    try:
        pattern = re.compile(name)
    except re.error as error:
        raise invalid("query parameters name", name, "is not a 'regex'") from error
    found = call.cloud.store.list(
        "server", lambda server: pattern.search(server["name"]) is not None, project_id=call.project_id
    )
    if wanted := options.get("status"):
        found = [server for server in found if server["status"] == wanted]
    return page(call, "servers", found[::-1])


def list_servers(call: Call) -> Answer:
    """GET /v2.1/servers."""
    found, next_page = _found(call, "index")
    shown = [{"id": s["id"], "name": s["name"], "links": links(call, "servers", s["id"])} for s in found]
    return {"servers": shown} | next_page


def list_whole_servers(call: Call) -> Answer:
    """GET /v2.1/servers/detail."""
    found, next_page = _found(call, "detail")
    return {"servers": [_whole(call, server) for server in found]} | next_page


def get_server(call: Call) -> Answer:
    """GET /v2.1/servers/{id}."""
    server = call.cloud.store.get("server", call.path["id"], project_id=call.project_id)
    return {"server": _whole(call, server) | shown_at(minor_of(call.request), {"server_groups": []}, since=_SINCE)}
