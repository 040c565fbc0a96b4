"""Neutron's API: the table of what it answers."""

from __future__ import annotations

from typing import Any

from sandbox.openstack.neutron.floating_ips import (
    delete_floating_ip,
    delete_one_port,
    post_floating_ip,
    put_floating_ip,
)
from sandbox.openstack.neutron.lists import listing, showing
from sandbox.openstack.neutron.ports import post_port
from sandbox.openstack.neutron.quotas import get_details, get_quota
from sandbox.openstack.neutron.security_groups import get_group, list_groups
from sandbox.openstack.neutron.tags import tag_routes
from sandbox.openstack.pages import nothing_there
from sandbox.openstack.service import Answer, ApiError, Call, Service


def _versions(call: Call) -> Answer:
    link = {"rel": "self", "href": call.cloud.url("network/v2.0/")}
    return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]}


def _render(error: ApiError) -> dict[str, Any]:
    kind = error.kind or {404: "HTTPNotFound", 405: "HTTPMethodNotAllowed"}.get(error.status, "HTTPInternalServerError")
    return {"NeutronError": {"type": kind, "message": error.message, "detail": ""}}


def _elsewhere(call: Call, status: int) -> Answer:
    """Below its version it words it itself."""
    if not call.asked_path.startswith("/v2.0"):
        return nothing_there(call, status)
    raise ApiError(status, _NOWHERE if status == 404 else _MALFORMED)


_NOWHERE = "The resource could not be found."
_MALFORMED = "The server could not comply with the request since it is either malformed or otherwise incorrect."
_READ = [
    ("network", "networks"),
    ("subnet", "subnets"),
    ("port", "ports"),
    ("router", "routers"),
    ("floatingip", "floatingips"),
]

SERVICE = Service(
    name="neutron",
    prefix="network",
    routes=[
        ("GET", "/", _versions, (200,)),
        *[("GET", f"/v2.0/{path}", listing(kind, path), (200, 400)) for kind, path in _READ],
        *[("GET", f"/v2.0/{path}/{{id}}", showing(kind), (200, 404)) for kind, path in _READ],
        ("GET", "/v2.0/security-groups", list_groups, (200, 400)),
        ("GET", "/v2.0/security-groups/{id}", get_group, (200, 404)),
        ("POST", "/v2.0/ports", post_port, (201, 400, 403, 404, 409)),
        ("DELETE", "/v2.0/ports/{id}", delete_one_port, (204, 404, 409)),
        ("POST", "/v2.0/floatingips", post_floating_ip, (201, 400, 403, 404, 409)),
        ("PUT", "/v2.0/floatingips/{id}", put_floating_ip, (200, 400, 404, 409)),
        ("DELETE", "/v2.0/floatingips/{id}", delete_floating_ip, (204, 404)),
        *tag_routes("floatingip", "floatingips"),
        *tag_routes("port", "ports"),
        ("GET", "/v2.0/quotas/{project_id}", get_quota, (200, 403)),
        ("GET", "/v2.0/quotas/{project_id}/details", get_details, (200, 403)),
    ],
    render=_render,
    public=frozenset({"/"}),
    guarded=("/v2.0",),
    elsewhere=(_elsewhere, (404, 405)),
    not_found={
        "floatingip": ("Floating IP {} could not be found", "FloatingIPNotFound"),
        "network": ("Network {} could not be found.", "NetworkNotFound"),
        "subnet": ("Subnet {} could not be found.", "SubnetNotFound"),
        "port": ("Port {} could not be found.", "PortNotFound"),
        "router": ("Router {} could not be found", "RouterNotFound"),
        "security_group": ("Security group {} does not exist", "SecurityGroupNotFound"),
    },
)
