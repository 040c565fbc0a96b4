"""Persistent volumes: made for claims, bound to them, and released or deleted after them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import Any, Protocol

from sandbox.kube.admission import default_storage_class
from sandbox.kube.apply import now
from sandbox.kube.controllers.base import CLAIMS, PODS, VOLUMES, Controller, Obj, is_finished, is_going, key_of
from sandbox.kube.controllers.scheduler import SELECTED_NODE
from sandbox.kube.objects import Objects
from sandbox.kube.quantities import quantity
from sandbox.kube.store import Event
from sandbox.kube.strategy import CLAIM_PROTECTION, VOLUME_PROTECTION

CLASSES = ("storage.k8s.io", "storageclasses")
DRIVERS = ("storage.k8s.io", "csidrivers")
_BOUND_HERE = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


class VolumeHooks(Protocol):
    """The storage behind the CSI driver."""

    async def create(self, name: str, size_gib: int, parameters: dict[str, str]) -> str:
        """Make a volume; returns the handle. An exception's text becomes the claim's event, and it is tried again."""
        ...

    async def delete(self, handle: str) -> None:
        """Delete a volume."""
        ...


class NoStorage:
    """Volumes that exist in the cluster only."""

    async def create(self, name: str, size_gib: int, parameters: dict[str, str]) -> str:
        """The name serves as handle."""
        return name

    async def delete(self, handle: str) -> None:
        """Nothing to delete."""


class Volumes(Controller):
    """Binds claims, with the external provisioner's and the claim protection's part in one."""

    component = "persistentvolume-controller"

    def __init__(self, objects: Objects, hooks: VolumeHooks) -> None:
        super().__init__(objects)
        self._hooks = hooks
        self._jobs: dict[str, asyncio.Task[None]] = {}

    def keys(self, event: Event) -> Iterable[Any]:
        """Claims and volumes themselves; claims of a pod that ended; all waiting claims when a class comes."""
        if event.kind in (CLAIMS, VOLUMES):
            claim = event.object["spec"].get("claimRef")
            return [
                (event.resource, *key_of(event.object)),
                *([(CLAIMS[1], claim["namespace"], claim["name"])] if claim else []),
            ]
        if event.kind == PODS and (event.type == "DELETED" or is_finished(event.object)):
            namespace = event.object["metadata"]["namespace"]
            return [(CLAIMS[1], namespace, name) for name in _claim_names(event.object)]
        if event.kind == CLASSES:
            return [(CLAIMS[1], *key_of(c)) for c in self.list(CLAIMS) if c["status"].get("phase") == "Pending"]
        return []

    def reconcile(self, key: tuple[str, str, str]) -> None:
        """One claim or one volume."""
        resource, namespace, name = key
        obj = self.get(("", resource), namespace, name)
        if obj is None:
            if resource == CLAIMS[1]:
                for volume in self.list(VOLUMES):
                    ref = volume["spec"].get("claimRef") or {}
                    if (ref.get("namespace"), ref.get("name")) == (namespace, name):
                        self.enqueue((VOLUMES[1], *key_of(volume)))
        elif resource == VOLUMES[1]:
            self._volume(obj)
        elif is_going(obj):
            self._let_go(obj)
        elif obj["status"].get("phase") == "Pending":
            self._find_volume(obj)

    def _let_go(self, claim: Obj) -> None:
        """Take the protection off once no pod uses the claim."""
        namespace, name = key_of(claim)
        used = any(name in _claim_names(p) and not is_finished(p) for p in self.list(PODS, namespace))
        finalizers = claim["metadata"].get("finalizers") or []
        if not used and CLAIM_PROTECTION in finalizers:
            left = [f for f in finalizers if f != CLAIM_PROTECTION]
            self.update(CLAIMS, {**claim, "metadata": {**claim["metadata"], "finalizers": left}})

    def _find_volume(self, claim: Obj) -> None:
        if "storageClassName" not in claim["spec"] and (name := default_storage_class(self.store)):
            self.update(CLAIMS, {**claim, "spec": {**claim["spec"], "storageClassName": name}})
            return
        if volume := next((v for v in self.list(VOLUMES) if _suits(claim, v)), None):
            self._bind(claim, volume)
            return
        if claim["spec"].get("volumeName"):
            return
        class_name = claim["spec"].get("storageClassName")
        if not class_name:
            message = "no persistent volumes available for this claim and no storage class is set"
            self.record(claim, "FailedBinding", message)
            return
        storage_class = self.get(CLASSES, "", class_name)
        if storage_class is None:
            message = f'storageclass.storage.k8s.io "{class_name}" not found'
            self.record(claim, "ProvisioningFailed", message, "Warning")
            return
        self._provision(claim, storage_class)

    def _provision(self, claim: Obj, storage_class: Obj) -> None:
        provisioner = storage_class["provisioner"]
        selected = (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE)
        if storage_class["volumeBindingMode"] == "WaitForFirstConsumer" and not selected:
            self.record(claim, "WaitForFirstConsumer", "waiting for first consumer to be created before binding")
            return
        if self.get(DRIVERS, "", provisioner) is None:
            message = (
                f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually"
            )
            self.record(claim, "ExternalProvisioning", message)
            return
        uid = claim["metadata"]["uid"]
        if uid not in self._jobs:
            self._jobs[uid] = asyncio.create_task(self._make_volume(claim, storage_class))
            self._jobs[uid].add_done_callback(lambda _: self._jobs.pop(uid, None))

    async def _make_volume(self, claim: Obj, storage_class: Obj) -> None:
        name = f"pvc-{claim['metadata']['uid']}"
        asked = (claim["spec"]["resources"].get("requests") or {}).get("storage", "1Gi")
        size_gib = max(math.ceil(quantity(asked) / 2**30), 1)
        try:
            handle = await self._hooks.create(name, size_gib, storage_class.get("parameters") or {})
        except Exception as error:
            message = f'failed to provision volume with StorageClass "{storage_class["metadata"]["name"]}": {error}'
            self.record(claim, "ProvisioningFailed", message, "Warning")
            self.enqueue_in((CLAIMS[1], *key_of(claim)), 5)
            return
        namespace, claim_name = key_of(claim)
        reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": namespace, "name": claim_name}
        spec = {
            "capacity": {"storage": f"{size_gib}Gi"},
            "accessModes": claim["spec"].get("accessModes") or ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": storage_class["reclaimPolicy"],
            "storageClassName": storage_class["metadata"]["name"],
            "volumeMode": claim["spec"]["volumeMode"],
            "claimRef": {**reference, "uid": claim["metadata"]["uid"]},
            "csi": {"driver": storage_class["provisioner"], "volumeHandle": handle, "fsType": "ext4"},
        }
        annotations = {PROVISIONED_BY: storage_class["provisioner"]}
        self.create(VOLUMES, "", {"metadata": {"name": name, "annotations": annotations}, "spec": spec})
        self.record(claim, "ProvisioningSucceeded", f"Successfully provisioned volume {name}")

    def _bind(self, claim: Obj, volume: Obj) -> None:
        namespace, name = key_of(claim)
        reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": namespace, "name": name}
        reference |= {key: claim["metadata"][key] for key in ("uid", "resourceVersion")}
        meta = volume["metadata"]
        if not volume["spec"].get("claimRef"):  # nobody had reserved it
            meta = {**meta, "annotations": {**(meta.get("annotations") or {}), _BOUND_HERE: "yes"}}
        volume = self.update(VOLUMES, {**volume, "metadata": meta, "spec": {**volume["spec"], "claimRef": reference}})
        self._set_phase(volume, "Bound")
        told = {"pv.kubernetes.io/bind-completed": "yes"}
        if not claim["spec"].get("volumeName"):
            told[_BOUND_HERE] = "yes"
        meta = {**claim["metadata"], "annotations": {**(claim["metadata"].get("annotations") or {}), **told}}
        spec = {**claim["spec"], "volumeName": volume["metadata"]["name"]}
        claim = self.update(CLAIMS, {**claim, "metadata": meta, "spec": spec})
        status = {
            "phase": "Bound",
            "accessModes": volume["spec"]["accessModes"],
            "capacity": volume["spec"]["capacity"],
        }
        self.set_status(CLAIMS, claim, status)

    def _volume(self, volume: Obj) -> None:
        """Released when its claim is gone; then deleted, or kept as its policy says."""
        if is_going(volume):
            self._release(volume)
            return
        ref = volume["spec"].get("claimRef")
        if not ref or not ref.get("uid"):
            self._offer(volume)
            return
        claim = self.get(CLAIMS, ref["namespace"], ref["name"])
        if claim and claim["metadata"]["uid"] == ref["uid"]:
            return
        if volume["status"].get("phase") != "Released":
            volume = self._set_phase(volume, "Released")
        uid = volume["metadata"]["uid"]
        if volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" and uid not in self._jobs:
            self._jobs[uid] = asyncio.create_task(self._delete_volume(volume))
            self._jobs[uid].add_done_callback(lambda _: self._jobs.pop(uid, None))

    def _offer(self, volume: Obj) -> None:
        """A volume without a claim is there for the claims that wait for one."""
        self._set_phase(volume, "Available")
        for claim in self.list(CLAIMS):
            if claim["status"].get("phase") == "Pending" and not is_going(claim) and _suits(claim, volume):
                self.enqueue((CLAIMS[1], *key_of(claim)))
                return

    async def _delete_volume(self, volume: Obj) -> None:
        try:
            await self._hooks.delete((volume["spec"].get("csi") or {}).get("volumeHandle", volume["metadata"]["name"]))
        except Exception as error:
            self.record(volume, "VolumeFailedDelete", str(error), "Warning")
            self.enqueue_in((VOLUMES[1], *key_of(volume)), 5)
            return
        self.delete(VOLUMES, volume)

    def _set_phase(self, volume: Obj, phase: str) -> Obj:
        if volume["status"].get("phase") == phase:
            return volume
        return self.set_status(VOLUMES, volume, {"phase": phase, "lastPhaseTransitionTime": now()})

    def _release(self, volume: Obj) -> None:
        """Take the protection off a volume that is going and that no claim has."""
        finalizers = volume["metadata"].get("finalizers") or []
        if volume["status"].get("phase") != "Bound" and VOLUME_PROTECTION in finalizers:
            left = [f for f in finalizers if f != VOLUME_PROTECTION]
            self.update(VOLUMES, {**volume, "metadata": {**volume["metadata"], "finalizers": left}})


def _claim_names(pod: Obj) -> list[str]:
    volumes = pod["spec"].get("volumes") or []
    return [v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v]


def _suits(claim: Obj, volume: Obj) -> bool:
    """Whether a volume is free and what the claim asks for."""
    wanted, has = claim["spec"], volume["spec"]
    ref = has.get("claimRef")
    if ref and (ref["namespace"], ref["name"]) != key_of(claim):
        return False
    if ref and ref.get("uid") not in (None, "", claim["metadata"]["uid"]):
        return False
    if wanted.get("volumeName") not in (None, "", volume["metadata"]["name"]) or is_going(volume):
        return False
    size = (wanted["resources"].get("requests") or {}).get("storage")
    return (
        (wanted.get("storageClassName") or "") == (has.get("storageClassName") or "")
        and set(wanted.get("accessModes") or []) <= set(has.get("accessModes") or [])
        and quantity(has["capacity"]["storage"]) >= quantity(size)
    )
