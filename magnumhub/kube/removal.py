"""Emptying a cluster before it is deleted, while it has somebody in it who takes away load balancers and volumes; or
making volumes stay.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from magnumhub.domain.errors import DeadlineError, ServiceError
from magnumhub.domain.holdings import ClaimedVolume, Inside
from magnumhub.domain.results import Report
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import RELEASES
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import NotFoundError, translated
from magnumhub.kube.leftovers import active_dask_clusters
from magnumhub.kube.marks import is_ours
from magnumhub.kube.releases import installed_releases
from magnumhub.kube.storage import CINDER
from magnumhub.kube.watching import changes

NOTEBOOK_SERVERS = "component=singleuser-server"
_USER = "hub.jupyter.org/username"
"""An annotation that KubeSpawner puts on a user's claim."""
_MADE_FOR_CLAIM = "pv.kubernetes.io/provisioned-by"
_HUB_DATABASE = "hub-db-dir"
"""The hub's own claim. Source: the jupyterhub chart."""


def observe_inside(kube: Kube, site: Site) -> Inside:
    """Look at what has to be taken out of a cluster, and whose the volumes are.

    Safe to repeat: reads only.

    Raises:
        MagnumhubError: Kubernetes does not answer, or refuses to show it.
    """
    namespaces = {site.jupyterhub.namespace, site.dask_gateway.namespace}
    with translated("listing volumes and claims"):
        volumes = kube.plain(kube.core.list_persistent_volume())["items"]
        claims = kube.plain(kube.core.list_persistent_volume_claim_for_all_namespaces())["items"]
    with translated("listing namespaces and Services"):
        found = kube.plain(kube.core.list_namespace())["items"]
        services = kube.plain(kube.core.list_service_for_all_namespaces())["items"]
    with translated(f"listing the notebook servers of {site.jupyterhub.namespace}"):
        pods = kube.core.list_namespaced_pod(site.jupyterhub.namespace, label_selector=NOTEBOOK_SERVERS).items
    users = {_where(claim): claim["metadata"].get("annotations", {}).get(_USER, "") for claim in claims}
    return Inside(
        releases=tuple(
            release
            for release in installed_releases(kube)
            if release.name in RELEASES.values() and release.namespace in namespaces
        ),
        namespaces=tuple(
            namespace["metadata"]["name"]
            for namespace in found
            if namespace["metadata"]["name"] in namespaces and is_ours(namespace["metadata"].get("labels"), site.name)
        ),
        volumes=tuple(claimed_volume(volume, users) for volume in volumes if volume["spec"].get("claimRef")),
        services=tuple(_where(service) for service in services if _has_balancer(service)),
        dask_clusters=len(active_dask_clusters(kube, site.dask_gateway.namespace)),
        notebook_servers=len(pods),
    )


def claimed_volume(volume: Mapping[str, Any], users: Mapping[str, str]) -> ClaimedVolume:
    """A PersistentVolume (as JSON) in our words.

    Args:
        users: whose home a claim is, by NAMESPACE/NAME, where Kubernetes says so.
    """
    spec, claim = volume["spec"], volume["spec"]["claimRef"]
    where = f"{claim['namespace']}/{claim['name']}"
    driver = spec.get("csi", {}).get("driver", "")
    if user := users.get(where):
        of = f"home of {user}"
    else:
        of = "the hub's database" if claim["name"] == _HUB_DATABASE else f"volume of {claim['name']}"
    return ClaimedVolume(
        name=volume["metadata"]["name"],
        claim=where,
        of=of,
        handle=spec["csi"]["volumeHandle"] if driver else volume["metadata"]["name"],
        size=spec["capacity"]["storage"],
        policy=spec.get("persistentVolumeReclaimPolicy", ""),
        driver=driver,
        in_cinder=driver == CINDER,
        made_for_claim=_MADE_FOR_CLAIM in volume["metadata"].get("annotations", {}),
    )


def set_reclaim_policy(kube: Kube, volumes: Iterable[ClaimedVolume], policy: str) -> None:
    """Make volumes stay (Retain) or go (Delete) with their claims, and see that it is so.

    Safe to repeat: one that has the policy is not touched.

    Raises:
        ServiceError: Kubernetes took the change and shows another policy.
    """
    for volume in volumes:
        if volume.policy == policy:
            continue
        with translated(f"setting volume {volume.name} to {policy}"):
            try:
                kube.core.patch_persistent_volume(volume.name, {"spec": {"persistentVolumeReclaimPolicy": policy}})
                seen = kube.core.read_persistent_volume(volume.name).spec.persistent_volume_reclaim_policy
            except NotFoundError:
                continue
        if seen != policy:
            raise ServiceError(f"volume {volume.name} ({volume.claim}) was set to {policy}, and is {seen}")


def stop_notebook_servers(kube: Kube, namespace: str, *, deadline_s: float) -> None:
    """Delete the notebook servers of all users and wait for their end; there must be no hub that starts them again.

    Safe to repeat.

    Raises:
        DeadlineError: some are still there; names them.
    """

    def delete(pod: Any) -> None:
        kube.core.delete_namespaced_pod(pod.metadata.name, namespace)

    _delete_all(
        f"stopping the notebook servers of {namespace}",
        delete,
        kube.core.list_namespaced_pod,
        namespace,
        label_selector=NOTEBOOK_SERVERS,
        deadline_s=deadline_s,
    )


def delete_claims(kube: Kube, claims: Collection[str], *, deadline_s: float) -> None:
    """Delete claims and wait until their volumes are gone too, which the cluster's storage driver deletes.

    Safe to repeat.

    Args:
        claims: NAMESPACE/NAME; nothing else is deleted.

    Raises:
        DeadlineError: volumes are still there; names them.
    """
    for claim in claims:
        namespace, _, name = claim.partition("/")
        with contextlib.suppress(NotFoundError), translated(f"deleting claim {claim}"):
            kube.core.delete_namespaced_persistent_volume_claim(name, namespace)

    def is_meant(volume: Any) -> bool:
        claim = volume.spec.claim_ref
        return bool(claim and f"{claim.namespace}/{claim.name}" in claims)

    _wait_until_none("deleting volumes", is_meant, kube.core.list_persistent_volume, deadline_s=deadline_s)


def delete_balanced_services(kube: Kube, *, deadline_s: float, report: Report) -> None:
    """Delete every Service that still has a load balancer, and wait until the cloud's controller has let go of them.

    Safe to repeat; only on a cluster that is deleted next.

    Raises:
        DeadlineError: the controller does not take them away; names them.
    """

    def delete(service: Any) -> None:
        report(f"service {service.metadata.namespace}/{service.metadata.name}: waiting for its load balancer's end")
        kube.core.delete_namespaced_service(service.metadata.name, service.metadata.namespace)

    _delete_all(
        "deleting the Services that have load balancers",
        delete,
        kube.core.list_service_for_all_namespaces,
        is_meant=lambda service: _has_balancer(kube.plain(service)),
        deadline_s=deadline_s,
    )


def delete_namespaces(kube: Kube, names: Collection[str], *, deadline_s: float) -> None:
    """Delete namespaces with all that is in them, and wait until they are gone.

    Safe to repeat.

    Raises:
        DeadlineError: something in one does not go; names it.
    """
    _delete_all(
        "deleting namespaces",
        lambda namespace: kube.core.delete_namespace(namespace.metadata.name),
        kube.core.list_namespace,
        is_meant=lambda namespace: namespace.metadata.name in names,
        deadline_s=deadline_s,
    )


def _delete_all(
    doing: str,
    delete: Callable[[Any], None],
    list_call: Callable[..., Any],
    *args: Any,
    deadline_s: float,
    is_meant: Callable[[Any], bool] = lambda thing: True,
    **kwargs: Any,
) -> None:
    with translated(doing):
        there = [thing for thing in list_call(*args, **kwargs).items if is_meant(thing)]
    for thing in there:
        if thing.metadata.deletion_timestamp is None:
            with contextlib.suppress(NotFoundError), translated(f"{doing}: {thing.metadata.name}"):
                delete(thing)
    if there:
        _wait_until_none(doing, is_meant, list_call, *args, deadline_s=deadline_s, **kwargs)


def _wait_until_none(
    doing: str,
    is_meant: Callable[[Any], bool],
    list_call: Callable[..., Any],
    *args: Any,
    deadline_s: float,
    **kwargs: Any,
) -> None:
    started, left = time.monotonic(), ["what was asked for"]
    for listed in changes(doing, list_call, *args, deadline_s=deadline_s, **kwargs):
        left = sorted(thing.metadata.name for thing in listed if is_meant(thing))
        if not left:
            return
    raise DeadlineError(f"{doing}: still there after {time.monotonic() - started:.0f} s: {', '.join(left)}")


def _has_balancer(service: Mapping[str, Any]) -> bool:
    return bool(service["spec"].get("type") == "LoadBalancer")


def _where(thing: Mapping[str, Any]) -> str:
    return f"{thing['metadata']['namespace']}/{thing['metadata']['name']}"
