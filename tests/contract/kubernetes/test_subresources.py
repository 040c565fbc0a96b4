"""What hangs on an object's path: status, binding, log, finalize; and Leases as locks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.kubernetes.client import Told
from tests.contract.kubernetes.samples import CONTAINER
from tests.contract.kubernetes.waiting import until

LATER = ("metadata",)


@pytest.fixture
def services(told: Told, namespace: str) -> str:
    path = f"/api/v1/namespaces/{namespace}/services"
    body = {"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
    assert told.api.call("POST", path, body).status == 201
    return path


def test_status(told: Told, services: str) -> None:
    path = f"{services}/web/status"
    live = told.call("GET", path).body
    address: dict[str, Any] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}
    changed = told.call("PATCH", path, {"metadata": {"labels": {"a": "b"}}, "status": address}, patch="merge")
    assert changed.body["status"]["loadBalancer"]["ingress"][0]["ipMode"] == "VIP"
    told.call("PATCH", f"{services}/web", {"status": {"loadBalancer": None}}, patch="merge")
    stale = {**live, "status": {"loadBalancer": {}}}
    assert told.call("PUT", path, stale).status == 409
    fresh = {**live, "metadata": {"name": "web"}, "spec": {"type": "ClusterIP"}, "status": {"loadBalancer": {}}}
    answer = told.call("PUT", path, fresh)
    assert answer.status == 200 and answer.body["spec"]["type"] == "LoadBalancer"
    add = [{"op": "add", "path": "/status/loadBalancer/ingress", "value": [{"ip": "192.0.2.8"}]}]
    assert told.call("PATCH", path, add, patch="json").status == 200
    assert told.call("PATCH", path, {"status": {"loadBalancer": {}}}, patch="strategic").status == 200
    applied = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "status": address}
    assert told.call("PATCH", f"{path}?fieldManager=one&force=true", applied, patch="apply").status == 200
    other = {**applied, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}}}
    assert told.call("PATCH", f"{path}?fieldManager=two", other, patch="apply").status == 409


def test_status_refused(told: Told, services: str, namespace: str) -> None:
    path = f"{services}/web/status"
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "none"}}
    missing = f"/apis/apps/v1/namespaces/{namespace}/deployments/none/status"
    assert told.call("GET", missing).status == 404
    assert told.call("PUT", missing, body).status == 404
    for kind, change in (("apply", body), ("json", []), ("merge", {}), ("strategic", {})):
        query = "?fieldManager=x" if kind == "apply" else ""
        assert told.call("PATCH", missing + query, change, patch=kind).status == 404
    assert told.call("PUT", path, raw=b"{bad").status == 400
    assert told.call("PUT", path, {}, headers={"Content-Type": "text/plain"}).status == 415
    bad = {"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
    wrong = {"loadBalancer": {"ingress": [{"ip": "x"}]}}
    assert told.call("PUT", path, {**bad, "status": wrong}).status == 422
    assert told.call("PATCH", path, [{"op": "remove", "path": "/status/nope"}], patch="json").status == 422
    for kind in ("merge", "strategic"):
        assert told.call("PATCH", path, {"status": wrong}, patch=kind).status == 422
        old = {"metadata": {"resourceVersion": "1"}}
        assert told.call("PATCH", path, old, patch=kind).status == 409
    assert told.call("PATCH", path, {"apiVersion": "v1", "kind": "Service"}, patch="apply").status == 422
    assert told.call("PATCH", f"{path}?fieldManager=x", {"status": {}}, patch="apply").status == 400


@pytest.fixture
def pods(told: Told, namespace: str) -> str:
    path = f"/api/v1/namespaces/{namespace}/pods"
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    until(lambda: told.api.call("GET", account).status == 200, 10, "the default ServiceAccount")
    body = {"metadata": {"name": "one"}, "spec": {"schedulerName": "nobody", "containers": [CONTAINER]}}
    assert told.api.call("POST", path, body).status == 201
    return path


def test_binding(told: Told, pods: str) -> None:
    node = told.api.call("GET", "/api/v1/nodes").body["items"][0]["metadata"]["name"]
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "one"},
        "target": {"kind": "Node", "name": node},
    }
    assert told.api.call("POST", f"{pods}/one/binding", body).status == 201
    again = told.api.call("POST", f"{pods}/one/binding", body)
    assert again.status == 409
    assert again.body["message"].endswith(f'pod one is already assigned to node "{node}"')
    other = {**body, "metadata": {"name": "none"}}
    assert told.call("POST", f"{pods}/none/binding", {**other, "target": {"name": "x"}}).status == 404


# Bodies that no subresource takes: each of them is refused before anything is done.
UNREADABLE: dict[str, tuple[dict[str, Any], int]] = {
    "no JSON": ({"raw": b"{bad"}, 400),
    "nothing": ({"raw": b""}, 400),
    "a list": ({"body": []}, 400),
    "another kind": ({"body": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}}}, 400),
    "text": ({"body": {}, "headers": {"Content-Type": "text/plain"}}, 415),
}


def _refuse_unreadable(told: Told, method: str, path: str) -> None:
    for sent, status in UNREADABLE.values():
        assert told.call(method, path, **sent).status == status
    assert told.call(method, f"{path}?dryRun=bad", {"metadata": {"name": "one"}}).status == 422


def test_binding_refused(told: Told, pods: str) -> None:
    path, named = f"{pods}/one/binding", {"metadata": {"name": "one"}}
    _refuse_unreadable(told, "POST", path)
    assert told.call("POST", path, {"target": {"name": "n"}}).status == 400
    assert told.call("POST", path, {**named, "target": "n"}).status == 400
    assert told.call("POST", f"{path}?fieldValidation=Strict", {**named, "x": 1}).status == 400
    for target in ({}, {"target": {"kind": "Node"}}):
        assert told.call("POST", path, {**named, **target}).status == 500
    assert "nodeName" not in told.api.call("GET", f"{pods}/one").body["spec"]


def test_log(told: Told, pods: str) -> None:
    assert told.call("GET", f"{pods}/none/log").status == 404
    assert told.call("GET", f"{pods}/one/log?container=none").status == 400
    two = {"schedulerName": "nobody", "containers": [CONTAINER, {**CONTAINER, "name": "side"}]}
    told.api.call("POST", pods, {"metadata": {"name": "two"}, "spec": two})
    assert told.call("GET", f"{pods}/two/log").status == 400
    told.api.call("POST", pods, {"metadata": {"name": "runs"}, "spec": {"containers": [CONTAINER]}})
    until(lambda: told.api.call("GET", f"{pods}/runs").body["status"]["phase"] == "Running", 20, "the pod runs")
    assert told.api.call("GET", f"{pods}/runs/log").status == 200


def test_finalize(told: Told, namespace: str) -> None:
    name = f"x{namespace}"
    path = f"/api/v1/namespaces/{name}"
    told.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    live = told.api.call("GET", path).body
    told.api.call("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, patch="merge")
    assert told.call("PUT", f"{path}/finalize", live).status == 409
    kept = {"metadata": {"name": name}, "spec": {"finalizers": ["kubernetes", "contract/x"]}}
    assert told.call("PUT", f"{path}/finalize", kept, leave=LATER).body["spec"] == kept["spec"]
    told.api.call("PUT", f"{path}/finalize", {**kept, "spec": {"finalizers": ["kubernetes"]}})
    assert told.api.call("DELETE", path).body["status"]["phase"] == "Terminating"
    until(lambda: told.api.call("GET", path).status == 404, 30, "the namespace is gone")
    assert told.call("PUT", f"{path}/finalize", kept).status == 404


def test_finalize_refused(told: Told, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/finalize"
    _refuse_unreadable(told, "PUT", path)
    assert told.call("PUT", path, {"metadata": {}}).status == 400
    assert told.call("PUT", path, {"metadata": {"name": "other"}}).status == 400
    wrong = {"metadata": {"name": namespace}, "spec": {"finalizers": ["bad"]}}
    assert told.call("PUT", path, wrong).status == 422


def test_token_refused(told: Told, namespace: str) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    assert told.api.call("POST", accounts, {"metadata": {"name": "me"}}).status == 201
    path = f"{accounts}/me/token"
    _refuse_unreadable(told, "POST", path)
    assert told.call("POST", path, {"spec": {"expirationSeconds": "x"}}).status == 400
    assert told.call("POST", f"{path}?fieldValidation=Strict", {"x": 1}).status == 400
    assert told.call("POST", path, {"spec": {"expirationSeconds": 1 << 33}}).status == 422


def test_lease_is_a_lock(told: Told, namespace: str) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    free = told.call("PUT", f"{path}/lock", {"metadata": {"name": "lock"}, "spec": {"holderIdentity": ""}})
    assert free.status == 201
    mine = {**free.body, "spec": {"holderIdentity": "me", "leaseDurationSeconds": 30}}
    assert told.call("PUT", f"{path}/lock", mine).status == 200
    theirs = {**free.body, "spec": {"holderIdentity": "them"}}
    assert told.call("PUT", f"{path}/lock", theirs).status == 409
    assert told.api.call("GET", f"{path}/lock").body["spec"]["holderIdentity"] == "me"
    assert told.call("PATCH", f"{path}/lock", {"spec": {"leaseDurationSeconds": 0}}, patch="merge").status == 422


def test_finalizers_hold_and_let_go(told: Told, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    body = {"metadata": {"name": "held", "finalizers": ["contract/x"]}}
    told.api.call("POST", path, body)
    assert told.call("DELETE", f"{path}/held").body["metadata"]["finalizers"] == ["contract/x"]
    added = {"metadata": {"finalizers": ["contract/x", "contract/y"]}}
    assert told.call("PATCH", f"{path}/held", added, patch="merge").status == 422
    told.call("PATCH", f"{path}/held", {"metadata": {"finalizers": None}}, patch="merge")
    assert told.call("GET", f"{path}/held").status == 404
