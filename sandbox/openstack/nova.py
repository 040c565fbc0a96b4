"""Nova: the servers that Magnum made, keypairs, flavors and quotas."""

from __future__ import annotations

import base64
import hashlib
import time
from collections import defaultdict
from typing import Any

from sandbox.cloud import Cloud
from sandbox.openstack import neutron
from sandbox.openstack.service import Answer, ApiError, Call, Service, page
from sandbox.store import Resource

QUOTAS = {"cores": 200, "instances": 50, "ram": -1, "key_pairs": 100, "server_groups": 10}
FLOATING_IP_LAG_S = 3  # Nova shows a floating IP this long after Neutron has it


# What other parts of the sandbox do in Nova.


def create_server(
    cloud: Cloud,
    *,
    name: str,
    flavor: Resource,
    network: Resource,
    keypair: Resource | None,
    project_id: str,
    **fields: Any,
) -> Resource:
    """A server with one port; ACTIVE at once (its building is part of what the caller waits for)."""
    existing = cloud.store.list("server", project_id=project_id)
    for resource, wanted in (("instances", 1), ("cores", flavor["vcpus"])):
        used = len(existing) if resource == "instances" else sum(s["flavor"]["vcpus"] for s in existing)
        allowed = _limit(cloud, resource)
        if 0 <= allowed < used + wanted:
            quota = (
                f"Quota exceeded for {resource}: Requested {wanted}, but already used {used} of {allowed} {resource}"
            )
            raise ApiError(403, quota)
    server = cloud.store.create(
        "server",
        name=name,
        project_id=project_id,
        flavor=flavor,
        key_name=keypair["name"],
        public_key=keypair["public_key"],
        status="ACTIVE",
        metadata={},
        **fields,
    )
    port = neutron.create_port(
        cloud, network, project_id, device_id=server["id"], device_owner="compute:nova", name=f"{name}-port"
    )
    cloud.store.update("server", server["id"], {"port_id": port["id"], "address": port["fixed_ips"][0]["ip_address"]})
    return server


def delete_server(cloud: Cloud, server: Resource) -> None:
    neutron.delete_port(cloud, server["port_id"])
    cloud.store.delete("server", server["id"])


def create_keypair(cloud: Cloud, project_id: str, user_id: str, name: str, public_key: str) -> Resource:
    digest = hashlib.md5(base64.b64decode(public_key.split()[1]), usedforsecurity=False).hexdigest()
    fingerprint = ":".join(digest[i : i + 2] for i in range(0, 32, 2))
    fields = {"public_key": public_key, "fingerprint": fingerprint, "type": "ssh", "user_id": user_id}
    return cloud.store.create("keypair", name=name, project_id=project_id, **fields)


# What clients ask.


def _server(call: Call, server: Resource) -> dict[str, Any]:
    port = call.cloud.store.get("port", server["port_id"])
    network = call.cloud.store.get("network", port["network_id"])
    addresses: dict[str, list[dict[str, Any]]] = defaultdict(list)
    shown = [
        (server["address"], "fixed"),
        *[(address, "floating") for address in _floating_addresses(call.cloud, port)],
    ]
    for address, kind in shown:
        entry = {"version": 4, "addr": address, "OS-EXT-IPS:type": kind, "OS-EXT-IPS-MAC:mac_addr": port["mac_address"]}
        addresses[network["name"]].append(entry)
    flavor = server["flavor"]
    return {
        "id": server["id"],
        "name": server["name"],
        "status": server["status"],
        "tenant_id": server["project_id"],
        "user_id": call.request_token["user_id"],
        "created": server["created_at"],
        "updated": server["updated_at"] or server["created_at"],
        "key_name": server["key_name"],
        "metadata": server["metadata"],
        "addresses": addresses,
        "flavor": {"id": flavor["id"], "original_name": flavor["name"], "vcpus": flavor["vcpus"], "ram": flavor["ram"]},
        "image": {"id": call.cloud.store.list("image")[0]["id"]},
        "OS-EXT-STS:vm_state": "active",
        "OS-EXT-STS:power_state": 1,
        "OS-EXT-STS:task_state": None,
        "OS-EXT-AZ:availability_zone": "nova",
        "security_groups": [{"name": name} for name in server["security_groups"]],
        "links": [],
    }


def _floating_addresses(cloud: Cloud, port: Resource) -> list[str]:
    """The floating IPs that Nova has heard of by now; the first sight of each starts its lag."""
    now_s = time.monotonic()
    seen = port.setdefault("_nova_seen", {})
    current = [ip["floating_ip_address"] for ip in cloud.store.list("floatingip", port_id=port["id"])]
    lag_s = FLOATING_IP_LAG_S * cloud.clock.scale
    return [address for address in current if now_s - seen.setdefault(address, now_s) >= lag_s]


def _servers(call: Call) -> Answer:
    options = dict(call.query)
    name = options.get("name", "")
    found = call.cloud.store.list("server", lambda server: name in server["name"], project_id=call.project_id)
    if wanted := options.get("status"):
        found = [server for server in found if server["status"] == wanted]
    return {"servers": [_server(call, server) for server in page(found, call.query)]}


def _one_server(call: Call) -> Answer:
    return {"server": _server(call, call.cloud.store.get("server", call.path["id"], project_id=call.project_id))}


def _keypair(resource: Resource) -> dict[str, Any]:
    return {k: resource[k] for k in ("name", "public_key", "fingerprint", "type", "user_id")}


def _own_keypairs(call: Call, **equal: Any) -> list[Resource]:
    return call.cloud.store.list("keypair", user_id=call.request_token["user_id"], **equal)


def _keypairs(call: Call) -> Answer:
    return {"keypairs": [{"keypair": _keypair(keypair)} for keypair in _own_keypairs(call)]}


def _find_keypair(call: Call) -> Resource:
    found = _own_keypairs(call, name=call.path["name"])
    if not found:
        user = call.request_token["user_id"]
        raise ApiError(404, f"Keypair {call.path['name']} not found for user {user}")
    return found[0]


def _create_keypair(call: Call) -> Answer:
    wanted = call.wanted("keypair")
    if _own_keypairs(call, name=wanted["name"]):
        raise ApiError(409, f"Key pair '{wanted['name']}' already exists.")
    keypair = create_keypair(
        call.cloud, call.project_id, call.request_token["user_id"], wanted["name"], wanted["public_key"]
    )
    return {"keypair": _keypair(keypair)}


def _delete_keypair(call: Call) -> Answer:
    call.cloud.store.delete("keypair", _find_keypair(call)["id"])
    return 202, None


def _flavor(flavor: Resource) -> dict[str, Any]:
    return {
        "id": flavor["id"],
        "name": flavor["name"],
        "ram": flavor["ram"],
        "vcpus": flavor["vcpus"],
        "disk": flavor["disk"],
        "swap": "",
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": True,
        "rxtx_factor": 1.0,
        "links": [],
    }


def _flavors(call: Call) -> Answer:
    return {"flavors": [_flavor(flavor) for flavor in call.cloud.store.list("flavor")]}


def _limit(cloud: Cloud, resource: str) -> int:
    return int(cloud.faults.settings.get(f"quota_{resource}", QUOTAS[resource]))


def _used(call: Call) -> dict[str, int]:
    servers = call.cloud.store.list("server", project_id=call.project_id)
    return {
        "instances": len(servers),
        "cores": sum(server["flavor"]["vcpus"] for server in servers),
        "ram": sum(server["flavor"]["ram"] for server in servers),
        "key_pairs": len(_own_keypairs(call)),
    }


def _limits(call: Call) -> Answer:
    used = _used(call)
    absolute = {
        "maxTotalInstances": _limit(call.cloud, "instances"),
        "maxTotalCores": _limit(call.cloud, "cores"),
        "maxTotalRAMSize": _limit(call.cloud, "ram"),
        "maxTotalKeypairs": _limit(call.cloud, "key_pairs"),
        "totalInstancesUsed": used["instances"],
        "totalCoresUsed": used["cores"],
        "totalRAMUsed": used["ram"],
    }
    return {"limits": {"rate": [], "absolute": absolute}}


def _quota_set(call: Call) -> Answer:
    return {"quota_set": {"id": call.path["project_id"]} | {name: _limit(call.cloud, name) for name in QUOTAS}}


def _quota_detail(call: Call) -> Answer:
    used = _used(call)
    detail = {name: {"limit": _limit(call.cloud, name), "in_use": used.get(name, 0), "reserved": 0} for name in QUOTAS}
    return {"quota_set": {"id": call.path["project_id"]} | detail}


def _version(call: Call) -> Answer:
    link = {"rel": "self", "href": call.cloud.url("compute/v2.1/")}
    version = {"id": "v2.1", "status": "CURRENT", "version": "2.1", "min_version": "2.1", "links": [link]}
    return {"version": version | {"updated": "2013-07-23T11:33:21Z"}}


def _render(error: ApiError) -> dict[str, Any]:
    names = {400: "badRequest", 403: "forbidden", 404: "itemNotFound", 409: "conflictingRequest"}
    return {names.get(error.status, "computeFault"): {"code": error.status, "message": error.message}}


def _flavors(call: Call) -> Answer:
    return {"flavors": [_flavor(flavor) for flavor in call.cloud.store.list("flavor")]}


def _one_flavor(call: Call) -> Answer:
    return {"flavor": _flavor(call.cloud.store.get("flavor", call.path["id"]))}


SERVICE = Service(
    name="nova",
    prefix="compute",
    routes=[
        ("GET", "/v2.1", _version, (200,)),
        ("GET", "/v2.1/", _version, (200,)),
        ("GET", "/v2.1/servers", _servers, (200,)),
        ("GET", "/v2.1/servers/detail", _servers, (200,)),
        ("GET", "/v2.1/servers/{id}", _one_server, (200, 404)),
        ("GET", "/v2.1/os-keypairs", _keypairs, (200,)),
        ("POST", "/v2.1/os-keypairs", _create_keypair, (200, 201, 400, 409)),
        ("GET", "/v2.1/os-keypairs/{name}", lambda call: {"keypair": _keypair(_find_keypair(call))}, (200, 404)),
        ("DELETE", "/v2.1/os-keypairs/{name}", _delete_keypair, (202, 404)),
        ("GET", "/v2.1/flavors", _flavors, (200,)),
        ("GET", "/v2.1/flavors/detail", _flavors, (200,)),
        ("GET", "/v2.1/flavors/{id}", _one_flavor, (200, 404)),
        ("GET", "/v2.1/flavors/{id}/os-extra_specs", lambda call: {"extra_specs": {}}, (200, 404)),
        ("GET", "/v2.1/limits", _limits, (200,)),
        ("GET", "/v2.1/os-quota-sets/{project_id}", _quota_set, (200, 404)),
        ("GET", "/v2.1/os-quota-sets/{project_id}/detail", _quota_detail, (200, 404)),
    ],
    render=_render,
    public=frozenset({"/v2.1", "/v2.1/"}),
    not_found={
        "server": ("Instance {} could not be found.", ""),
        "flavor": ("Flavor {} could not be found.", ""),
    },
)
