"""Who owns which field, and what server-side apply and patches make of lists."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.kubernetes.client import Told
from tests.contract.kubernetes.samples import APP

Obj = dict[str, Any]


@pytest.fixture
def web(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/web"


def _deployment(containers: list[Obj], **fields: Any) -> Obj:
    template = {"metadata": {"labels": APP}, "spec": {"containers": containers}}
    spec = {"paused": True, "replicas": 0, "selector": {"matchLabels": APP}, "template": template, **fields}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


MAIN: Obj = {"name": "main", "image": "a", "env": [{"name": "X", "value": "1"}], "ports": [{"containerPort": 80}]}
SIDE: Obj = {"name": "side", "image": "b"}
LATER = ("status",)


def _containers(told: Told, web: str) -> list[Obj]:
    return list(told.api.call("GET", web).body["spec"]["template"]["spec"]["containers"])


def test_apply(told: Told, web: str) -> None:
    def apply(manager: str, body: Obj, query: str = "") -> Any:
        return told.call("PATCH", f"{web}?fieldManager={manager}{query}", body, patch="apply", leave=LATER)

    assert apply("one", _deployment([MAIN, SIDE])).status == 201
    before = told.api.call("GET", web).body
    assert apply("one", _deployment([MAIN, SIDE])).status == 200
    assert told.api.call("GET", web).body["spec"] == before["spec"]
    assert apply("two", _deployment([{**SIDE, "image": "c"}, MAIN])).status == 409
    assert apply("two", _deployment([{**SIDE, "image": "c"}]), "&force=true").status == 200
    without = {key: value for key, value in MAIN.items() if key not in ("env", "ports")}
    apply("one", _deployment([without]))
    assert [c["name"] for c in _containers(told, web)] == ["main", "side"]
    assert "env" not in _containers(told, web)[0]
    apply("two", _deployment([without]), "&force=true")
    assert [c["name"] for c in _containers(told, web)] == ["main"]


def test_a_patch_takes_fields_from_an_apply(told: Told, web: str) -> None:
    told.api.call("PATCH", f"{web}?fieldManager=one", _deployment([MAIN]), patch="apply")
    told.call("PATCH", f"{web}?fieldManager=hand", {"spec": {"replicas": 3}}, patch="merge", leave=LATER)
    answer = told.call("PATCH", f"{web}?fieldManager=one", _deployment([MAIN]), patch="apply", leave=LATER)
    assert answer.body["message"] == 'Apply failed with 1 conflict: conflict with "hand" using apps/v1: .spec.replicas'
    told.call("PATCH", f"{web}?fieldManager=one&force=true", _deployment([MAIN]), patch="apply", leave=LATER)


def test_strategic_patches_of_lists(told: Told, web: str) -> None:
    told.api.call("POST", web.removesuffix("/web"), _deployment([MAIN, SIDE]))

    def patch(*containers: Obj, **order: Any) -> None:
        spec = {"spec": {"template": {"spec": {**order, "containers": list(containers)}}}}
        told.call("PATCH", web, spec, patch="strategic", leave=(*LATER, "metadata"))

    patch({"name": "side", "env": [{"name": "Y", "value": "2"}], "ports": [{"containerPort": 81}]})
    patch({"name": "main", "env": [{"name": "Y", "value": "2"}, {"name": "X", "$patch": "delete"}]})
    patch({"name": "third", "image": "c"}, {"name": "side", "command": ["x", "y"]})
    patch({"name": "side", "command": ["z"]}, {"$patch": "delete", "name": "third"})
    patch({"name": "side"}, {"name": "main"}, **{"$setElementOrder/containers": [{"name": "side"}, {"name": "main"}]})
    assert {c["name"] for c in _containers(told, web)} == {"main", "side"}


def test_merge_and_json_patches(told: Told, web: str) -> None:
    told.api.call("POST", web.removesuffix("/web"), _deployment([MAIN, SIDE]))
    template: Obj = {"spec": {"containers": [SIDE]}, "metadata": {"labels": {"x": "y"}}}
    told.call("PATCH", web, {"spec": {"template": template}}, patch="merge", leave=LATER)
    assert [c["name"] for c in _containers(told, web)] == ["side"]
    operations = [
        {"op": "test", "path": "/spec/replicas", "value": 0},
        {"op": "replace", "path": "/spec/replicas", "value": 2},
        {"op": "add", "path": "/metadata/annotations", "value": {"a/b": "c"}},
        {"op": "copy", "from": "/metadata/annotations/a~1b", "path": "/metadata/annotations/d"},
        {"op": "remove", "path": "/spec/template/metadata/labels/x"},
    ]
    told.call("PATCH", web, operations, patch="json", leave=LATER)
    told.call("PATCH", web, {"spec": {"replicas": None}}, patch="merge", leave=LATER)


def test_update_drops_what_is_not_sent(told: Told, web: str) -> None:
    told.api.call("POST", web.removesuffix("/web"), _deployment([MAIN, SIDE], minReadySeconds=5))
    told.call("PUT", f"{web}?fieldManager=hand", _deployment([MAIN]), leave=LATER)
    assert "minReadySeconds" not in told.api.call("GET", web).body["spec"]
