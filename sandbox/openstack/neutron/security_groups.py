"""Security groups: every project's default one, and those of clusters; their rules are shown, not enforced."""

from __future__ import annotations

import itertools
from typing import Any

from sandbox.cloud import Cloud
from sandbox.openstack.neutron import resources
from sandbox.openstack.neutron.lists import listing
from sandbox.openstack.service import Call
from sandbox.store import Resource, public

_DEFAULT = "default"
_numbers = itertools.count(1)


def create_security_group(cloud: Cloud, name: str, project_id: str, **fields: Any) -> Resource:
    """A group that lets everything out."""
    group = resources.create(
        cloud, "security_group", project_id, name=name, stateful=True, shared=False, security_group_rules=[], **fields
    )
    for ethertype in ("IPv4", "IPv6"):
        _add_rule(group, "egress", ethertype)
    return group


def default_group(cloud: Cloud, project_id: str) -> Resource:
    """The project's own group, made when it is first asked for: its members reach each other."""
    for group in cloud.store.list("security_group", project_id=project_id, name=_DEFAULT):
        return group
    group = create_security_group(cloud, _DEFAULT, project_id, description="Default security group", revision_number=1)
    for ethertype in ("IPv4", "IPv6"):
        _add_rule(group, "ingress", ethertype, remote_group_id=group["id"])
    return group


def list_groups(call: Call) -> Any:
    """Whoever asks for a project's groups finds the default one."""
    default_group(call.cloud, call.project_id)
    return listing("security_group", "security_groups")(call)


def get_group(call: Call) -> Any:
    """One by itself tells of each rule whether it is the default group's; lists do not."""
    group = public(call.cloud.store.get("security_group", call.path["id"], project_id=call.project_id))
    told = {"belongs_to_default_sg": group["name"] == _DEFAULT}
    return {"security_group": group | {"security_group_rules": [r | told for r in group["security_group_rules"]]}}


def _add_rule(group: Resource, direction: str, ethertype: str, **fields: Any) -> None:
    rule = {
        "id": resources.new_id(),
        "project_id": group["project_id"],
        "tenant_id": group["project_id"],
        "security_group_id": group["id"],
        "ethertype": ethertype,
        "direction": direction,
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "remote_address_group_id": None,
        "remote_group_id": None,
        "normalized_cidr": None,
        "standard_attr_id": next(_numbers),
        "belongs_to_default_sg": None,
        "description": None,
        "tags": [],
        "created_at": group["created_at"],
        "updated_at": group["updated_at"],
        "revision_number": 0,
    }
    group["security_group_rules"].append(rule | fields)
