"""CustomResourceDefinitions as dask-gateway brings them, and the objects that they define."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.kubernetes.client import Api, Told
from tests.contract.kubernetes.test_kinds import other_verbs
from tests.contract.kubernetes.waiting import until

Obj = dict[str, Any]
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
_NAME = "daskthings.definitions.example.org"
_NAMES = {"kind": "DaskThing", "listKind": "DaskThingList", "plural": "daskthings", "singular": "daskthing"}
_SPEC = {
    "type": "object",
    "required": ["cluster"],
    "properties": {
        "cluster": {"type": "string"},
        "workers": {"type": "integer", "default": 2, "minimum": 0},
        "mode": {"type": "string", "enum": ["fast", "slow"]},
        "ports": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
            },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
_SCHEMA = {
    "type": "object",
    "properties": {"spec": _SPEC, "status": {"type": "object", "properties": {"phase": {"type": "string"}}}},
}
DEFINITION: Obj = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": _NAME},
    "spec": {
        "group": "definitions.example.org",
        "names": {**_NAMES, "shortNames": ["dt"]},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": _SCHEMA},
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Cluster", "type": "string", "jsonPath": ".spec.cluster"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
            }
        ],
    },
}


def _established(api: Api) -> bool:
    conditions = api.call("GET", f"{DEFINITIONS}/{_NAME}").body.get("status", {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


@pytest.fixture
def things(api: Api, told: Told) -> Iterator[str]:
    """The path of the objects of a definition that is there for this test."""
    assert api.call("POST", DEFINITIONS, DEFINITION).status == 201
    path = f"/apis/definitions.example.org/v1/namespaces/{told.namespace}/daskthings"
    until(lambda: _established(api) and api.call("GET", path).status == 200, 20, "the definition is established")
    yield path
    api.call("DELETE", f"{DEFINITIONS}/{_NAME}")
    until(lambda: api.call("GET", f"{DEFINITIONS}/{_NAME}").status == 404, 20, "the definition is gone")


def thing(name: str = "one", **spec: Any) -> Obj:
    head = {"apiVersion": "definitions.example.org/v1", "kind": "DaskThing", "metadata": {"name": name}}
    return {**head, "spec": {"cluster": "c", **spec}}


def test_definition(told: Told, things: str) -> None:
    told.call("GET", f"{DEFINITIONS}/{_NAME}", leave=("metadata",))
    until(lambda: told.api.call("GET", "/apis/definitions.example.org").status == 200, 20, "discovery")
    told.call("GET", "/apis/definitions.example.org")
    told.call("GET", "/apis/definitions.example.org/v1")
    other_verbs(told.api, DEFINITIONS, f"{DEFINITIONS}/{_NAME}")
    assert told.api.call("PATCH", f"{DEFINITIONS}/{_NAME}", {}, patch="merge").status == 200
    told.call(
        "GET", DEFINITIONS + f"?fieldSelector=metadata.name%3D{_NAME}", headers={"Accept": TABLE}, leave=("rows",)
    )


def test_life(told: Told, things: str) -> None:
    made = told.call("POST", f"{things}?fieldValidation=Ignore", thing(unheard=1, free={"a": {"b": 1}}))
    assert made.body["spec"] == {"cluster": "c", "free": {"a": {"b": 1}}, "workers": 2}
    told.call("GET", f"{things}?fieldSelector=metadata.name%3Done")
    told.call("GET", f"{things}/one", headers={"Accept": TABLE})
    told.call("PATCH", f"{things}/one/status", {"status": {"phase": "Running"}, "spec": {"workers": 9}}, patch="merge")
    told.call("PATCH", f"{things}/one", {"spec": {"workers": 3}, "status": {"phase": "x"}}, patch="merge")
    assert told.call("PATCH", f"{things}/one", {"spec": {"workers": 3}}, patch="strategic").status == 415
    assert told.call("GET", f"{things}?fieldSelector=spec.cluster%3Dc").status == 400
    assert told.call("DELETE", f"{things}/one").body["status"] == "Success"
    assert told.call("GET", f"{things}/one").status == 404


def test_apply(told: Told, things: str) -> None:
    ports = [{"name": "a", "port": 1}, {"name": "b", "port": 2}]
    path = f"{things}/one"
    assert told.call("PATCH", f"{path}?fieldManager=one", thing(ports=ports), patch="apply").status == 201
    told.call("PATCH", f"{path}?fieldManager=two", thing(ports=[{"name": "c", "port": 3}]), patch="apply")
    other = thing(ports=[{"name": "a", "port": 9}])
    assert told.call("PATCH", f"{path}?fieldManager=two", other, patch="apply").status == 409
    told.call("PATCH", f"{path}?fieldManager=one", thing(ports=ports[1:]), patch="apply")


WRONG = {
    "a missing field": {**thing(), "spec": {}},
    "another type": thing(workers="x"),
    "a value too small": thing(workers=-1),
    "an unknown word": thing(mode="idle"),
    "a text for the spec": {**thing(), "spec": "x"},
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
def test_refused(told: Told, things: str, body: Obj) -> None:
    assert told.call("POST", things, body).status == 422


def test_unknown_fields(told: Told, things: str) -> None:
    assert told.call("POST", f"{things}?fieldValidation=Strict", thing(unheard=1)).status == 400
