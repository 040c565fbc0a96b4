"""Octavia: load balancers, made in one request with their listeners and deleted with all they have."""

from __future__ import annotations

import uuid
from typing import Any

from sandbox.cloud import Cloud
from sandbox.faults import BackgroundFailureError
from sandbox.openstack import neutron
from sandbox.openstack.service import Answer, ApiError, Call, Handler, Routes, Service, page
from sandbox.store import Resource, matches

_BUILD_S, _DELETE_S = 15, 3  # one amphora
QUOTAS = {"load_balancer": 10, "listener": 50, "pool": 50, "member": 100, "health_monitor": 50}


def create_load_balancer(
    cloud: Cloud, *, name: str, subnet: Resource, ports: list[dict[str, Any]], project_id: str, description: str = ""
) -> Resource:
    """A load balancer with its VIP port and listeners, PENDING_CREATE until it is built.

    Args:
        ports: of the listeners: {"protocol", "protocol_port", "name"}.
    """
    if len(cloud.store.list("loadbalancer", project_id=project_id)) >= _limit(cloud, "load_balancer"):
        raise ApiError(403, "Quota has been met for resources: Load Balancer")
    ident = str(uuid.uuid4())
    network = cloud.store.get("network", subnet["network_id"])
    vip = neutron.create_port(
        cloud,
        network,
        project_id,
        name=f"octavia-lb-{ident}",
        device_id=f"lb-{ident}",
        device_owner="Octavia",
    )
    balancer = cloud.store.create(
        "loadbalancer",
        id=ident,
        name=name,
        description=description,
        project_id=project_id,
        provider="amphora",
        admin_state_up=True,
        provisioning_status="PENDING_CREATE",
        operating_status="OFFLINE",
        vip_port_id=vip["id"],
        vip_address=vip["fixed_ips"][0]["ip_address"],
        vip_subnet_id=subnet["id"],
        vip_network_id=network["id"],
        listeners=[],
        pools=[],
        tags=[],
    )
    for port in ports:
        listener = cloud.store.create(
            "listener",
            name=port.get("name") or "",
            protocol=port["protocol"],
            protocol_port=int(port["protocol_port"]),
            project_id=project_id,
            loadbalancers=[{"id": ident}],
            provisioning_status="ACTIVE",
            operating_status="ONLINE",
        )
        balancer["listeners"].append({"id": listener["id"]})
    cloud.in_background(_build(cloud, balancer))
    return balancer


async def _build(cloud: Cloud, balancer: Resource) -> None:
    await cloud.clock.sleep(_BUILD_S)
    status = {"provisioning_status": "ACTIVE", "operating_status": "ONLINE"}
    try:
        await cloud.faults.in_background("octavia", f"/v2/lbaas/loadbalancers/{balancer['name']}")
    except BackgroundFailureError:
        status = {"provisioning_status": "ERROR", "operating_status": "ERROR"}
    if cloud.store.list("loadbalancer", id=balancer["id"]):
        cloud.store.update("loadbalancer", balancer["id"], status)


async def _delete_later(cloud: Cloud, balancer: Resource) -> None:
    await cloud.clock.sleep(_DELETE_S)
    try:
        await cloud.faults.in_background("octavia", f"/v2/lbaas/deletions/{balancer['name']}")
    except BackgroundFailureError:
        cloud.store.update("loadbalancer", balancer["id"], {"provisioning_status": "ERROR"})
        return
    delete_load_balancer(cloud, balancer)


def delete_load_balancer(cloud: Cloud, balancer: Resource) -> None:
    """The load balancer, its listeners and its VIP port; a floating IP on the VIP stays, DOWN."""
    for listener in balancer["listeners"]:
        cloud.store.delete("listener", listener["id"])
    neutron.delete_port(cloud, balancer["vip_port_id"])
    cloud.store.delete("loadbalancer", balancer["id"])


def _list(kind: str, plural: str) -> Handler:
    def handler(call: Call) -> Answer:
        found = [r for r in call.cloud.store.list(kind, project_id=call.project_id) if matches(r, call.query)]
        return {plural: page(found, call.query), f"{plural}_links": []}

    return handler


def _show(kind: str) -> Handler:
    return lambda call: {kind: call.cloud.store.get(kind, call.path["id"], project_id=call.project_id)}


def _create(call: Call) -> Answer:
    wanted = call.wanted("loadbalancer")
    subnet = call.cloud.store.get("subnet", str(wanted.get("vip_subnet_id")), project_id=call.project_id)
    balancer = create_load_balancer(
        call.cloud,
        name=wanted.get("name", ""),
        subnet=subnet,
        ports=wanted.get("listeners", []),
        project_id=call.project_id,
        description=wanted.get("description", ""),
    )
    return 201, {"loadbalancer": balancer}


def _delete(call: Call) -> Answer:
    balancer = call.cloud.store.get("loadbalancer", call.path["id"], project_id=call.project_id)
    if balancer["provisioning_status"].startswith("PENDING_"):
        raise ApiError(409, f"Load Balancer {balancer['id']} is immutable and cannot be updated.")
    if balancer["listeners"] and dict(call.query).get("cascade", "").lower() != "true":
        raise ApiError(409, f"Cannot delete Load Balancer {balancer['id']} - it has children")
    call.cloud.store.update("loadbalancer", balancer["id"], {"provisioning_status": "PENDING_DELETE"})
    call.cloud.in_background(_delete_later(call.cloud, balancer))
    return 204, None


def _quota(call: Call) -> Answer:
    return {"quota": {name: _limit(call.cloud, name) for name in QUOTAS}}


def _limit(cloud: Cloud, resource: str) -> int:
    return int(cloud.faults.settings.get(f"quota_{resource}", QUOTAS[resource]))


def _versions(call: Call) -> Answer:
    link = {"rel": "self", "href": call.cloud.url("load-balancer/v2")}
    return {"versions": [{"id": "v2.27", "status": "CURRENT", "links": [link]}]}


def _render(error: ApiError) -> dict[str, Any]:
    return {"faultcode": "Client", "faultstring": error.message, "debuginfo": None}


_ROUTES: Routes = [
    ("GET", "/lbaas/loadbalancers", _list("loadbalancer", "loadbalancers"), (200,)),
    ("POST", "/lbaas/loadbalancers", _create, (201, 400, 403, 404, 409)),
    ("GET", "/lbaas/loadbalancers/{id}", _show("loadbalancer"), (200, 404)),
    ("DELETE", "/lbaas/loadbalancers/{id}", _delete, (204, 404, 409)),
    ("GET", "/lbaas/listeners", _list("listener", "listeners"), (200,)),
    ("GET", "/lbaas/listeners/{id}", _show("listener"), (200, 404)),
    ("GET", "/lbaas/quotas/{project_id}", _quota, (200,)),
]

SERVICE = Service(
    name="octavia",
    prefix="load-balancer",
    # As Octavia, at both: openstacksdk asks for v2.0, others for v2.
    routes=[
        ("GET", "/", _versions, (200,)),
        *[(method, f"/{version}{path}", *rest) for version in ("v2", "v2.0") for method, path, *rest in _ROUTES],
    ],
    render=_render,
    public=frozenset({"/"}),
    not_found={
        "loadbalancer": ("Load Balancer {} not found.", ""),
        "listener": ("Listener {} not found.", ""),
        "subnet": ("Subnet {} not found.", ""),
    },
)
