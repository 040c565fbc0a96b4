"""Every kind that the sandbox knows: what an API makes of an object of it, and every verb on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.kube.kinds import Kinds, Resource
from tests.contract.kubernetes.client import Api, Told
from tests.contract.kubernetes.samples import KINDS, Obj, sample
from tests.contract.kubernetes.waiting import until

_RESOURCES = {(r.group_version, r.plural): r for r in Kinds()}


@pytest.fixture(params=KINDS, ids=[f"{version.replace('/', '-')}-{plural}" for version, plural in KINDS])
def resource(request: pytest.FixtureRequest) -> Resource:
    return _RESOURCES[request.param]


@pytest.fixture
def collection(resource: Resource, namespace: str) -> str:
    """The path of the kind's objects."""
    root = f"/apis/{resource.group_version}" if resource.group else f"/api/{resource.version}"
    return f"{root}/namespaces/{namespace}/{resource.plural}" if resource.namespaced else f"{root}/{resource.plural}"


@pytest.fixture
def name(api: Api, resource: Resource, namespace: str, collection: str) -> Iterator[str]:
    """A name for the object; outside of namespaces nothing of that name stays."""
    if resource.namespaced:
        yield "thing"
        return
    yield f"x{namespace}"
    api.call("DELETE", f"{collection}/x{namespace}")


@pytest.fixture
def body(resource: Resource, namespace: str, name: str) -> Obj:
    return sample(resource.group_version, resource.plural, resource.kind, name, namespace)


def test_every_kind_has_a_sample() -> None:
    told = {key for key, r in _RESOURCES.items() if "create" in r.verbs and "get" in r.verbs}
    assert told - set(KINDS) == {("apiextensions.k8s.io/v1", "customresourcedefinitions")}


LATER = ("status",)  # what controllers make of an object in the meantime has its own tests
BUSY = ("daemonsets", "deployments", "jobs", "nodes", "persistentvolumes", "replicasets", "resourcequotas")
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


def _later(collection: str) -> tuple[str, ...]:
    return (*LATER, "spec") if collection.endswith("/nodes") else LATER


def test_life(told: Told, collection: str, name: str, body: Obj) -> None:
    made = told.call("POST", collection, body)
    assert made.status == 201
    assert told.call("POST", collection, body).status == 409
    path = f"{collection}/{name}"
    merged = told.call("PATCH", path, {"metadata": {"labels": {"a": "1"}}}, patch="merge", leave=_later(collection))
    assert merged.body["metadata"]["labels"] == {**made.body["metadata"]["labels"], "a": "1"}
    stale = {**body, "metadata": {**body["metadata"], "resourceVersion": made.body["metadata"]["resourceVersion"]}}
    assert told.call("PUT", path, stale).status == 409
    one = f"{collection}?fieldSelector=metadata.name%3D{name}"
    assert [item["metadata"]["name"] for item in told.api.call("GET", one).body["items"]] == [name]
    told.call("GET", one, headers={"Accept": TABLE}, leave=("rows",) if collection.endswith(BUSY) else ())
    other_verbs(told.api, collection, path)
    told.call("DELETE", path, leave=_later(collection))
    until(lambda: told.api.call("GET", path).status == 404, 20, f"{name} is gone")
    assert told.call("GET", path).status == 404


def other_verbs(api: Api, collection: str, path: str) -> None:
    """What a life does not need, and every kind has to do as well."""
    assert api.call("GET", path).status == 200
    until(lambda: api.call("PUT", path, api.call("GET", path).body).status == 200, 10, "an update between others'")
    with api.http.stream("GET", f"{collection}?watch=1") as answer:
        api.see(answer)
        assert answer.status_code == 200
    expected = 405 if collection.endswith("/namespaces") else 200
    assert api.call("DELETE", f"{collection}?labelSelector=no%3Dsuch").status == expected


def test_apply(told: Told, collection: str, name: str, body: Obj) -> None:
    path = f"{collection}/{name}"
    assert told.call("PATCH", f"{path}?fieldManager=one", body, patch="apply").status == 201
    assert told.call("PATCH", f"{path}?fieldManager=one", body, patch="apply", leave=_later(collection)).status == 200
    other = {**body, "metadata": {**body["metadata"], "labels": {"app": "other"}}}
    assert told.call("PATCH", f"{path}?fieldManager=two", other, patch="apply").status == 409
    assert (
        told.call("PATCH", f"{path}?fieldManager=two&force=true", other, patch="apply", leave=_later(collection)).status
        == 200
    )


def test_dry_run(told: Told, collection: str, name: str, body: Obj) -> None:
    assert told.call("POST", f"{collection}?dryRun=All", body).status == 201
    assert told.call("GET", f"{collection}/{name}").status == 404


def test_unknown_field(told: Told, collection: str, name: str, body: Obj) -> None:
    assert told.call("POST", f"{collection}?fieldValidation=Strict", {**body, "unheard": 1}).status == 400
