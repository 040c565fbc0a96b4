"""What is free on each node: what it offers to pods minus what those on it request, as Kubernetes' scheduler counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from magnumhub.domain.checks.capacity import NodeRoom
from magnumhub.domain.quantities import quantity
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import translated
from magnumhub.kube.readiness import node_seen, taints_of

_MOST_PODS = 110
"""Of a node that does not say it. Source: the kubelet's default of maxPods."""

_Requests = dict[str, Decimal]


def node_rooms(kube: Kube) -> list[NodeRoom]:
    """The room on each node that is ready and takes pods, by name.

    Safe to repeat: two lists, nothing else.

    Raises:
        MagnumhubError: the API does not answer, or does not let us look.
    """
    with translated("listing nodes and pods"):
        nodes = kube.plain(kube.core.list_node())["items"]
        pods = kube.plain(kube.core.list_pod_for_all_namespaces())["items"]
    return sorted((free_room(node, pods) for node in nodes if _takes_pods(node)), key=lambda room: room.name)


def free_room(node: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> NodeRoom:
    """What one node (as JSON) has left beside the pods that are on it."""
    name, has = node["metadata"]["name"], node["status"].get("allocatable", {})
    there = [requests_of(pod["spec"]) for pod in pods if pod["spec"].get("nodeName") == name and _stays(pod)]
    cores = quantity(has.get("cpu", 0)) - sum(requests["cpu"] for requests in there)
    memory = quantity(has.get("memory", 0)) - sum(requests["memory"] for requests in there)
    most = int(quantity(has.get("pods", _MOST_PODS)))
    return NodeRoom(name, math.floor(cores * 1000), math.floor(memory), most - len(there))


def requests_of(spec: Mapping[str, Any]) -> _Requests:
    """What a pod's spec (as JSON) takes of its node.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
    """
    return {resource: _requested(spec, resource) for resource in ("cpu", "memory")}


def _requested(spec: Mapping[str, Any], resource: str) -> Decimal:
    beside, starting = Decimal(0), Decimal(0)
    for container in spec.get("initContainers", []):
        asked = _asked(container, resource)
        starting = max(starting, beside + asked)
        if container.get("restartPolicy") == "Always":
            beside += asked
    running = beside + sum((_asked(container, resource) for container in spec.get("containers", [])), Decimal(0))
    return max(starting, running) + quantity(spec.get("overhead", {}).get(resource, 0))


def _asked(container: Mapping[str, Any], resource: str) -> Decimal:
    return quantity(container.get("resources", {}).get("requests", {}).get(resource, 0))


def _takes_pods(node: Mapping[str, Any]) -> bool:
    """Dask's pods tolerate no taint, other than users' pods."""
    seen = node_seen(node)
    return seen.ready and seen.schedulable and not taints_of(node)


def _stays(pod: Mapping[str, Any]) -> bool:
    """Whether a pod keeps its place: not one that has ended or is ending, nor one that makes room for users.

    The hub's user placeholders have a priority below 0, so that any other pod takes their place.
    """
    ended = pod.get("status", {}).get("phase") in ("Succeeded", "Failed") or "deletionTimestamp" in pod["metadata"]
    return not ended and pod["spec"].get("priority", 0) >= 0
