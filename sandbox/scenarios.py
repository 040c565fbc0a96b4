"""Troubles by name: each is faults and settings, so that nothing else in the sandbox knows of scenarios."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_NO_HOST = (
    "Resource CREATE failed: ResourceInError: resources.kube_minions.resources[0].resources.kube-minion: "
    'Went to status ERROR due to "Message: No valid host was found. , Code: 500"'
)


@dataclass(frozen=True)
class Scenario:
    """Faults as POST /faults takes them, and settings that differ from the cloud's usual ones."""

    faults: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


def _background(service: str, path: str, **fault: Any) -> dict[str, Any]:
    return {"service": service, "method": "ASYNC", "path": path} | fault


def _never_starts(pods: str) -> dict[str, Any]:
    """The node may not report these pods' status, and starts nothing that it cannot report."""
    path = rf"/pods/{pods}[^/]*/status$"
    return {"service": "kubernetes", "method": "PATCH|PUT", "path": path, "message": "etcdserver: request timed out"}


SCENARIOS = {
    "create-failed": Scenario([_background("magnum", "^/v1/clusters/", message=_NO_HOST)]),
    "create-hangs": Scenario([_background("magnum", "^/v1/clusters/", action="hang")]),
    "quota-floatingip": Scenario(settings={"quota_floatingip": 1}),
    "firewall-closed": Scenario([{"service": "firewall", "method": "TCP", "action": "drop"}]),
    "lb-pending": Scenario([_background("octavia", "/loadbalancers/kube_service_", action="hang")]),
    "node-full": Scenario(settings={"node_cpu": 1, "node_memory_gib": 1}),
    "no-workers": Scenario([_never_starts("dask-worker-")]),
    "scheduler-never-starts": Scenario([_never_starts("dask-scheduler-")]),
    "hub-never-ready": Scenario([_never_starts("hub-")]),
    "token-expiry": Scenario(settings={"token_accepted_s": 5}),
    "certificate-expired": Scenario(settings={"api_certificate_days": -1}),
    "hub-down": Scenario(settings={"stopped_deployments": "hub"}),
    "gateway-broken": Scenario(settings={"stopped_deployments": "api-.*"}),
    "version-skew": Scenario(settings={"pod_images": {"dask-worker-": "pangeo/pangeo-notebook:numpy-1.26"}}),
}
