"""Endpoints and EndpointSlices: the pods behind each Service.

Traefik and the node read the slices, dask-gateway's controller reads the Endpoints.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sandbox.kube.apply import now
from sandbox.kube.controllers.base import (
    PODS,
    SERVICES,
    Controller,
    Obj,
    is_finished,
    is_going,
    is_ready,
    key_of,
    owner_reference,
    template_hash,
)
from sandbox.kube.store import Event

ENDPOINTS = ("", "endpoints")
SLICES = ("discovery.k8s.io", "endpointslices")
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_OURS = "endpointslice-controller.k8s.io"
Ports = tuple[tuple[str, int, str], ...]  # name, port, protocol


class Endpoints(Controller):
    """Keeps the endpoints of Services with a selector. Pods that are going away are left out at once."""

    component = "endpoint-controller"

    def keys(self, event: Event) -> Iterable[Any]:
        """The Service itself, or those that select a pod (before or after its change)."""
        if event.kind == SERVICES:
            return [key_of(event.object)]
        if event.kind != PODS:
            return []
        states = [o for o in (event.object, event.previous) if o]
        services = self.list(SERVICES, event.object["metadata"]["namespace"])
        return [key_of(s) for s in services if any(_selects(s, pod) for pod in states)]

    def reconcile(self, key: tuple[str, str]) -> None:
        """Write what the pods are now."""
        service = self.get(SERVICES, *key)
        if service is None:
            if gone := self.get(ENDPOINTS, *key):
                self.delete(ENDPOINTS, gone)
            return
        if not service["spec"].get("selector") or service["spec"]["type"] == "ExternalName":
            return
        pods = [p for p in self.list(PODS, key[0]) if _selects(service, p) and _reachable(p)]
        groups: dict[Ports, list[Obj]] = defaultdict(list)
        for pod in pods:
            groups[_ports(service, pod)].append(pod)
        self._write(
            ENDPOINTS, key[1], service, {"subsets": [_subset(service, p, group) for p, group in groups.items()]}
        )
        self._write_slices(service, groups or {_ports(service, None): []})

    def _write_slices(self, service: Obj, groups: dict[Ports, list[Obj]]) -> None:
        namespace, name = key_of(service)
        wanted = {f"{name}-{_mark(service, ports)}": (ports, group) for ports, group in groups.items()}
        for old in self.list(SLICES, namespace):
            labels = old["metadata"].get("labels") or {}
            mine = labels.get(SERVICE_NAME) == name and labels.get(MANAGED_BY) == _OURS
            if mine and old["metadata"]["name"] not in wanted:
                self.delete(SLICES, old)
        for slice_name, (ports, group) in wanted.items():
            told = {
                "addressType": "IPv4",
                "ports": [{"name": n, "port": port, "protocol": protocol} for n, port, protocol in ports],
                "endpoints": [_endpoint(service, pod) for pod in group],
            }
            self._write(SLICES, slice_name, service, told)

    def _write(self, kind: tuple[str, str], name: str, service: Obj, told: Obj) -> None:
        """Create or update, with the Service's labels: dask-gateway's informer selects Endpoints by them."""
        namespace = service["metadata"]["namespace"]
        labels = dict(service["metadata"].get("labels") or {})
        if service["spec"].get("clusterIP") == "None":
            labels["service.kubernetes.io/headless"] = ""
        meta: Obj = {"name": name, "namespace": namespace, "labels": labels}
        annotations = {"endpoints.kubernetes.io/last-change-trigger-time": now()}
        if kind == SLICES:
            labels |= {SERVICE_NAME: service["metadata"]["name"], MANAGED_BY: _OURS}
            meta |= {"ownerReferences": [owner_reference(service)], "generateName": f"{service['metadata']['name']}-"}
        else:
            labels["endpoints.kubernetes.io/managed-by"] = "endpoint-controller"
        had = self.get(kind, namespace, name)
        if had is None:
            self.create(kind, namespace, {"metadata": {**meta, "annotations": annotations}, **told})
        elif {k: had.get(k) for k in told} != told or had["metadata"].get("labels") != labels:
            meta = {**had["metadata"], "labels": labels, "annotations": annotations}
            self.update(kind, {**had, "metadata": meta, **told})


def _selects(service: Obj, pod: Obj) -> bool:
    selector = service["spec"].get("selector")
    labels = pod["metadata"].get("labels") or {}
    return bool(selector) and all(labels.get(k) == v for k, v in selector.items())


def _reachable(pod: Obj) -> bool:
    return bool(pod["status"].get("podIP")) and not is_going(pod) and not is_finished(pod)


def _ports(service: Obj, pod: Obj | None) -> Ports:
    """The Service's ports as this pod has them; a name that the pod does not know leaves the port out."""
    found = []
    for port in service["spec"].get("ports") or []:
        target = port["targetPort"]
        if isinstance(target, str) and not target.isdigit():
            containers = pod["spec"]["containers"] if pod else []
            named = [p for c in containers for p in c.get("ports") or [] if p.get("name") == target]
            if not named:
                continue
            target = named[0]["containerPort"]
        found.append((port.get("name", ""), int(target), port["protocol"]))
    return tuple(found)


def _counts_as_ready(service: Obj, pod: Obj) -> bool:
    return is_ready(pod) or bool(service["spec"].get("publishNotReadyAddresses"))


def _target(pod: Obj) -> Obj:
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def _subset(service: Obj, ports: Ports, pods: list[Obj]) -> Obj:
    ready, others = [], []
    for pod in pods:
        address = {"ip": pod["status"]["podIP"], "nodeName": pod["spec"].get("nodeName"), "targetRef": _target(pod)}
        (ready if _counts_as_ready(service, pod) else others).append(address)
    told: Obj = {"addresses": ready} if ready else {}
    told |= {"notReadyAddresses": others} if others else {}
    if ports:
        told["ports"] = [{**({"name": n} if n else {}), "port": port, "protocol": proto} for n, port, proto in ports]
    return told


def _endpoint(service: Obj, pod: Obj) -> Obj:
    ready = _counts_as_ready(service, pod)
    conditions = {"ready": ready, "serving": ready, "terminating": False}
    addresses = [pod["status"]["podIP"]]
    return {
        "addresses": addresses,
        "conditions": conditions,
        "nodeName": pod["spec"].get("nodeName"),
        "targetRef": _target(pod),
    }


def _mark(service: Obj, ports: Ports) -> str:
    """A slice's name ends alike as long as its ports are alike."""
    return template_hash([service["metadata"]["uid"], ports])[:5]
