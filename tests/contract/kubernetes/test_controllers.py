"""What controllers make of objects in the end, by value: workloads, claims, Services, owners, pods without a place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.kubernetes.client import Api, Told
from tests.contract.kubernetes.samples import APP, CONTAINER, TEMPLATE
from tests.contract.kubernetes.waiting import until

Obj = dict[str, Any]
_SOON_S = 30


def _items(told: Told, path: str) -> list[Obj]:
    return list(told.api.call("GET", path).body["items"])


def _settled(told: Told, path: str, **status: Any) -> Obj:
    """The object when its status says that."""

    def look() -> Obj | None:
        found = told.api.call("GET", path).body
        return found if status.items() <= found.get("status", {}).items() else None

    return until(look, _SOON_S, f"{path}: {status}")


def _tell_events(told: Told, expected: set[str]) -> None:
    """The events of the namespace, once all of these reasons are among them."""
    path = f"/api/v1/namespaces/{told.namespace}/events"
    until(lambda: {event["reason"] for event in _items(told, path)} >= expected, _SOON_S, f"events {expected}")
    shown = [
        {key: event[key] for key in ("type", "reason", "message", "source", "reportingComponent")}
        | {"of": event["involvedObject"]["kind"]}
        for event in _items(told, path)
        if event["reason"] in expected  # besides those, a node that has just come may be told of
    ]
    told.tell("events", events=sorted(shown, key=lambda e: (e["of"], e["reason"])))


def _tell_pods(told: Told, core: str) -> None:
    """The pods, but for what their node writes of itself: that is not the API's."""
    told.tell("pods", items=[_without_owners(pod) for pod in _items(told, f"{core}/pods")])


def _without_owners(obj: Obj) -> Obj:
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "managedFields"}}


@pytest.fixture
def apps(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}"


@pytest.fixture
def core(told: Told, namespace: str) -> str:
    """The path of the core kinds, once pods can be made there."""
    path = f"/api/v1/namespaces/{namespace}"
    account = f"{path}/serviceaccounts/default"
    until(lambda: told.api.call("GET", account).status == 200, _SOON_S, "the default ServiceAccount")
    return path


def _deployment(replicas: int) -> Obj:
    spec = {"replicas": replicas, "selector": {"matchLabels": APP}, "template": TEMPLATE}
    return {"metadata": {"name": "web"}, "spec": spec}


def test_deployment(told: Told, core: str, apps: str) -> None:
    told.api.call("POST", f"{apps}/deployments", _deployment(1))
    _settled(told, f"{apps}/deployments/web", availableReplicas=1, observedGeneration=1)
    until(lambda: _progressed(told, f"{apps}/deployments/web"), _SOON_S, "the rollout is told of")
    told.call("GET", f"{apps}/deployments/web")
    told.tell("replica sets", items=_items(told, f"{apps}/replicasets"))
    _tell_pods(told, core)
    _tell_events(told, {"ScalingReplicaSet", "SuccessfulCreate", "Scheduled"})


def _progressed(told: Told, path: str) -> bool:
    conditions = told.api.call("GET", path).body["status"]["conditions"]
    return any(c.get("reason") == "NewReplicaSetAvailable" for c in conditions)


def test_daemon_set(told: Told, core: str, apps: str) -> None:
    body = {"metadata": {"name": "all"}, "spec": {"selector": {"matchLabels": APP}, "template": TEMPLATE}}
    told.api.call("POST", f"{apps}/daemonsets", body)
    _settled(told, f"{apps}/daemonsets/all", numberAvailable=1)
    told.call("GET", f"{apps}/daemonsets/all")
    _tell_pods(told, core)
    _tell_events(told, {"SuccessfulCreate", "Scheduled"})


@pytest.mark.parametrize("image", ["nginx", "fails"])
def test_job(told: Told, core: str, namespace: str, image: str) -> None:
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    template = {"spec": {"restartPolicy": "Never", "containers": [{**CONTAINER, "image": image}]}}
    told.api.call("POST", path, {"metadata": {"name": "once"}, "spec": {"backoffLimit": 0, "template": template}})
    ended = "Failed" if image == "fails" else "Complete"
    until(lambda: ended in _conditions(told, f"{path}/once"), _SOON_S, f"the Job is {ended}")
    told.call("GET", f"{path}/once")
    _tell_events(told, {"SuccessfulCreate", "Completed" if ended == "Complete" else "BackoffLimitExceeded"})


def _conditions(told: Told, path: str) -> list[str]:
    status = told.api.call("GET", path).body.get("status", {})
    return [c["type"] for c in status.get("conditions") or [] if c["status"] == "True"]


@pytest.fixture
def volume(api: Api, namespace: str) -> Iterator[str]:
    """The path of a volume that was made by hand."""
    path = f"/api/v1/persistentvolumes/x{namespace}"
    spec = {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/tmp/contract"}}
    body = {"metadata": {"name": f"x{namespace}"}, "spec": {**spec, "storageClassName": namespace}}
    assert api.call("POST", "/api/v1/persistentvolumes", body).status == 201
    yield path
    api.call("DELETE", path)


def test_claim(told: Told, core: str, volume: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": told.namespace}
    body = {"metadata": {"name": "data"}, "spec": {**spec, "resources": {"requests": {"storage": "1Gi"}}}}
    told.api.call("POST", f"{core}/persistentvolumeclaims", body)
    _settled(told, f"{core}/persistentvolumeclaims/data", phase="Bound")
    told.call("GET", f"{core}/persistentvolumeclaims/data")
    told.call("GET", volume)
    told.api.call("DELETE", f"{core}/persistentvolumeclaims/data")
    _settled(told, volume, phase="Released")


def test_service(told: Told, core: str, apps: str, namespace: str) -> None:
    body = {"metadata": {"name": "web"}, "spec": {"selector": APP, "ports": [{"name": "http", "port": 80}]}}
    told.api.call("POST", f"{core}/services", body)
    told.api.call("POST", f"{apps}/deployments", _deployment(1))
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"

    def ready() -> bool:
        return any(e["conditions"].get("ready") for found in _items(told, slices) for e in found["endpoints"] or [])

    until(ready, _SOON_S, "the Service has a ready endpoint")
    told.tell("slices", items=_items(told, slices))
    until(lambda: told.api.call("GET", f"{core}/endpoints/web").body.get("subsets"), _SOON_S, "the Endpoints")
    told.call("GET", f"{core}/endpoints/web")


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
def test_owned_objects(told: Told, core: str, policy: str) -> None:
    maps = f"{core}/configmaps"
    owner = told.api.call("POST", maps, {"metadata": {"name": "owner"}}).body["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
    owned = {"name": "owned", "ownerReferences": [{**reference, "blockOwnerDeletion": True}]}
    told.api.call("POST", maps, {"metadata": owned})
    told.call("DELETE", f"{maps}/owner", {"propagationPolicy": policy})
    until(lambda: told.api.call("GET", f"{maps}/owner").status == 404, _SOON_S, "the owner is gone")
    if policy == "Orphan":
        assert "ownerReferences" not in told.call("GET", f"{maps}/owned").body["metadata"]
    else:
        until(lambda: told.api.call("GET", f"{maps}/owned").status == 404, _SOON_S, "what it owned is gone")


@pytest.mark.parametrize("why", ["cpu", "node selector", "no claim", "claim"])
def test_no_place(told: Told, core: str, why: str) -> None:
    spec: Obj = {"containers": [CONTAINER]}
    if why == "cpu":
        spec = {"containers": [{**CONTAINER, "resources": {"requests": {"cpu": "100"}}}]}
    elif why == "node selector":
        spec["nodeSelector"] = {"contract": "none"}
    else:
        spec["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": why.replace(" ", "-")}}]
        size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        waits = {"metadata": {"name": "claim"}, "spec": {**size, "storageClassName": told.namespace}}
        assert told.api.call("POST", f"{core}/persistentvolumeclaims", waits).status == 201
    assert told.api.call("POST", f"{core}/pods", {"metadata": {"name": "big"}, "spec": spec}).status == 201
    until(lambda: "conditions" in told.api.call("GET", f"{core}/pods/big").body["status"], _SOON_S, "a condition")
    told.call("GET", f"{core}/pods/big")
    _tell_events(told, {"FailedScheduling"})
