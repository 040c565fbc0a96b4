"""What the server decides itself when an object is written: addresses, a claim's class, acceptance of a definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.kube.addresses import ServiceAddresses
from sandbox.kube.apply import now
from sandbox.kube.errors import forbidden, not_found
from sandbox.kube.kinds import Resource
from sandbox.kube.pod_admission import give_priority, give_token
from sandbox.kube.store import Store
from sandbox.kube.strategy import CLAIM_PROTECTION, VOLUME_PROTECTION

Obj = dict[str, Any]
NOT_READY = "node.kubernetes.io/not-ready"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def default_storage_class(store: Store) -> str | None:
    """The name of the class that claims get when they name none."""
    for storage_class in store.list("storage.k8s.io", "storageclasses"):
        if (storage_class["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true":
            return storage_class["metadata"]["name"]
    return None


class Admission:
    """Changes objects in place before they are stored.

    pod_images: start of a pod's name -> the image that all its containers get.
    """

    def __init__(self, store: Store, addresses: ServiceAddresses) -> None:
        self._store = store
        self._addresses = addresses
        self.pod_images: Mapping[str, str] = {}

    def namespace_takes(self, resource: Resource, namespace: str, name: str) -> None:
        """StatusError where the namespace is missing or going away."""
        found = self._store.get("", "namespaces", "", namespace)
        if found is None:
            raise not_found("", "namespaces", namespace)
        if "deletionTimestamp" in found["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(resource.group, resource.plural, name, why)

    def admit(self, resource: Resource, obj: Obj, old: Obj | None) -> None:
        """Fill in what the server decides."""
        if resource.key == ("apiextensions.k8s.io", "customresourcedefinitions"):
            self._accept(obj)
        elif resource.key == ("", "services"):
            self._addresses.assign(obj, old)
        elif old is not None:
            pass
        elif resource.key == ("", "pods"):
            give_token(self._store, obj)
            give_priority(self._store, obj)
            self._replace_images(obj)
        elif resource.key == ("", "persistentvolumeclaims"):
            self._claim(obj)
        elif resource.key == ("", "persistentvolumes"):
            obj["metadata"].setdefault("finalizers", []).append(VOLUME_PROTECTION)
        elif resource.key == ("", "nodes"):
            self._node(obj)

    def _replace_images(self, pod: Obj) -> None:
        for start, image in self.pod_images.items():
            if pod["metadata"]["name"].startswith(start):
                for container in pod["spec"]["containers"]:
                    container["image"] = image

    def _claim(self, claim: Obj) -> None:
        claim["metadata"].setdefault("finalizers", []).append(CLAIM_PROTECTION)
        if claim["spec"].get("storageClassName") is None and (name := default_storage_class(self._store)):
            claim["spec"]["storageClassName"] = name

    @staticmethod
    def _node(node: Obj) -> None:
        """A node takes no pods until somebody has seen that it is ready."""
        taint = {"key": NOT_READY, "effect": "NoSchedule"}
        node["spec"]["taints"] = [*(node["spec"].get("taints") or []), taint]

    @staticmethod
    def _accept(definition: Obj) -> None:
        """A definition is established as it is stored, and served from then on."""
        spec = definition["spec"]
        told = {"NamesAccepted": ("NoConflicts", "no conflicts found")}
        told["Established"] = ("InitialNamesAccepted", "the initial names have been accepted")
        had = (definition.get("status") or {}).get("conditions")
        definition["status"] = {
            "acceptedNames": spec["names"],
            "storedVersions": [v["name"] for v in spec["versions"] if v.get("storage")],
            "conditions": had
            or [
                {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now()}
                for kind, (reason, message) in told.items()
            ],
        }
