"""Neutron: networks and ports as they are, floating IPs with everything that clients do to them."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterator
from typing import Any

from sandbox.cloud import Cloud
from sandbox.openstack.service import Answer, ApiError, Call, Handler, Service, page
from sandbox.store import Resource, matches, public

QUOTAS = {
    "network": 100,
    "subnet": 100,
    "subnetpool": -1,
    "port": 200,
    "router": 10,
    "floatingip": 20,
    "rbac_policy": 10,
    "security_group": 50,
    "security_group_rule": 500,
}
_ACTIVATION_S = 1  # from a floating IP's association to status ACTIVE
_EXTENSIONS = ("external-net", "floating-ip-port-details", "port", "quotas", "quota_details", "router")
_EXTENSIONS += ("security-group", "standard-attr-description", "standard-attr-tag", "standard-attr-timestamp")
_CHANGEABLE = {"port_id", "fixed_ip_address", "description"}


# What other parts of the sandbox do in Neutron.


def create_port(cloud: Cloud, network: Resource, project_id: str, **fields: Any) -> Resource:
    """A port with the next free address of the network's subnet."""
    subnet = cloud.store.list("subnet", network_id=network["id"])[0]
    octets = uuid.uuid4().bytes
    port = {
        "name": "",
        "project_id": project_id,
        "tenant_id": project_id,
        "network_id": network["id"],
        "mac_address": "fa:16:3e:" + ":".join(f"{octet:02x}" for octet in octets[:3]),
        "admin_state_up": True,
        "status": "ACTIVE",
        "device_id": "",
        "device_owner": "",
        "fixed_ips": [{"subnet_id": subnet["id"], "ip_address": _free_address(cloud, subnet)}],
        "security_groups": [],
        "description": "",
        "tags": [],
    }
    return cloud.store.create("port", **port | fields)


def delete_port(cloud: Cloud, port_id: str) -> None:
    """A port's end leaves its floating IP: DOWN, without port, still counted."""
    for floating_ip in cloud.store.list("floatingip", port_id=port_id):
        associate(cloud, floating_ip, None)
    cloud.store.delete("port", port_id)


def create_floating_ip(cloud: Cloud, network: Resource, project_id: str, **fields: Any) -> Resource:
    """A floating IP, counted against the project's quota; DOWN until it has a port."""
    if len(cloud.store.list("floatingip", project_id=project_id)) >= quota(cloud, "floatingip"):
        raise ApiError(409, "Quota exceeded for resources: ['floatingip'].", "OverQuota")
    subnet = cloud.store.list("subnet", network_id=network["id"])[0]
    floating_ip = {
        "project_id": project_id,
        "tenant_id": project_id,
        "floating_network_id": network["id"],
        "floating_ip_address": _free_address(cloud, subnet),
        "fixed_ip_address": None,
        "port_id": None,
        "router_id": None,
        "port_details": None,
        "port_forwardings": [],
        "status": "DOWN",
        "description": "",
        "dns_domain": "",
        "dns_name": "",
        "qos_policy_id": None,
        "revision_number": 0,
        "tags": [],
    }
    return cloud.store.create("floatingip", **floating_ip | fields)


def associate(cloud: Cloud, floating_ip: Resource, port: Resource | None) -> None:
    """Point a floating IP at a port (an associated one moves without a word, as in Neutron) or at none."""
    if port is None:
        gone = {"port_id": None, "fixed_ip_address": None, "router_id": None, "port_details": None, "status": "DOWN"}
        cloud.store.update("floatingip", floating_ip["id"], gone)
        return
    others = cloud.store.list("floatingip", lambda other: other["id"] != floating_ip["id"], port_id=port["id"])
    fixed_address = port["fixed_ips"][0]["ip_address"]
    if others:
        raise ApiError(
            409,
            f"Cannot associate floating IP {floating_ip['floating_ip_address']} ({floating_ip['id']}) with port "
            f"{port['id']} using fixed IP {fixed_address}, as that fixed IP already has a floating IP on external "
            f"network {floating_ip['floating_network_id']}.",
            "FloatingIPPortAlreadyAssociated",
        )
    details = {k: port[k] for k in ("name", "network_id", "mac_address", "status", "device_id", "device_owner")}
    router = cloud.store.list("router")[0]
    cloud.store.update(
        "floatingip",
        floating_ip["id"],
        {
            "port_id": port["id"],
            "fixed_ip_address": fixed_address,
            "router_id": router["id"],
            "port_details": details | {"admin_state_up": True},
        },
    )
    cloud.in_background(_activate(cloud, floating_ip["id"], port["id"]))


async def _activate(cloud: Cloud, floating_ip_id: str, port_id: str) -> None:
    await cloud.clock.sleep(_ACTIVATION_S)
    for _ in cloud.store.list("floatingip", id=floating_ip_id, port_id=port_id):
        cloud.store.update("floatingip", floating_ip_id, {"status": "ACTIVE"})


def quota(cloud: Cloud, resource: str) -> float:
    limit = cloud.faults.settings.get(f"quota_{resource}", QUOTAS[resource])
    return float("inf") if limit < 0 else limit


def _free_address(cloud: Cloud, subnet: Resource) -> str:
    used = set(_used_addresses(cloud))
    pool = subnet["allocation_pools"][0]
    first, last = (int(ipaddress.ip_address(pool[end])) for end in ("start", "end"))
    for number in range(first, last + 1):
        address = str(ipaddress.ip_address(number))
        if address not in used:
            return address
    raise ApiError(409, f"No more IP addresses available for subnet {subnet['id']}.", "IpAddressGenerationFailure")


def _used_addresses(cloud: Cloud) -> Iterator[str]:
    for port in cloud.store.list("port"):
        yield from (fixed["ip_address"] for fixed in port["fixed_ips"])
    yield from (floating_ip["floating_ip_address"] for floating_ip in cloud.store.list("floatingip"))


# What clients ask.


def _listing(kind: str, plural: str) -> Handler:
    def handler(call: Call) -> Answer:
        tags = {tag for key, value in call.query if key == "tags" for tag in value.split(",")}
        fixed = {value.split("=", 1)[1] for key, value in call.query if key == "fixed_ips" and "ip_address=" in value}
        found = [
            resource
            for resource in call.cloud.store.list(kind, project_id=call.project_id)
            if matches(resource, [(key, value) for key, value in call.query if key not in ("tags", "fixed_ips")])
            and tags <= set(resource.get("tags", []))
            and (not fixed or fixed & {ip["ip_address"] for ip in resource.get("fixed_ips", [])})
        ]
        return {plural: [public(resource) for resource in page(found, call.query)]}

    return handler


def _showing(kind: str, singular: str) -> Handler:
    def handler(call: Call) -> Answer:
        return {singular: public(call.cloud.store.get(kind, call.path["id"], project_id=call.project_id))}

    return handler


def _create_floating_ip(call: Call) -> Answer:
    wanted = call.wanted("floatingip")
    if "tags" in wanted:
        raise ApiError(400, "Attribute 'tags' not allowed in POST", "HTTPBadRequest")
    network_id = str(wanted.get("floating_network_id"))
    if not _is_uuid(network_id):
        reason = f"Invalid input for floating_network_id. Reason: '{network_id}' is not a valid UUID."
        raise ApiError(400, reason, "HTTPBadRequest")
    network = call.cloud.store.get("network", network_id, project_id=call.project_id)
    if not network["router:external"]:
        raise ApiError(
            400, f"Bad floatingip request: Network {network_id} is not a valid external network.", "BadRequest"
        )
    if wanted.get("floating_ip_address"):
        rules = "(rule:create_floatingip and rule:create_floatingip:floating_ip_address)"
        raise ApiError(403, f"{rules} is disallowed by policy", "PolicyNotAuthorized")
    port = _port(call, wanted.get("port_id"))
    floating_ip = create_floating_ip(call.cloud, network, call.project_id, description=wanted.get("description", ""))
    if port is not None:
        try:
            associate(call.cloud, floating_ip, port)
        except ApiError:
            call.cloud.store.delete("floatingip", floating_ip["id"])
            raise
    return 201, {"floatingip": public(floating_ip)}


def _create_port(call: Call) -> Answer:
    wanted = call.wanted("port")
    network = call.cloud.store.get("network", str(wanted.get("network_id")), project_id=call.project_id)
    return 201, {"port": public(create_port(call.cloud, network, call.project_id, name=wanted.get("name", "")))}


def _update_floating_ip(call: Call) -> Answer:
    floating_ip = call.cloud.store.get("floatingip", call.path["id"], project_id=call.project_id)
    wanted = call.wanted("floatingip")
    if unknown := set(wanted) - _CHANGEABLE:
        raise ApiError(400, f"Cannot update read-only attribute {', '.join(sorted(unknown))}", "HTTPBadRequest")
    if "port_id" in wanted:
        port = _port(call, wanted["port_id"])
        if port is None or port["id"] != floating_ip["port_id"]:
            associate(call.cloud, floating_ip, port)
    if "description" in wanted:
        call.cloud.store.update("floatingip", floating_ip["id"], {"description": wanted["description"]})
    return {"floatingip": public(floating_ip)}


def _delete_floating_ip(call: Call) -> Answer:
    floating_ip = call.cloud.store.get("floatingip", call.path["id"], project_id=call.project_id)
    call.cloud.store.delete("floatingip", floating_ip["id"])
    return 204, None


def _port(call: Call, port_id: str | None) -> Resource | None:
    return call.cloud.store.get("port", port_id, project_id=call.project_id) if port_id else None


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _tagged(call: Call) -> Resource:
    kinds = {"floatingips": "floatingip", "ports": "port"}
    return call.cloud.store.get(kinds[call.path["plural"]], call.path["id"], project_id=call.project_id)


def _set_tags(call: Call) -> Answer:
    resource = _tagged(call)
    resource["tags"] = sorted(set(call.body["tags"]))
    return {"tags": resource["tags"]}


def _add_tag(call: Call) -> Answer:
    resource = _tagged(call)
    resource["tags"] = sorted({*resource["tags"], call.path["tag"]})
    return 201, None


def _remove_tag(call: Call) -> Answer:
    resource = _tagged(call)
    if call.path["tag"] not in resource["tags"]:
        raise ApiError(404, f"Tag {call.path['tag']} could not be found.", "TagNotFound")
    resource["tags"] = [tag for tag in resource["tags"] if tag != call.path["tag"]]
    return 204, None


def _quotas(call: Call) -> Answer:
    return {"quota": {resource: _limit(call, resource) for resource in QUOTAS}}


def _quota_details(call: Call) -> Answer:
    kinds = {"floatingip", "network", "port", "router", "security_group", "subnet"}
    used = {
        kind: len(call.cloud.store.list(kind, lambda resource: resource["project_id"] == call.project_id))
        for kind in kinds
    }
    return {"quota": {r: {"limit": _limit(call, r), "used": used.get(r, 0), "reserved": 0} for r in QUOTAS}}


def _limit(call: Call, resource: str) -> int:
    return int(call.cloud.faults.settings.get(f"quota_{resource}", QUOTAS[resource]))


def _versions(call: Call) -> Answer:
    link = {"rel": "self", "href": call.cloud.url("network/v2.0/")}
    return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]}


def _extensions(call: Call) -> Answer:
    return {"extensions": [{"alias": alias, "name": alias, "description": "", "links": []} for alias in _EXTENSIONS]}


def _render(error: ApiError) -> dict[str, Any]:
    kind = error.kind or {404: "HTTPNotFound"}.get(error.status, "HTTPInternalServerError")
    return {"NeutronError": {"type": kind, "message": error.message, "detail": ""}}


_READ = [("network", "networks"), ("subnet", "subnets"), ("port", "ports"), ("router", "routers")]
_READ += [("security_group", "security-groups"), ("floatingip", "floatingips")]

SERVICE = Service(
    name="neutron",
    prefix="network",
    routes=[
        ("GET", "/", _versions, (200,)),
        *[("GET", f"/v2.0/{path}", _listing(kind, path.replace("-", "_")), (200, 404)) for kind, path in _READ],
        *[("GET", f"/v2.0/{path}/{{id}}", _showing(kind, kind), (200, 404)) for kind, path in _READ],
        ("POST", "/v2.0/ports", _create_port, (201, 400, 403, 404, 409)),
        ("POST", "/v2.0/floatingips", _create_floating_ip, (201, 400, 403, 404, 409)),
        ("PUT", "/v2.0/floatingips/{id}", _update_floating_ip, (200, 201, 400, 404, 409)),
        ("DELETE", "/v2.0/floatingips/{id}", _delete_floating_ip, (204, 404)),
        ("GET", "/v2.0/{plural}/{id}/tags", lambda call: {"tags": _tagged(call)["tags"]}, (200, 404)),
        ("PUT", "/v2.0/{plural}/{id}/tags", _set_tags, (200, 201, 400, 404, 409)),
        ("PUT", "/v2.0/{plural}/{id}/tags/{tag}", _add_tag, (200, 201, 400, 404, 409)),
        ("DELETE", "/v2.0/{plural}/{id}/tags/{tag}", _remove_tag, (204, 404)),
        ("GET", "/v2.0/quotas/{project_id}", _quotas, (200, 404)),
        ("GET", "/v2.0/quotas/{project_id}/details", _quota_details, (200, 404)),
        ("GET", "/v2.0/quotas/{project_id}/details.json", _quota_details, (200, 404)),
        ("GET", "/v2.0/extensions", _extensions, (200,)),
    ],
    render=_render,
    public=frozenset({"/"}),
    not_found={
        "floatingip": ("Floating IP {} could not be found", "FloatingIPNotFound"),
        "network": ("Network {} could not be found.", "NetworkNotFound"),
        "subnet": ("Subnet {} could not be found.", "SubnetNotFound"),
        "port": ("Port {} could not be found.", "PortNotFound"),
        "router": ("Router {} could not be found", "RouterNotFound"),
        "security_group": ("Security group {} does not exist", "SecurityGroupNotFound"),
    },
)
