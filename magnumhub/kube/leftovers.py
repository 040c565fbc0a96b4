"""What the cluster has of a site, as far as something may be left behind there. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kubernetes import client

from magnumhub.domain.checks.leftovers import KubeLeftovers, Started, Volume
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import NotFoundError, translated
from magnumhub.kube.storage import CINDER

GROUP, VERSION, PLURAL = "gateway.dask.org", "v1alpha1", "daskclusters"
_SERVERS = "component=singleuser-server"
_USER = "hub.jupyter.org/username"
"""An annotation of a notebook server's pod; the label of the same name holds an escaped form of the user's name."""


def observe_kube_leftovers(kube: Kube, *, hub_namespace: str, gateway_namespace: str) -> KubeLeftovers:
    """Look at all Dask clusters and notebook servers, at volumes that no claim uses, and at what has a load balancer.

    Safe to repeat: reads only.

    Raises:
        MagnumhubError: Kubernetes does not answer, or refuses to show them.
    """
    with translated(f"listing the notebook servers of {hub_namespace}"):
        pods = kube.plain(kube.core.list_namespaced_pod(hub_namespace, label_selector=_SERVERS))["items"]
    with translated("listing the volumes"):
        volumes = kube.plain(kube.core.list_persistent_volume())["items"]
    with translated("listing the Services"):
        services = kube.plain(kube.core.list_service_for_all_namespaces())["items"]
    return KubeLeftovers(
        dask_clusters=active_dask_clusters(kube, gateway_namespace),
        servers=tuple(_started(pod, pod["metadata"].get("annotations", {}).get(_USER, "")) for pod in pods),
        volumes=tuple(volume_of(volume) for volume in volumes if is_left(volume)),
        services=tuple(
            f"{service['metadata']['namespace']}_{service['metadata']['name']}"
            for service in services
            if service["spec"].get("type") == "LoadBalancer"
        ),
    )


def active_dask_clusters(kube: Kube, namespace: str) -> tuple[Started, ...]:
    """The Dask clusters that wait, run or are being stopped; none where no gateway is installed.

    Args:
        namespace: of the gateway.
    """
    custom = client.CustomObjectsApi(kube.api_client)
    try:
        with translated(f"listing the Dask clusters of {namespace}"):
            found = custom.list_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL)["items"]
    except NotFoundError:  # the gateway's definitions are not installed
        return ()
    # The gateway keeps the records of stopped ones for a day.
    return tuple(
        _started(one, one["spec"].get("username", ""))
        for one in found
        if one.get("status", {}).get("phase", "Pending") in ("Pending", "Running")
    )


def is_left(volume: Mapping[str, Any]) -> bool:
    """Whether a PersistentVolume (as JSON) is one of Cinder's that no claim uses any more."""
    driver = volume["spec"].get("csi", {}).get("driver")
    return driver == CINDER and volume.get("status", {}).get("phase") in ("Released", "Failed")


def volume_of(volume: Mapping[str, Any]) -> Volume:
    """A PersistentVolume (as JSON) in our words."""
    spec, status, claim = volume["spec"], volume["status"], volume["spec"].get("claimRef") or {}
    since = status.get("lastPhaseTransitionTime")
    return Volume(
        name=volume["metadata"]["name"],
        claim=f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "no claim",
        size=spec["capacity"]["storage"],
        volume_id=spec["csi"]["volumeHandle"],
        phase=status["phase"],
        retained=spec.get("persistentVolumeReclaimPolicy") != "Delete",
        since=datetime.fromisoformat(since) if since else None,
        message=status.get("message", ""),
    )


def _started(found: Mapping[str, Any], user: str) -> Started:
    metadata = found["metadata"]
    return Started(
        namespace=metadata["namespace"],
        name=metadata["name"],
        user=user,
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
    )
