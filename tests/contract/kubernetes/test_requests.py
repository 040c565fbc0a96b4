"""What cannot be understood, is not served, or contradicts itself, and in which words that is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.kubernetes.client import Api, Told
from tests.contract.kubernetes.samples import TEMPLATE

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {"replicas": 0, "paused": True, "selector": {"matchLabels": {"app": "contract"}}, "template": TEMPLATE},
}


def _with(**spec: Any) -> dict[str, Any]:
    return {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], **spec}}


@pytest.fixture
def deployments(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


@pytest.fixture
def web(told: Told, deployments: str) -> str:
    """The path of a Deployment that nobody rolls out."""
    assert told.api.call("POST", deployments, DEPLOYMENT).status == 201
    return f"{deployments}/web"


UNREADABLE = {
    "no JSON": b"{bad",
    "a list": b"[]",
    "a text": b'"x"',
    "nothing": b"",
}


@pytest.mark.parametrize("raw", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_create_unreadable(told: Told, deployments: str, raw: bytes) -> None:
    assert told.call("POST", deployments, raw=raw).status == 400


WRONG = {
    "another kind": {**DEPLOYMENT, "kind": "Pod", "apiVersion": "v1"},
    "an unknown kind": {**DEPLOYMENT, "kind": "Deploymint"},
    "an unknown version": {**DEPLOYMENT, "apiVersion": "apps/v2"},
    "another namespace": {**DEPLOYMENT, "metadata": {"name": "web", "namespace": "other"}},
    "a text for a number": _with(replicas="x"),
    "a number for a text": {**DEPLOYMENT, "metadata": {"name": "web", "labels": {"a": 1}}},
    "an unknown field": _with(foo=1, bar={"x": 1}),
    "an unknown field inside": _with(
        template={**TEMPLATE, "spec": {"containers": [{"name": "c", "image": "i", "foo": 1}]}}
    ),
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
def test_create_wrong(told: Told, deployments: str, body: dict[str, Any]) -> None:
    assert told.call("POST", f"{deployments}?fieldValidation=Strict", body).status == 400


def test_unknown_fields_are_dropped_with_a_warning(told: Told, deployments: str) -> None:
    made = told.call("POST", f"{deployments}?dryRun=All", _with(foo=1))
    assert made.status == 201 and "foo" not in made.body["spec"]
    assert made.headers["warning"] == '299 - "unknown field \\"spec.foo\\""'
    assert "warning" not in told.call("POST", f"{deployments}?dryRun=All&fieldValidation=Ignore", _with(foo=1)).headers


def test_create_options(told: Told, deployments: str) -> None:
    for query in ("fieldValidation=Bad", "dryRun=Bad"):
        assert told.call("POST", f"{deployments}?{query}", DEPLOYMENT).status == 422
    assert told.call("POST", deployments, DEPLOYMENT, headers={"Content-Type": "text/plain"}).status == 415
    given = {**DEPLOYMENT, "metadata": {"name": "web", "resourceVersion": "5"}}
    assert told.call("POST", deployments, given).status == 500


def test_namespace_unknown(told: Told) -> None:
    assert told.call("GET", "/api/v1/namespaces/contract-none/pods", leave=("metadata",)).body["items"] == []
    body = {"metadata": {"name": "x"}}
    assert told.call("POST", "/api/v1/namespaces/contract-none/configmaps", body).status == 404


def test_update_refused(told: Told, web: str, deployments: str) -> None:
    named: dict[str, Any] = {**DEPLOYMENT, "metadata": {"name": "other"}}
    assert told.call("PUT", web, named).status == 400
    assert told.call("PUT", web, {**DEPLOYMENT, "metadata": {}}).status == 400
    assert told.call("PUT", f"{deployments}/other", named).status == 404
    assert told.call("PUT", web, {**DEPLOYMENT, "metadata": {"name": "web", "uid": "x"}}).status == 409
    assert told.call("PUT", web, {**DEPLOYMENT, "metadata": {"name": "web", "resourceVersion": "1"}}).status == 409
    assert told.call("PUT", web, DEPLOYMENT, headers={"Content-Type": "text/plain"}).status == 415


PATCHES: dict[str, tuple[str, Any, str, int]] = {
    "no object": ("merge", [], "", 400),
    "no list": ("json", {"a": 1}, "", 400),
    "a failing test": ("json", [{"op": "test", "path": "/spec/replicas", "value": 9}], "", 422),
    "an unknown operation": ("json", [{"op": "bad", "path": "/spec/replicas", "value": 9}], "", 422),
    "what is not there": ("json", [{"op": "remove", "path": "/spec/nope"}], "", 422),
    "an unknown field": ("strategic", {"spec": {"foo": 1}}, "fieldValidation=Strict", 422),
    "force without apply": ("merge", {}, "force=true", 422),
    "a wrong option": ("merge", {}, "dryRun=Bad", 422),
    "an old version": ("merge", {"metadata": {"resourceVersion": "1"}}, "", 409),
    "an old version, strategic": ("strategic", {"metadata": {"resourceVersion": "1"}}, "", 409),
    "an old version, JSON": ("json", [{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}], "", 409),
    "another name": ("merge", {"metadata": {"name": "zz"}}, "", 400),
    "another name, strategic": ("strategic", {"metadata": {"name": "zz"}}, "", 400),
    "another uid": ("merge", {"metadata": {"uid": "1"}}, "", 422),
    "another selector": ("merge", {"spec": {"selector": {"matchLabels": {"x": "y"}}}}, "", 422),
    "an apply without a manager": ("apply", DEPLOYMENT, "", 422),
    "an apply of no kind": ("apply", {"spec": {"replicas": 1}}, "fieldManager=x", 400),
    "an apply of an unknown field": ("apply", {**DEPLOYMENT, "spec": {"foo": 1}}, "fieldManager=x", 500),
    "an apply of another name": ("apply", {**DEPLOYMENT, "metadata": {"name": "bla"}}, "fieldManager=x", 400),
    "an apply with owners": ("apply", {**DEPLOYMENT, "metadata": {"managedFields": [{}]}}, "fieldManager=x", 400),
}


@pytest.mark.parametrize(("kind", "body", "query", "status"), PATCHES.values(), ids=PATCHES.keys())
def test_patch_refused(told: Told, web: str, kind: str, body: Any, query: str, status: int) -> None:
    assert told.call("PATCH", f"{web}?{query}" if query else web, body, patch=kind).status == status


_CONTAINERS: dict[str, Any] = {
    "no list": {"a": 1},
    "no containers": ["a"],
    "a number for an image": [{"name": "a", "image": 1}],
    "a text for a port": [{"name": "a", "ports": [{"containerPort": "x"}]}],
    "a list for a command's word": [{"name": "a", "command": ["x", ["y"]]}],
}
APPLIED: dict[str, dict[str, Any]] = {
    "a text for a number": _with(replicas="x"),
    "a truth for a number": _with(replicas=True),
    "a text for a truth": _with(paused="x"),
    "a text for a template": _with(template="x"),
    "a list for a map": {**DEPLOYMENT, "metadata": {"name": "web", "labels": ["a"]}},
    "a map for a text": {**DEPLOYMENT, "metadata": {"name": "web", "labels": {"a": {"b": True}}}},
    **{what: _with(template={"spec": {"containers": found}}) for what, found in _CONTAINERS.items()},
}


@pytest.mark.parametrize("body", APPLIED.values(), ids=APPLIED.keys())
def test_apply_of_wrong_types(told: Told, deployments: str, body: dict[str, Any]) -> None:
    assert told.call("PATCH", f"{deployments}/web?fieldManager=x", body, patch="apply").status == 500


def test_patch_of_nothing(told: Told, deployments: str) -> None:
    for kind, body in (("merge", {}), ("strategic", {}), ("json", [])):
        assert told.call("PATCH", f"{deployments}/none", body, patch=kind).status == 404


def test_patch_media(told: Told, web: str) -> None:
    assert told.call("PATCH", web, {}).status == 415
    lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/none"
    assert told.call("PATCH", lease, {}, headers={"Content-Type": "text/plain"}).status == 415


def test_answers_in_other_forms(told: Told, web: str, deployments: str) -> None:
    for path in (web, deployments):
        assert told.call("GET", path, headers={"Accept": "application/xml"}).status == 406
    assert told.api.call("GET", web, headers={"Accept": "application/yaml"}).body.startswith("apiVersion: apps/v1\n")


DELETES: dict[str, tuple[Any, int]] = {
    "another uid": ({"preconditions": {"uid": "x"}}, 409),
    "another version": ({"preconditions": {"resourceVersion": "1"}}, 409),
    "an unknown policy": ({"propagationPolicy": "Bad"}, 422),
    "two policies": ({"propagationPolicy": "Orphan", "orphanDependents": True}, 422),
}


@pytest.mark.parametrize(("body", "status"), DELETES.values(), ids=DELETES.keys())
def test_delete_refused(told: Told, web: str, body: Any, status: int) -> None:
    assert told.call("DELETE", web, body).status == status


def test_delete_unreadable(told: Told, web: str) -> None:
    assert told.call("DELETE", web, raw=b"{bad").status == 400
    assert told.call("DELETE", web + "x").status == 404
    assert told.call("DELETE", f"{web}?dryRun=All").body["status"] == "Success"
    assert told.api.call("GET", web).status == 200


NOT_SERVED = {
    "an unknown subresource": ("GET", "{d}/web/nope", 404),
    "an unknown resource": ("GET", "/apis/apps/v1/namespaces/default/nope", 404),
    "an unknown group": ("GET", "/apis/nope/v1/x", 404),
    "no API path": ("GET", "/nope", 404),
    "an unknown core version": ("GET", "/api/v2", 404),
    "an unknown group's versions": ("GET", "/apis/nope", 404),
    "an unknown version's resources": ("GET", "/apis/apps/v9", 404),
    "an object without its namespace": ("GET", "/api/v1/pods/x", 404),
    "an object outside of namespaces in one": ("GET", "/api/v1/namespaces/default/nodes", 404),
    "unknown documents": ("GET", "/openapi/v3/nope", 404),
    "creating an object's status": ("POST", "{d}/web/status", 405),
    "creating an object by its path": ("POST", "{d}/web", 405),
    "updating all": ("PUT", "{d}", 405),
    "patching all": ("PATCH", "{d}", 405),
    "creating in no namespace": ("POST", "/api/v1/configmaps", 405),
    "deleting in all namespaces": ("DELETE", "/api/v1/configmaps", 405),
    "a version that is made": ("POST", "/version", 405),
    "deleting what is not served": ("DELETE", "/apis/apps/v1/namespaces/default/nope", 404),
    "reviews that are listed": ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405),
    "options": ("OPTIONS", "{d}", 405),
    "options of what is not served": ("OPTIONS", "/apis/apps/v1/nope", 404),
    "a trace": ("TRACE", "{d}", 405),
    "the head of a list": ("HEAD", "{d}", 405),
    "the head of an object": ("HEAD", "{d}/web", 405),
    "the head of a status": ("HEAD", "{d}/web/status", 405),
    "the head of the version": ("HEAD", "/version", 405),
    "posting where nothing is": ("POST", "/nope", 404),
    "posting to a group's version": ("POST", "/apis/apps/v1", 405),
    "deleting a status": ("DELETE", "{d}/web/status", 405),
    "deleting a scale": ("DELETE", "{d}/web/scale", 405),
    "reading a binding": ("GET", "/api/v1/namespaces/default/pods/x/binding", 405),
    "reading a token": ("GET", "/api/v1/namespaces/default/serviceaccounts/x/token", 405),
    "reading a finalization": ("GET", "/api/v1/namespaces/default/finalize", 405),
    "deleting all namespaces": ("DELETE", "/api/v1/namespaces", 405),
}


@pytest.mark.parametrize(("method", "path", "status"), NOT_SERVED.values(), ids=NOT_SERVED.keys())
def test_not_served(told: Told, deployments: str, method: str, path: str, status: int) -> None:
    body = {} if method in ("POST", "PUT", "PATCH") else None
    patch = "merge" if method == "PATCH" else None
    assert told.call(method, path.format(d=deployments), body, patch=patch).status == status


def test_whatever_the_method(api: Api) -> None:
    """Some paths answer alike to whatever is asked of them."""
    for path in ("/healthz", "/livez", "/readyz", "/apis", "/apis/apps", "/openapi/v3"):
        for method in ("HEAD", "POST", "DELETE", "OPTIONS"):
            assert api.call(method, path).status == 200


@pytest.mark.parametrize("kind", ["apply", "json", "strategic", None])
def test_all_are_not_patched(told: Told, deployments: str, kind: str | None) -> None:
    assert told.call("PATCH", deployments, {}, patch=kind).status == 405


def test_more_is_refused(told: Told, web: str) -> None:
    assert told.call("PUT", web, _with(replicas=-1)).status == 422
    nowhere = "/apis/apps/v1/namespaces/contract-none/deployments/web?fieldManager=x"
    assert told.call("PATCH", nowhere, DEPLOYMENT, patch="apply").status == 404
