"""Flavors: there before anybody works in the cloud, and only read."""

from __future__ import annotations

from typing import Any

from sandbox.openstack.nova.pages import links, page
from sandbox.openstack.nova.versions import minor_of, shown_at
from sandbox.openstack.service import Answer, Call
from sandbox.store import Resource

_SINCE = {"description": 55, "extra_specs": 61}
_NUMBER_FOR_NO_SWAP = 75  # until then it is an empty text


def _brief(call: Call, flavor: Resource) -> dict[str, Any]:
    fields = {"id": flavor["id"], "name": flavor["name"], "links": links(call, "flavors", flavor["id"])}
    return shown_at(minor_of(call.request), fields | {"description": None}, since=_SINCE)


def _whole(call: Call, flavor: Resource) -> dict[str, Any]:
    minor = minor_of(call.request)
    fields = {
        **_brief(call, flavor),
        "ram": flavor["ram"],
        "vcpus": flavor["vcpus"],
        "disk": flavor["disk"],
        "swap": 0 if minor >= _NUMBER_FOR_NO_SWAP else "",
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": True,
        "rxtx_factor": 1.0,
        "extra_specs": {},
    }
    return shown_at(minor, fields, since=_SINCE)


def _found(call: Call) -> tuple[list[Resource], dict[str, Any]]:
    return page(call, "flavors", sorted(call.cloud.store.list("flavor"), key=lambda flavor: str(flavor["id"])))


def list_flavors(call: Call) -> Answer:
    """GET /v2.1/flavors."""
    found, next_page = _found(call)
    return {"flavors": [_brief(call, flavor) for flavor in found]} | next_page


def list_whole_flavors(call: Call) -> Answer:
    """GET /v2.1/flavors/detail."""
    found, next_page = _found(call)
    return {"flavors": [_whole(call, flavor) for flavor in found]} | next_page


def get_flavor(call: Call) -> Answer:
    """GET /v2.1/flavors/{id}."""
    return {"flavor": _whole(call, call.cloud.store.get("flavor", call.path["id"]))}


def get_extra_specs(call: Call) -> Answer:
    """GET /v2.1/flavors/{id}/os-extra_specs: none has any."""
    call.cloud.store.get("flavor", call.path["id"])
    return {"extra_specs": {}}
