"""Neutron's lists and single resources: filters, tags, pages, chosen fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from sandbox.openstack.neutron.resources import bad_request
from sandbox.openstack.service import Answer, Call, Handler
from sandbox.store import Resource, matches, public

Query = list[tuple[str, str]]

_OPTIONS = frozenset({"fields", "limit", "marker"})
_TAGS: dict[str, Callable[[set[str], set[str]], bool]] = {  # (of the resource, asked for) -> whether it is listed
    "tags": lambda has, asked: asked <= has,
    "tags-any": lambda has, asked: bool(asked & has),
    "not-tags": lambda has, asked: not asked <= has,
    "not-tags-any": lambda has, asked: not asked & has,
}
_FILTERS = {"id", "project_id", "tenant_id", "description"}
FILTERS = {
    "network": _FILTERS | {"name", "status", "admin_state_up", "shared", "mtu", "router:external"},
    "subnet": _FILTERS | {"name", "network_id", "ip_version", "cidr", "gateway_ip", "enable_dhcp"},
    "router": _FILTERS | {"name", "status", "admin_state_up"},
    "port": _FILTERS
    | {"name", "status", "admin_state_up", "network_id", "device_id", "device_owner", "mac_address", "fixed_ips"},
    "security_group": _FILTERS | {"name"},
    "floatingip": _FILTERS
    | {"status", "floating_network_id", "floating_ip_address", "fixed_ip_address", "port_id", "router_id"},
}


def listing(kind: str, plural: str) -> Handler:
    """GET of all that the project sees, in the order of the ids."""

    def handler(call: Call) -> Answer:
        if unknown := [key for key, _ in call.query if key not in FILTERS[kind] | _OPTIONS | set(_TAGS)]:
            raise bad_request(f"{unknown} is invalid attribute for filtering")
        found = call.cloud.store.list(
            kind, lambda resource: _is_listed(resource, call.query), project_id=call.project_id
        )
        shown, links = _page(call, plural, sorted(found, key=lambda resource: str(resource["id"])))
        return {plural: [_chosen(public(resource), call.query) for resource in shown]} | links

    return handler


def showing(kind: str) -> Handler:
    """GET of one."""
    return lambda call: {kind: public(call.cloud.store.get(kind, call.path["id"], project_id=call.project_id))}


def _is_listed(resource: Resource, query: Query) -> bool:
    plain = [(key, value) for key, value in query if key not in _OPTIONS | set(_TAGS) | {"fixed_ips"}]
    tagged = [(_TAGS[key], set(value.split(","))) for key, value in query if key in _TAGS]
    at = [tuple(value.split("=", 1)) for key, value in query if key == "fixed_ips"]
    return (
        matches(resource, plain)
        and all(holds(set(resource["tags"]), asked) for holds, asked in tagged)
        and all(any(address.get(key) == value for address in resource["fixed_ips"]) for key, value in at)
    )


def _chosen(resource: dict[str, Any], query: Query) -> dict[str, Any]:
    wanted = {value for key, value in query if key == "fields"}
    return {key: value for key, value in resource.items() if key in wanted} if wanted else resource


def _page(call: Call, plural: str, found: list[Resource]) -> tuple[list[Resource], dict[str, Any]]:
    """The part that `marker` and `limit` ask for, and the links to the others; an unknown marker is no marker."""
    options = dict(call.query)
    ids = [resource["id"] for resource in found]
    if options.get("marker") in ids:
        found = found[ids.index(options["marker"]) + 1 :]
    if "limit" not in options:
        return found, {}
    if not options["limit"].isdigit():
        given = options["limit"]
        raise bad_request(f"Bad limit request: Limit must be an integer 0 or greater and not '{given}'.", "BadRequest")
    limit = int(options["limit"])
    if not limit:
        return found, {}
    shown = found[:limit]
    links = [{"rel": "previous", "href": _href(call, shown[:1], page_reverse="True")}]
    if len(shown) == limit:
        links.insert(0, {"rel": "next", "href": _href(call, shown[-1:])})
    return shown, {f"{plural}_links": links}


def _href(call: Call, at: list[Resource], **more: str) -> str:
    path = call.request.scope["path"].removeprefix(call.request.scope.get("root_path", "")).lstrip("/")
    kept = [(key, value) for key, value in call.query if key != "marker"]
    markers = [("marker", str(resource["id"])) for resource in at]
    return f"{call.cloud.url('network')}/{path}?{urlencode([*kept, *markers, *more.items()])}"
