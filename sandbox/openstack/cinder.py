"""Cinder: the volumes behind persistent volume claims, their type and their quota."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud
from sandbox.faults import BackgroundFailureError
from sandbox.openstack.service import Answer, ApiError, Call, Service
from sandbox.store import Resource, matches, public

_DELETE_S = 2
QUOTAS = {"volumes": 40, "gigabytes": 2000, "snapshots": 10}


def create_volume(cloud: Cloud, *, name: str, size_gib: int, project_id: str, **fields: Any) -> Resource:
    """A volume as the CSI driver asks for it, counted against the project's quota."""
    volumes = cloud.store.list("volume", project_id=project_id)
    used_gib = sum(volume["size"] for volume in volumes)
    if len(volumes) >= _limit(cloud, "volumes") or used_gib + size_gib > _limit(cloud, "gigabytes"):
        raise ApiError(413, f"VolumeSizeExceedsAvailableQuota: Requested volume exceeds quota ({used_gib} GiB used).")
    volume = {
        "name": name,
        "size": size_gib,
        "status": "available",
        "project_id": project_id,
        "os-vol-tenant-attr:tenant_id": project_id,
        "volume_type": "default",
        "availability_zone": "nova",
        "description": None,
        "attachments": [],
        "metadata": {},
        "bootable": "false",
    }
    return cloud.store.create("volume", **volume | fields)


def delete_volume(cloud: Cloud, volume_id: str) -> None:
    cloud.store.delete("volume", volume_id)


def _shown(cloud: Cloud, volume: Resource) -> Resource:
    """With the servers that it is attached to: as long as they are there, whatever becomes of the pods on them."""
    servers = cloud.store.list("server", id=volume.get("_attached_to"))
    attachments = [{"server_id": server["id"], "volume_id": volume["id"]} for server in servers]
    in_use = {"status": "in-use"} if attachments and volume["status"] == "available" else {}
    return public(volume) | {"attachments": attachments} | in_use


def _volumes(call: Call) -> Answer:
    found = [_shown(call.cloud, volume) for volume in call.cloud.store.list("volume", project_id=call.project_id)]
    return {"volumes": [volume for volume in found if matches(volume, call.query)]}


def _volume(call: Call) -> Answer:
    volume = call.cloud.store.get("volume", call.path["id"], project_id=call.project_id)
    return {"volume": _shown(call.cloud, volume)}


def _create(call: Call) -> Answer:
    wanted = call.wanted("volume")
    volume = create_volume(
        call.cloud,
        name=wanted.get("name") or "",
        size_gib=int(wanted["size"]),
        project_id=call.project_id,
        description=wanted.get("description"),
        metadata=wanted.get("metadata", {}),
    )
    return 202, {"volume": public(volume)}


def _set_metadata(call: Call) -> Answer:
    """What is given is laid over what is there."""
    volume = call.cloud.store.get("volume", call.path["id"], project_id=call.project_id)
    metadata = volume["metadata"] | call.wanted("metadata")
    return {"metadata": call.cloud.store.update("volume", volume["id"], {"metadata": metadata})["metadata"]}


def _delete(call: Call) -> Answer:
    volume = call.cloud.store.get("volume", call.path["id"], project_id=call.project_id)
    if _shown(call.cloud, volume)["status"] == "in-use":
        raise ApiError(400, "Invalid volume: Volume status must be available or error and must not be attached.")
    call.cloud.store.update("volume", volume["id"], {"status": "deleting"})
    call.cloud.in_background(_delete_later(call.cloud, volume))
    return 202, None


async def _delete_later(cloud: Cloud, volume: Resource) -> None:
    await cloud.clock.sleep(_DELETE_S)
    try:
        await cloud.faults.in_background("cinder", f"/v3/deletions/{volume['name']}")
    except BackgroundFailureError:
        cloud.store.update("volume", volume["id"], {"status": "error_deleting"})
        return
    delete_volume(cloud, volume["id"])


def _limit(cloud: Cloud, resource: str) -> int:
    return int(cloud.faults.settings.get(f"quota_{resource}", QUOTAS[resource]))


def _quota_set(call: Call) -> Answer:
    quotas: dict[str, Any] = {name: _limit(call.cloud, name) for name in QUOTAS}
    if dict(call.query).get("usage", "").lower() == "true":
        volumes = call.cloud.store.list("volume", project_id=call.project_id)
        used = {"volumes": len(volumes), "gigabytes": sum(volume["size"] for volume in volumes)}
        quotas = {name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0} for name, limit in quotas.items()}
    return {"quota_set": {"id": call.path["id"]} | quotas}


def _limits(call: Call) -> Answer:
    volumes = call.cloud.store.list("volume", project_id=call.project_id)
    absolute = {
        "maxTotalVolumes": _limit(call.cloud, "volumes"),
        "maxTotalVolumeGigabytes": _limit(call.cloud, "gigabytes"),
        "totalVolumesUsed": len(volumes),
        "totalGigabytesUsed": sum(volume["size"] for volume in volumes),
    }
    return {"limits": {"rate": [], "absolute": absolute}}


def _types(call: Call) -> Answer:
    return {"volume_types": [{"id": "default", "name": "default", "is_public": True, "extra_specs": {}}]}


def _versions(call: Call) -> Answer:
    link = {"rel": "self", "href": call.cloud.url("volume/v3/")}
    version = {"id": "v3.0", "status": "CURRENT", "version": "3.71", "min_version": "3.0", "links": [link]}
    return 300, {"versions": [version]}


def _version(call: Call) -> Answer:
    return {"versions": _versions(call)[1]["versions"]}  # type: ignore[index, call-overload]


def _render(error: ApiError) -> dict[str, Any]:
    names = {400: "badRequest", 404: "itemNotFound", 413: "overLimit"}
    return {names.get(error.status, "computeFault"): {"code": error.status, "message": error.message}}


SERVICE = Service(
    name="cinder",
    prefix="volume",
    routes=[
        ("GET", "/", _versions, (200,)),
        ("GET", "/v3", _version, (200,)),
        ("GET", "/v3/", _version, (200,)),
        ("GET", "/v3/volumes", _volumes, (200,)),
        ("GET", "/v3/volumes/detail", _volumes, (200,)),
        ("POST", "/v3/volumes", _create, (202, 400, 413)),
        ("GET", "/v3/volumes/{id}", _volume, (200, 404)),
        ("DELETE", "/v3/volumes/{id}", _delete, (202, 400, 404)),
        ("POST", "/v3/volumes/{id}/metadata", _set_metadata, (200, 400, 404)),
        ("GET", "/v3/os-quota-sets/{id}", _quota_set, (200, 404)),
        ("GET", "/v3/limits", _limits, (200,)),
        ("GET", "/v3/types", _types, (200,)),
    ],
    render=_render,
    public=frozenset({"/", "/v3", "/v3/"}),
    not_found={"volume": ("Volume {} could not be found.", "")},
)
