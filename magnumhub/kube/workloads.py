"""What runs of a release, and what waits beside it, for the nightly check: looked at, never waited for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from magnumhub.domain.checks.workloads import WorkloadsSeen
from magnumhub.domain.results import Part
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import translated
from magnumhub.kube.pods import explain, pod_problem, rollout_gap

WAITING_FOR = timedelta(minutes=3)
"""A pod that has been Pending for so long does not only pull its image."""

_PLACEHOLDER = "user-placeholder"
"""Component of those pods of the hub's chart that are meant to wait: they hold room for users."""

_NOTEBOOK = "singleuser-server"


def observe_workloads(
    kube: Kube, part: Part, namespace: str, *, selector: str, needed: Sequence[str], now: datetime | None = None
) -> WorkloadsSeen:
    """Look at a release's Deployments and pods, and at whatever waits in its namespace.

    Safe to repeat: reads only.

    Args:
        selector: label selector of the release's Deployments and pods.
        needed: Deployments that have to be there.
        now: for how long a pod has been waiting; the present moment unless told otherwise.
    """
    with translated(f"looking at the workloads of {namespace}"):
        found = kube.plain(kube.apps.list_namespaced_deployment(namespace, label_selector=selector))["items"]
        pods = kube.plain(kube.core.list_namespaced_pod(namespace))["items"]
        events = kube.plain(kube.core.list_namespaced_event(namespace))["items"]
    gaps = tuple(gaps_of(found, needed))
    return WorkloadsSeen(
        part=part,
        namespace=namespace,
        gaps=gaps,
        why=explain(kube, namespace, selector) if gaps else "",
        restarts=dict(restarts_of(pods, selector)),
        waiting=tuple(waiting_of(pods, events, (now or datetime.now(UTC)) - WAITING_FOR)),
    )


def gaps_of(deployments: Sequence[Mapping[str, Any]], needed: Sequence[str]) -> Iterator[str]:
    """What each Deployment (as JSON) lacks, and which of the needed ones are not there."""
    there = {deployment["metadata"]["name"]: deployment for deployment in deployments}
    yield from (f"{name}: there is no such Deployment" for name in needed if name not in there)
    for name, deployment in there.items():
        if not deployment["spec"].get("replicas", 1):
            yield f"{name}: scaled to 0"
        elif gap := rollout_gap(deployment):
            yield gap


def restarts_of(pods: Sequence[Mapping[str, Any]], selector: str) -> Iterator[tuple[str, int]]:
    """How often containers of the release's own pods (as JSON) were restarted, by namespace/pod/container.

    A notebook that needs too much memory is its user's affair.
    """
    label, _, value = selector.partition("=")
    for pod in pods:
        meta = pod["metadata"]
        labels = meta.get("labels", {})
        if labels.get(label) != value or labels.get("component") == _NOTEBOOK:
            continue
        for container in pod.get("status", {}).get("containerStatuses", []):
            if count := container.get("restartCount", 0):
                yield f"{meta['namespace']}/{meta['name']}/{container['name']}", count


def waiting_of(
    pods: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]], before: datetime
) -> Iterator[str]:
    """Pods (as JSON) that have been Pending since before that moment, each with its reason."""
    for pod in pods:
        meta = pod["metadata"]
        is_old = datetime.fromisoformat(meta["creationTimestamp"]) < before
        if pod.get("status", {}).get("phase") != "Pending" or not is_old:
            continue
        if meta.get("labels", {}).get("component") == _PLACEHOLDER:
            continue
        if problem := pod_problem(pod, events):
            yield f"{problem.pod}: {problem.reason}"
