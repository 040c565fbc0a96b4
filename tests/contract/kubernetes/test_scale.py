"""The subresource scale: asked for, set by every kind of request, and refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.kubernetes.client import Told
from tests.contract.kubernetes.samples import APP, TEMPLATE

Obj = dict[str, Any]


@pytest.fixture
def web(told: Told, namespace: str) -> str:
    """The path of a Deployment that nobody rolls out."""
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    spec = {"replicas": 0, "paused": True, "selector": {"matchLabels": APP}, "template": TEMPLATE}
    assert told.api.call("POST", deployments, {"metadata": {"name": "web"}, "spec": spec}).status == 201
    return f"{deployments}/web"


def scale(namespace: str, replicas: Any, **fields: Any) -> Obj:
    head = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web", "namespace": namespace}}
    return {**head, "spec": {"replicas": replicas}, **fields}


def test_read_and_set(told: Told, web: str, namespace: str) -> None:
    path = f"{web}/scale"
    live = told.call("GET", path).body
    assert live["spec"] == {} and live["status"] == {"replicas": 0, "selector": "app=contract"}
    assert told.call("PATCH", path, {"spec": {"replicas": 2}}, patch="merge").body["spec"] == {"replicas": 2}
    assert told.api.call("GET", web).body["spec"]["replicas"] == 2
    assert told.call("PUT", path, {**live, "spec": {"replicas": 1}}).status == 409
    assert told.call("PUT", path, scale(namespace, 1)).body["spec"] == {"replicas": 1}
    assert told.call("PATCH", path, {"spec": {"replicas": 3}}, patch="strategic").body["spec"] == {"replicas": 3}
    replace = [{"op": "replace", "path": "/spec/replicas", "value": 4}]
    assert told.call("PATCH", path, replace, patch="json").body["spec"] == {"replicas": 4}
    told.call("GET", web, leave=("status",))


def test_apply(told: Told, web: str, namespace: str) -> None:
    path = f"{web}/scale"
    forced = told.call("PATCH", f"{path}?fieldManager=one&force=true", scale(namespace, 2), patch="apply")
    assert forced.body["spec"] == {"replicas": 2}
    assert told.call("PATCH", f"{path}?fieldManager=two", scale(namespace, 5), patch="apply").status == 409
    told.call("GET", web, leave=("status",))
    assert told.call("PATCH", path, scale(namespace, 2), patch="apply").status == 422
    assert told.call("PATCH", f"{path}?fieldManager=one", {"spec": {"replicas": 2}}, patch="apply").status == 400
    unknown = scale(namespace, 2, spec={"unheard": 1})
    assert told.call("PATCH", f"{path}?fieldManager=one", unknown, patch="apply").status == 500


def test_nothing_to_scale(told: Told, web: str, namespace: str) -> None:
    path = f"{web.removesuffix('/web')}/none/scale"
    missing = {**scale(namespace, 2), "metadata": {"name": "none"}}
    assert told.call("GET", path).status == 404
    assert told.call("PUT", path, missing).status == 404
    assert told.call("PATCH", f"{path}?fieldManager=x", missing, patch="apply").status == 404
    for kind, change in (("merge", {}), ("strategic", {}), ("json", [])):
        assert told.call("PATCH", path, change, patch=kind).status == 404


def test_update_refused(told: Told, web: str, namespace: str) -> None:
    path = f"{web}/scale"
    assert told.call("PUT", path, scale(namespace, -1)).status == 422
    assert told.call("PUT", path, raw=b"{bad").status == 400
    assert told.call("PUT", path, {}, headers={"Content-Type": "text/plain"}).status == 415
    for meta in ({}, {"name": "other"}, {"name": "web", "namespace": "other"}):
        assert told.call("PUT", path, scale(namespace, 2, metadata=meta)).status == 400
    assert told.call("PUT", path, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}}).status == 400
    assert told.call("PUT", f"{path}?dryRun=bad", scale(namespace, 2)).status == 422


def test_patch_refused(told: Told, web: str) -> None:
    path = f"{web}/scale"
    for kind in ("merge", "strategic"):
        assert told.call("PATCH", path, {"metadata": {"resourceVersion": "1"}}, patch=kind).status == 409
        assert told.call("PATCH", path, {"spec": {"replicas": -1}}, patch=kind).status == 422
        assert told.call("PATCH", path, {"metadata": {"name": "other"}}, patch=kind).status == 400
        assert told.call("PATCH", path, [], patch=kind).status == 400
    for value, status in (("1", 409), (None, 200)):
        version = [{"op": "add", "path": "/metadata/resourceVersion", "value": value}]
        assert told.call("PATCH", path, version, patch="json").status == status
    assert told.call("PATCH", path, [{"op": "add", "path": "/spec/replicas", "value": -3}], patch="json").status == 422
    assert told.call("PATCH", path, [{"op": "test", "path": "/kind", "value": "x"}], patch="json").status == 422
    assert told.call("PATCH", path, {}, patch="json").status == 400
    for media in ("application/json", "text/plain"):
        assert told.call("PATCH", path, {}, headers={"Content-Type": media}).status == 415
