"""What runs of a release, and what waits beside it, for the nightly check: looked at, never waited for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from magnumhub.domain.checks.workloads import WorkloadsSeen
from magnumhub.domain.results import Part
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import translated
from magnumhub.kube.events import warnings_of
from magnumhub.kube.pods import explain, pod_problem, rollout_gap

WAITING_FOR = timedelta(minutes=3)
"""A pod that has been Pending for so long does not only pull its image."""

NODE_COMES_WITHIN = timedelta(minutes=15)
"""Where nodes are made when pods wait for them: a server that boots and joins takes 5 to 10 minutes."""

_PLACEHOLDER = "user-placeholder"
"""Component of those pods of the hub's chart that are meant to wait: they hold room for users."""

_NOTEBOOK = "singleuser-server"
_WORKER = "dask-worker"


def observe_workloads(
    kube: Kube, part: Part, namespace: str, *, selector: str, needed: Sequence[str], waiting_for: timedelta
) -> WorkloadsSeen:
    """Look at a release's Deployments and pods, and at whatever waits in its namespace.

    Safe to repeat: reads only.

    Args:
        selector: label selector of the release's Deployments and pods.
        needed: Deployments that have to be there.
        waiting_for: how long a pod may be Pending before it is told.
    """
    with translated(f"looking at the workloads of {namespace}"):
        found = kube.plain(kube.apps.list_namespaced_deployment(namespace, label_selector=selector))["items"]
        pods = kube.plain(kube.core.list_namespaced_pod(namespace))["items"]
        events = warnings_of(kube, namespace)
    down, short = gaps_of(found, needed)
    waiting, workers = waiting_of(pods, events, datetime.now(UTC) - waiting_for)
    return WorkloadsSeen(
        part=part,
        namespace=namespace,
        down=tuple(down),
        short=tuple(short),
        why=explain(kube, namespace, selector) if down or short else "",
        restarts=dict(restarts_of(pods, selector)),
        waiting=tuple(waiting),
        workers=tuple(workers),
    )


def gaps_of(deployments: Sequence[Mapping[str, Any]], needed: Sequence[str]) -> tuple[list[str], list[str]]:
    """What Deployments (as JSON) lack: those that serve nobody, the needed ones that are not there among them; others.

    One that is scaled to 0 and not needed may be meant so.
    """
    there = {deployment["metadata"]["name"]: deployment for deployment in deployments}
    down = [f"{name}: there is no such Deployment" for name in needed if name not in there]
    short: list[str] = []
    for name, deployment in there.items():
        if not deployment["spec"].get("replicas", 1):
            (down if name in needed else short).append(f"{name}: scaled to 0")
        elif gap := rollout_gap(deployment):
            (short if deployment.get("status", {}).get("availableReplicas") else down).append(gap)
    return down, short


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
) -> tuple[list[str], list[str]]:
    """Pods (as JSON) that have been Pending since before that moment, each with its reason; Dask's workers apart."""
    waiting: list[str] = []
    workers: list[str] = []
    for pod in pods:
        meta, labels = pod["metadata"], pod["metadata"].get("labels", {})
        is_old = datetime.fromisoformat(meta["creationTimestamp"]) < before
        if pod.get("status", {}).get("phase") != "Pending" or not is_old or labels.get("component") == _PLACEHOLDER:
            continue
        if problem := pod_problem(pod, events):
            is_worker = labels.get("app.kubernetes.io/component") == _WORKER
            (workers if is_worker else waiting).append(f"{problem.pod}: {problem.reason}")
    return waiting, workers
