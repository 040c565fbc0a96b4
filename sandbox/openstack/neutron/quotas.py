"""Neutron's quotas: a project's own limits, and what counts against them."""

from __future__ import annotations

from sandbox.cloud import Cloud
from sandbox.openstack.service import Answer, ApiError, Call

QUOTAS = {
    "network": 100,
    "subnet": 100,
    "subnetpool": -1,
    "port": 200,
    "router_route": 30,
    "router": 10,
    "floatingip": 20,
    "rbac_policy": 10,
    "security_group": 50,
    "security_group_rule": 500,
}
_KINDS = ("network", "subnet", "port", "router", "floatingip", "security_group")


def limit(cloud: Cloud, resource: str) -> int:
    """How many a project may have; -1 is any number."""
    return int(cloud.faults.settings.get(f"quota_{resource}", QUOTAS[resource]))


def require_one_more(cloud: Cloud, resource: str, project_id: str) -> None:
    """Refuse what is over the quota."""
    if 0 <= limit(cloud, resource) <= _used(cloud, project_id)[resource]:
        raise ApiError(409, f"Quota exceeded for resources: ['{resource}'].", "OverQuota")


def _used(cloud: Cloud, project_id: str) -> dict[str, int]:
    own = {kind: [r for r in cloud.store.list(kind) if r["project_id"] == project_id] for kind in _KINDS}
    rules = sum(len(group["security_group_rules"]) for group in own["security_group"])
    return {kind: len(found) for kind, found in own.items()} | {"security_group_rule": rules}


def get_quota(call: Call) -> Answer:
    """GET /v2.0/quotas/{project_id}."""
    if call.path["project_id"] != call.project_id:
        raise ApiError(403, "rule:get_quota is disallowed by policy", "PolicyNotAuthorized")
    return {"quota": {resource: limit(call.cloud, resource) for resource in QUOTAS}}


def get_details(call: Call) -> Answer:
    """GET /v2.0/quotas/{project_id}/details."""
    if call.path["project_id"] != call.project_id:
        words = "User does not have admin privileges: Only admin is authorized to access quotas for another project."
        raise ApiError(403, words, "AdminRequired")
    used = _used(call.cloud, call.project_id)
    told = {r: {"limit": limit(call.cloud, r), "used": used.get(r, 0), "reserved": 0} for r in QUOTAS}
    return {"quota": told}
