"""What is seen and swept of Dask's pods on a real API, or one that behaves as it, while somebody else computes."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from magnumhub.domain.checks.capacity import NodeRoom
from magnumhub.domain.dask_outcome import PodsSeen
from magnumhub.domain.errors import DeadlineError
from magnumhub.kube.client import Kube, KubeCredentials, kube_client
from magnumhub.kube.crds import apply_crds
from magnumhub.kube.dask_pods import DaskPods
from magnumhub.kube.room import node_rooms
from magnumhub.kube.secrets import ensure_namespace
from magnumhub.kube.sweep import sweep_dask_clusters

CRDS = Path(__file__).parents[2] / "sandbox/charts/dask-gateway/crds/daskclusters.yaml"
KILLED = {"reason": "OOMKilled", "exitCode": 137}


class Gateway:
    """Makes a Dask cluster's pods and says what becomes of them, as gateway and kubelet do."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube, self._namespace = kube, namespace

    def make(self, role: str, dask_cluster: str, number: str = "") -> str:
        name = f"dask-{role}-{dask_cluster}{number}"
        labels = {"app.kubernetes.io/component": f"dask-{role}", "gateway.dask.org/cluster": dask_cluster}
        container = {"name": f"dask-{role}", "image": "pangeo/pangeo-notebook:1"}
        # Nodes that may be there belong to other tests.
        nowhere = {"nodeSelector": {"magnumhub.test": "nowhere"}}
        spec = {"containers": [container], "automountServiceAccountToken": False, **nowhere}
        pod = {"metadata": {"name": name, "labels": labels}, "spec": spec}
        self._kube.core.create_namespaced_pod(self._namespace, pod)
        return name

    def runs(self, pod: str) -> None:
        self._says(pod, {"state": {"running": {}}, "ready": True, "restartCount": 0}, "Running")

    def dies(self, pod: str) -> None:
        self._says(pod, {"state": {"terminated": KILLED}, "ready": False, "restartCount": 0}, "Running")

    def comes_back(self, pod: str) -> None:
        container = {"state": {"running": {}}, "lastState": {"terminated": KILLED}, "ready": True, "restartCount": 1}
        self._says(pod, container, "Running")

    def fails(self, pod: str) -> None:
        ended = {"terminated": {"reason": "Error", "exitCode": 1}}
        self._says(pod, {"state": ended, "ready": False, "restartCount": 0}, "Failed")

    def delete(self, pod: str) -> None:
        self._kube.core.delete_namespaced_pod(pod, self._namespace, grace_period_seconds=0)

    def _says(self, pod: str, container: dict[str, Any], phase: str) -> None:
        ready = "True" if container["ready"] else "False"
        label = "-".join(pod.split("-")[:2])
        status = {
            "phase": phase,
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready}],
            "containerStatuses": [{"name": label, "image": "x", "imageID": "x", **container}],
        }
        self._kube.core.patch_namespaced_pod_status(pod, self._namespace, {"status": status})


@pytest.fixture
def namespace(kube: Kube) -> str:
    name = f"t-{uuid.uuid4().hex[:8]}"
    ensure_namespace(kube, name, site="test")
    return name


@pytest.fixture
def pods(kube: Kube, namespace: str) -> Iterator[DaskPods]:
    """They are being watched when this is there: a pod of another Dask cluster was seen."""
    with DaskPods(kube, namespace) as watched:
        Gateway(kube, namespace).make("scheduler", "other")
        wait_until(lambda: watched.seen("dask.other").scheduler)
        yield watched


@pytest.fixture
def gateway(kube: Kube, namespace: str) -> Gateway:
    return Gateway(kube, namespace)


def wait_until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_pods_that_find_no_node_are_told_in_the_schedulers_words(pods: DaskPods, gateway: Gateway) -> None:
    gateway.runs(gateway.make("scheduler", "a"))
    for number in "123":
        gateway.make("worker", "a", f"-{number}")
    wait_until(lambda: "(and 2 more)" in pods.seen("dask.a").workers)
    seen = pods.seen("dask.a")
    assert seen.workers.startswith("dask-worker-a-1: no node for it: ")
    assert (seen.scheduler, seen.lost) == ("", {})
    assert seen.images == dict.fromkeys(("scheduler", "workers"), "pangeo/pangeo-notebook:1")


def test_a_worker_that_dies_and_comes_back_is_lost(pods: DaskPods, gateway: Gateway) -> None:
    gateway.runs(gateway.make("scheduler", "a"))
    workers = [gateway.make("worker", "a", f"-{number}") for number in "12"]
    for worker in workers:
        gateway.runs(worker)
    gateway.dies(workers[0])
    gateway.comes_back(workers[0])
    wait_until(lambda: pods.seen("dask.a").lost)
    gateway.delete(workers[1])
    wait_until(lambda: len(pods.seen("dask.a").lost) == 2)
    assert pods.seen("dask.a").lost == {
        "dask-worker-a-1": "dask-worker-a-1: dask-worker ended (OOMKilled, exit code 137)",
        "dask-worker-a-2": "dask-worker-a-2 was deleted",
    }
    assert pods.seen("dask.other").lost == {}


def test_workers_that_end_with_their_scheduler_are_not_lost(pods: DaskPods, gateway: Gateway) -> None:
    scheduler, worker = gateway.make("scheduler", "a"), gateway.make("worker", "a", "-1")
    gateway.runs(scheduler)
    gateway.runs(worker)
    gateway.delete(scheduler)
    gateway.dies(worker)
    gateway.delete(worker)
    # What came before this pod in the watch has been looked at when it has been.
    gateway.make("worker", "a", "-2")
    wait_until(lambda: pods.seen("dask.a").workers)
    assert pods.seen("dask.a").lost == {}


def test_a_scheduler_that_failed_is_told_after_it_is_gone(pods: DaskPods, gateway: Gateway) -> None:
    scheduler = gateway.make("scheduler", "a")
    gateway.fails(scheduler)
    gateway.delete(scheduler)
    wait_until(lambda: "exit code 1" in pods.seen("dask.a").scheduler)
    assert pods.seen("dask.a").scheduler == "dask-scheduler-a: dask-scheduler failed (Error, exit code 1)"


def test_nothing_is_known_of_a_dask_cluster_that_never_was(pods: DaskPods) -> None:
    assert pods.seen("") == PodsSeen()
    assert pods.seen("dask.unheard-of") == PodsSeen()


def test_an_api_that_is_away_is_no_error_and_not_asked_for_ever(credentials: KubeCredentials) -> None:
    with kube_client(credentials.at("https://127.0.0.1:1")) as away, DaskPods(away, "away") as pods:
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "dask pods of away"]
        time.sleep(0.2)
        assert pods.seen("dask.a") == PodsSeen()
    thread.join(20)
    assert not thread.is_alive()


class DaskClusters:
    """What the gateway has of its users, as its own objects."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._custom = client.CustomObjectsApi(kube.api_client)
        self._where = ("gateway.dask.org", "v1alpha1", namespace, "daskclusters")

    def make(self, name: str, user: str, phase: str = "Running") -> None:
        kind = {"apiVersion": "gateway.dask.org/v1alpha1", "kind": "DaskCluster"}
        body = {**kind, "metadata": {"name": name}, "spec": {"username": user}}
        self._custom.create_namespaced_custom_object(*self._where, body)
        self._custom.patch_namespaced_custom_object_status(*self._where, name, {"status": {"phase": phase}})

    def there(self) -> list[str]:
        return [
            found["metadata"]["name"] for found in self._custom.list_namespaced_custom_object(*self._where)["items"]
        ]


@pytest.fixture
def dask_clusters(kube: Kube, namespace: str) -> DaskClusters:
    apply_crds(kube, list(yaml.safe_load_all(CRDS.read_text())), deadline_s=20)
    return DaskClusters(kube, namespace)


def test_the_users_own_dask_clusters_are_swept_and_their_pods_awaited(
    kube: Kube, namespace: str, gateway: Gateway, dask_clusters: DaskClusters
) -> None:
    for name, user in (("a", "check"), ("b", "check"), ("c", "ann")):
        dask_clusters.make(name, user)
        gateway.make("scheduler", name)
    dask_clusters.make("record", "check", phase="Stopped")
    deleted = threading.Timer(1, lambda: [gateway.delete(f"dask-scheduler-{name}") for name in "ab"])
    deleted.start()
    started_s = time.monotonic()
    assert sorted(sweep_dask_clusters(kube, namespace, user="check", deadline_s=30)) == ["a", "b"]
    assert 0.5 < time.monotonic() - started_s < 25
    assert sorted(dask_clusters.there()) == ["c", "record"]
    left = kube.core.list_namespaced_pod(namespace).items
    assert [pod.metadata.name for pod in left] == ["dask-scheduler-c"]
    assert sweep_dask_clusters(kube, namespace, user="check", deadline_s=1) == []


def test_pods_that_stay_are_named_at_the_limit(
    kube: Kube, namespace: str, gateway: Gateway, dask_clusters: DaskClusters
) -> None:
    dask_clusters.make("a", "check")
    gateway.make("worker", "a", "-1")
    with pytest.raises(DeadlineError, match="deleted: dask-worker-a-1"):
        sweep_dask_clusters(kube, namespace, user="check", deadline_s=1)


def test_room_is_asked_of_nodes_that_take_pods(kube: Kube, namespace: str) -> None:
    ready, name = {"type": "Ready", "status": "True"}, f"node-{namespace}"
    requests = {"cpu": "1200m", "memory": "1Gi"}
    container = {"name": "c", "image": "x", "resources": {"requests": requests}}
    spec = {"nodeName": name, "containers": [container], "automountServiceAccountToken": False}
    # It is there first and takes the node's only place: waiting pods of other tests find none.
    kube.core.create_namespaced_pod(namespace, {"metadata": {"name": "big"}, "spec": spec})
    status = {"allocatable": {"cpu": "3500m", "memory": "8Gi", "pods": "1"}, "conditions": [ready]}
    try:
        kube.core.create_node({"metadata": {"name": name}, "spec": {}, "status": status})
        kube.core.patch_node(name, {"spec": {"taints": []}})
        (room,) = (room for room in node_rooms(kube) if room.name == name)
        assert room == NodeRoom(name, 2300, 7 * 1024**3, 0)
        for_users = {"key": "hub.jupyter.org/dedicated", "value": "user", "effect": "NoSchedule"}
        for kept_free in ({"taints": [for_users]}, {"taints": [], "unschedulable": True}):
            kube.core.patch_node(name, {"spec": kept_free})
            assert name not in [room.name for room in node_rooms(kube)]
    finally:
        kube.core.delete_namespaced_pod("big", namespace, grace_period_seconds=0)
        kube.core.delete_node(name)
