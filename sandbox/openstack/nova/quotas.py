"""Nova's quotas and limits: what a project may have, and has."""

from __future__ import annotations

from sandbox.cloud import Cloud
from sandbox.openstack.nova.versions import minor_of, shown_at
from sandbox.openstack.service import Answer, ApiError, Call
from sandbox.store import Resource

QUOTAS = {
    "cores": 200,
    "fixed_ips": -1,
    "floating_ips": -1,
    "injected_file_content_bytes": 10240,
    "injected_file_path_bytes": 255,
    "injected_files": 5,
    "instances": 50,
    "key_pairs": 100,
    "metadata_items": 128,
    "ram": -1,
    "security_group_rules": -1,
    "security_groups": -1,
    "server_group_members": 10,
    "server_groups": 10,
}
_NETWORKS, _FILES, _IMAGES = 35, 56, 38  # the last versions that have these
_QUOTAS_UNTIL = dict.fromkeys(("fixed_ips", "floating_ips", "security_groups", "security_group_rules"), _NETWORKS)
_QUOTAS_UNTIL |= dict.fromkeys(("injected_files", "injected_file_content_bytes", "injected_file_path_bytes"), _FILES)
_LIMITS_UNTIL = {
    "maxTotalFloatingIps": _NETWORKS,
    "maxSecurityGroups": _NETWORKS,
    "maxSecurityGroupRules": _NETWORKS,
    "totalFloatingIpsUsed": _NETWORKS,
    "totalSecurityGroupsUsed": _NETWORKS,
    "maxImageMeta": _IMAGES,
    "maxPersonality": _FILES,
    "maxPersonalitySize": _FILES,
}


def require_room(cloud: Cloud, project_id: str, flavor: Resource) -> None:
    """Refuse a server that is over the quota."""
    used = _used(cloud, project_id)
    for resource, wanted in (("instances", 1), ("cores", flavor["vcpus"])):
        allowed = _limit(cloud, resource)
        if 0 <= allowed < used[resource] + wanted:
            words = f"Requested {wanted}, but already used {used[resource]} of {allowed} {resource}"
            raise ApiError(403, f"Quota exceeded for {resource}: {words}")


def _limit(cloud: Cloud, resource: str) -> int:
    return int(cloud.faults.settings.get(f"quota_{resource}", QUOTAS[resource]))


def _used(cloud: Cloud, project_id: str) -> dict[str, int]:
    servers = cloud.store.list("server", project_id=project_id)
    return {
        "instances": len(servers),
        "cores": sum(server["flavor"]["vcpus"] for server in servers),
        "ram": sum(server["flavor"]["ram"] for server in servers),
    }


def get_limits(call: Call) -> Answer:
    """GET /v2.1/limits."""
    used = _used(call.cloud, call.project_id)
    limits = {name: _limit(call.cloud, name) for name in QUOTAS}
    absolute = {
        "maxTotalInstances": limits["instances"],
        "maxTotalCores": limits["cores"],
        "maxTotalRAMSize": limits["ram"],
        "maxTotalKeypairs": limits["key_pairs"],
        "maxServerMeta": limits["metadata_items"],
        "maxServerGroups": limits["server_groups"],
        "maxServerGroupMembers": limits["server_group_members"],
        "maxTotalFloatingIps": limits["floating_ips"],
        "maxSecurityGroups": limits["security_groups"],
        "maxSecurityGroupRules": limits["security_group_rules"],
        "maxImageMeta": limits["metadata_items"],
        "maxPersonality": limits["injected_files"],
        "maxPersonalitySize": limits["injected_file_content_bytes"],
        "totalInstancesUsed": used["instances"],
        "totalCoresUsed": used["cores"],
        "totalRAMUsed": used["ram"],
        "totalServerGroupsUsed": 0,
        "totalFloatingIpsUsed": 0,
        "totalSecurityGroupsUsed": 0,
    }
    return {"limits": {"rate": [], "absolute": shown_at(minor_of(call.request), absolute, until=_LIMITS_UNTIL)}}


def get_quotas(call: Call) -> Answer:
    """GET /v2.1/os-quota-sets/{project_id}."""
    _require_own(call, "show")
    limits = {name: _limit(call.cloud, name) for name in QUOTAS}
    shown = shown_at(minor_of(call.request), limits, until=_QUOTAS_UNTIL)
    return {"quota_set": {"id": call.path["project_id"]} | shown}


def get_quota_details(call: Call) -> Answer:
    """GET /v2.1/os-quota-sets/{project_id}/detail; keypairs are a user's, so that none is counted here."""
    _require_own(call, "detail")
    used = _used(call.cloud, call.project_id)
    limits = {name: {"limit": _limit(call.cloud, name), "in_use": used.get(name, 0), "reserved": 0} for name in QUOTAS}
    shown = shown_at(minor_of(call.request), limits, until=_QUOTAS_UNTIL)
    return {"quota_set": {"id": call.path["project_id"]} | shown}


def _require_own(call: Call, action: str) -> None:
    if call.path["project_id"] != call.project_id:
        raise ApiError(403, f"Policy doesn't allow os_compute_api:os-quota-sets:{action} to be performed.")
