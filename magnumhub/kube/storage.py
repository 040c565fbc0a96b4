"""The StorageClass for the users' homes and the hub's database: the cluster's own where there is one, else ours.

Heat clouds come with the Cinder CSI driver and no class; without a class every claim stays Pending for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kubernetes import client

from magnumhub.domain.errors import RefusedError
from magnumhub.domain.plan import Confirm, unplanned
from magnumhub.domain.results import Action
from magnumhub.domain.spec import DynamicStorage, EphemeralStorage
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import ConflictError, translated
from magnumhub.kube.marks import labels

CINDER = "cinder.csi.openstack.org"
OUR_CLASS = "magnumhub"


@dataclass(frozen=True)
class ClassSeen:
    name: str
    provisioner: str
    is_default: bool = False


@dataclass(frozen=True)
class StorageDecision:
    """use: an existing class; create: ours; refuse: with the reason."""

    step: Literal["use", "create", "refuse"]
    name: str = ""
    reason: str = ""


def decide_storage_class(asked: str, classes: Sequence[ClassSeen], drivers: Sequence[str]) -> StorageDecision:
    """Which class the claims use.

    Args:
        asked: `default`, or a class's name.
        classes: what the cluster has.
        drivers: names of its CSI drivers.
    """
    names = sorted(seen.name for seen in classes)
    if asked != "default":
        if asked in names:
            return StorageDecision("use", asked)
        return StorageDecision("refuse", reason=f"no StorageClass {asked}; there is {', '.join(names) or 'none'}")
    for seen in classes:
        if seen.is_default:
            return StorageDecision("use", seen.name)
    for seen in sorted(classes, key=lambda seen: seen.name):
        if seen.provisioner == CINDER:
            return StorageDecision("use", seen.name)
    if CINDER in drivers:
        return StorageDecision("create", OUR_CLASS)
    return StorageDecision("refuse", reason=f"there is no default StorageClass and no CSI driver {CINDER}")


def observe_storage(kube: Kube, storage: DynamicStorage) -> StorageDecision:
    """Which class the claims would use, from what the cluster has.

    Safe to repeat: reads only.
    """
    with translated("listing storage classes"):
        classes = kube.plain(kube.storage.list_storage_class())["items"]
        drivers = kube.plain(kube.storage.list_csi_driver())["items"]
    return decide_storage_class(
        storage.storage_class, [_seen(item) for item in classes], [item["metadata"]["name"] for item in drivers]
    )


def ensure_storage_class(
    kube: Kube, storage: DynamicStorage | EphemeralStorage, *, site: str, confirm: Confirm = unplanned
) -> tuple[str, Action]:
    """Make sure that there is a class for the site's volumes.

    Safe to repeat: an existing class is used; ours is made at most once and never changed.

    Args:
        confirm: called before a class is made; raises where that was not planned.

    Returns:
        The class's name and whether it was made; ("", "skipped") for a site without volumes.

    Raises:
        RefusedError: no class is usable and none can be made; the hint has both remedies.
    """
    if isinstance(storage, EphemeralStorage):
        return "", "skipped"
    decision = observe_storage(kube, storage)
    if decision.step == "refuse":
        raise RefusedError(
            f"no volumes can be made: {decision.reason}",
            "create the cluster with the label cinder_csi_enabled=true, name an existing class in storage.class, or "
            "set storage: {kind: ephemeral} (nothing is kept then)",
        )
    if decision.step == "use":
        return decision.name, "kept"
    confirm("create", "")
    return decision.name, _create(kube, decision.name, site)


def _create(kube: Kube, name: str, site: str) -> Action:
    body = client.V1StorageClass(
        metadata=client.V1ObjectMeta(name=name, labels=labels(site)),
        provisioner=CINDER,
        allow_volume_expansion=True,
        reclaim_policy="Delete",
        # A volume is made in the zone of the node its pod goes to.
        volume_binding_mode="WaitForFirstConsumer",
    )
    try:
        with translated(f"creating StorageClass {name}"):
            kube.storage.create_storage_class(body)
    except ConflictError:
        return "kept"
    return "created"


def _seen(item: Mapping[str, Any]) -> ClassSeen:
    annotations = item["metadata"].get("annotations", {})
    is_default = annotations.get("storageclass.kubernetes.io/is-default-class") == "true"
    return ClassSeen(item["metadata"]["name"], item["provisioner"], is_default)
