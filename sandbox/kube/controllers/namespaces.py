"""Namespaces: what every one of them holds, and how they go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.kube.controllers.base import NAMESPACES, Controller, Obj, is_going
from sandbox.kube.objects import Objects
from sandbox.kube.store import Event

ACCOUNTS = ("", "serviceaccounts")
CONFIG_MAPS = ("", "configmaps")
_ROOT_CA = "kube-root-ca.crt"
_ROOT_CA_MEANS = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


class Namespaces(Controller):
    """Gives a namespace its default ServiceAccount and the cluster's CA; empties one that is deleted."""

    component = "namespace-controller"

    def __init__(self, objects: Objects, ca_cert: str) -> None:
        super().__init__(objects)
        self._ca_cert = ca_cert

    def keys(self, event: Event) -> Iterable[Any]:
        """The namespace itself; that of an object that is gone, which may be the last one it waits for."""
        if event.kind == NAMESPACES:
            return [event.object["metadata"]["name"]]
        return (
            [event.object["metadata"]["namespace"]]
            if event.type == "DELETED" and "namespace" in event.object["metadata"]
            else []
        )

    def reconcile(self, key: str) -> None:
        """Fill or empty."""
        namespace = self.get(NAMESPACES, "", key)
        if namespace is None:
            return
        if is_going(namespace):
            self._empty(namespace)
            return
        if self.get(ACCOUNTS, key, "default") is None:
            self.create(ACCOUNTS, key, {"metadata": {"name": "default"}})
        if self.get(CONFIG_MAPS, key, _ROOT_CA) is None:
            meta = {"name": _ROOT_CA, "annotations": {"kubernetes.io/description": _ROOT_CA_MEANS}}
            self.create(CONFIG_MAPS, key, {"metadata": meta, "data": {"ca.crt": self._ca_cert}})

    def _empty(self, namespace: Obj) -> None:
        name = namespace["metadata"]["name"]
        left = [(kind, obj) for kind, obj in self.store.everything() if obj["metadata"].get("namespace") == name]
        for kind, obj in left:
            if not is_going(obj):
                self.delete(kind, obj, propagationPolicy="Background")
        if not any(obj["metadata"].get("namespace") == name for _, obj in self.store.everything()):
            self.update(NAMESPACES, {**namespace, "spec": {**namespace["spec"], "finalizers": []}})
