"""Nova's API: the table of what it answers."""

from __future__ import annotations

from typing import Any

from sandbox.openstack.nova.flavors import get_extra_specs, get_flavor, list_flavors, list_whole_flavors
from sandbox.openstack.nova.keypairs import delete_keypair, get_keypair, list_keypairs, post_keypair
from sandbox.openstack.nova.quotas import get_limits, get_quota_details, get_quotas
from sandbox.openstack.nova.servers import get_server, list_servers, list_whole_servers
from sandbox.openstack.nova.versions import elsewhere, get_version, list_versions, minor_of, version_headers
from sandbox.openstack.service import Answer, ApiError, Call, Handler, Routes, Service

_PUBLIC: Routes = [
    ("GET", "/", list_versions, (200,)),
    ("GET", "/v2.1", get_version, (200,)),
    ("GET", "/v2.1/", get_version, (200,)),
]
_ROUTES: Routes = [
    ("GET", "/v2.1/servers", list_servers, (200, 400, 403)),
    ("GET", "/v2.1/servers/detail", list_whole_servers, (200, 400, 403)),
    ("GET", "/v2.1/servers/{id}", get_server, (200, 404)),
    ("GET", "/v2.1/os-keypairs", list_keypairs, (200,)),
    ("POST", "/v2.1/os-keypairs", post_keypair, (200, 201, 400, 409)),
    ("GET", "/v2.1/os-keypairs/{name}", get_keypair, (200, 404)),
    ("DELETE", "/v2.1/os-keypairs/{name}", delete_keypair, (202, 204, 404)),
    ("GET", "/v2.1/flavors", list_flavors, (200, 400)),
    ("GET", "/v2.1/flavors/detail", list_whole_flavors, (200, 400)),
    ("GET", "/v2.1/flavors/{id}", get_flavor, (200, 404)),
    ("GET", "/v2.1/flavors/{id}/os-extra_specs", get_extra_specs, (200, 404)),
    ("GET", "/v2.1/limits", get_limits, (200,)),
    ("GET", "/v2.1/os-quota-sets/{project_id}", get_quotas, (200, 403)),
    ("GET", "/v2.1/os-quota-sets/{project_id}/detail", get_quota_details, (200, 403)),
]


def _at_a_version(handler: Handler) -> Handler:
    """A version that there is not is refused before anything else."""

    def checked(call: Call) -> Any:
        minor_of(call.request)
        return handler(call)

    return checked


def _render(error: ApiError) -> Answer:
    names = {400: "badRequest", 403: "forbidden", 404: "itemNotFound", 409: "conflictingRequest"}
    return {names.get(error.status, "computeFault"): {"code": error.status, "message": error.message}}


SERVICE = Service(
    name="nova",
    prefix="compute",
    routes=[
        *_PUBLIC,
        *[(method, path, _at_a_version(handler), (*statuses, 406)) for method, path, handler, statuses in _ROUTES],
    ],
    render=_render,
    public=frozenset({"/", "/v2.1", "/v2.1/"}),
    heads=frozenset({"/", "/v2.1", "/v2.1/"}),
    guarded=("/v2.1/",),
    elsewhere=(elsewhere, (200, 300, 404)),
    not_found={
        "server": ("Instance {} could not be found.", ""),
        "flavor": ("Flavor {} could not be found.", ""),
    },
    headers=version_headers,
)
