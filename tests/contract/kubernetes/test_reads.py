"""Lists in parts, selectors, watches, and the forms in which objects are told."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.contract.kubernetes.client import Told
from tests.contract.kubernetes.waiting import until

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
PARTIAL = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"


@pytest.fixture
def maps(told: Told, namespace: str) -> str:
    """The path of four ConfigMaps, m0 to m3, besides those that every namespace has; those are not labelled."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for number in range(4):
        labels = {"n": str(number), "odd" if number % 2 else "even": "x"}
        told.api.call("POST", path, {"metadata": {"name": f"m{number}", "labels": labels}})
    return path


def _names(answer: Any) -> list[str]:
    return [item["metadata"]["name"] for item in answer.body["items"]]


def test_pages(told: Told, maps: str) -> None:
    query, seen = "labelSelector=n&limit=3", []
    page = told.api.call("GET", f"{maps}?{query}")
    seen += _names(page)
    assert "remainingItemCount" not in page.body["metadata"]
    following = told.api.call("GET", f"{maps}?{query}&continue={quote(page.body['metadata']['continue'])}")
    assert seen + _names(following) == ["m0", "m1", "m2", "m3"]
    assert "continue" not in following.body["metadata"]
    part = told.api.call("GET", "/api/v1/namespaces?limit=2").body
    assert part["metadata"]["remainingItemCount"] >= 2 and len(part["items"]) == 2
    for wrong in (
        "limit=x",
        "limit=2&continue=bad",
        f"continue={quote(part['metadata']['continue'])}&resourceVersion=5",
    ):
        asked = told.api.call("GET", f"{maps}?{wrong}")
        told.tell(wrong[:10], status=asked.status, body=asked.body)


LABELS = [
    *(
        "n in (1,2)",
        "n=",
        "n!=1",
        "!n",
        "n",
        "n==1",
        "n notin (1)",
        "n>2",
        "n<2",
        "n=1,odd",
        "n in ()",
        " n = 1 , odd ",
    ),
    *("n in (1,2", "n>x", "a b", "=x", "n=b c", "n=1,,e", "!", "n=@", "n exists", "n in", "-x"),
]


@pytest.mark.parametrize("selector", LABELS)
def test_label_selector(told: Told, maps: str, selector: str) -> None:
    answer = told.api.call("GET", f"{maps}?{urlencode({'labelSelector': selector})}")
    found = sorted(set(_names(answer)) - {"kube-root-ca.crt"}) if answer.status == 200 else answer.body
    told.tell(selector, status=answer.status, found=found)


FIELDS = {
    "configmaps": ["metadata.name=m1", "metadata.name!=m1", "metadata.name==m1", "metadata.name", "data.x=1"],
    "pods": ["spec.nodeName=", "status.phase=x", "spec.restartPolicy=Always", "spec.schedulerName=x", "spec.foo=1"],
    "events": ["involvedObject.name=x", "reason=x", "type=x", "source=x", "reportingComponent=x", "spec.foo=1"],
    "secrets": ["type=x", "spec.foo=1"],
    "services": ["spec.type=LoadBalancer", "spec.clusterIP=None", "spec.foo=1"],
    "namespaces": ["status.phase=x", "spec.foo=1"],
    "nodes": ["spec.unschedulable=true", "spec.foo=1"],
}


@pytest.mark.parametrize("plural", FIELDS)
def test_field_selector(told: Told, maps: str, plural: str) -> None:
    root = maps.removesuffix("configmaps") if plural not in ("namespaces", "nodes") else "/api/v1/"
    for selector in FIELDS[plural]:
        answer = told.api.call("GET", f"{root}{plural}?{urlencode({'fieldSelector': selector})}")
        found = sorted(set(_names(answer)) - {"kube-root-ca.crt"}) if answer.status == 200 else answer.body
        told.tell(f"{plural} {selector}", status=answer.status, found=found)


def test_versions_of_lists(told: Told, maps: str) -> None:
    old = f"{maps}?resourceVersion=1&resourceVersionMatch=Exact"
    until(lambda: told.api.call("GET", old).status == 410, 30, "the first version is forgotten")
    assert told.call("GET", old).status == 410
    assert told.call("GET", f"{maps}?resourceVersionMatch=Exact").status == 422
    assert told.call("GET", f"{maps}?resourceVersion=x").status == 400
    assert _names(told.api.call("GET", f"{maps}?labelSelector=n&resourceVersion=0")) == ["m0", "m1", "m2", "m3"]
    for path in (maps, f"{maps}/m1"):
        assert told.call("GET", f"{path}?resourceVersion=99999999999").status == 504


def _watched(told: Told, path: str, accept: str = "application/json", **query: str) -> list[dict[str, Any]]:
    """All events of a watch that ends by itself after a second; told in the transcript."""
    asked = urlencode({"watch": "true", "timeoutSeconds": "1", **query})
    events = []
    with told.api.http.stream("GET", f"{path}?{asked}", headers={"Accept": accept}) as answer:
        told.api.see(answer)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        events = [json.loads(line) for line in answer.iter_lines()]
    # Bookmarks come when a server finds time for them; only the one that ends the present state is promised.
    events = [e for e in events if e["type"] != "BOOKMARK" or "annotations" in e["object"]["metadata"]]
    shown = {name: value for name, value in query.items() if name != "resourceVersion"}
    told.tell(f"WATCH {path} {urlencode(shown)}", events=events)
    return events


def test_watch(told: Told, maps: str) -> None:
    one = {"labelSelector": "n=1"}
    assert [e["type"] for e in _watched(told, maps, **one)] == ["ADDED"]
    assert [e["type"] for e in _watched(told, maps, resourceVersion="0", **one)] == ["ADDED"]
    initial = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    seen = _watched(told, maps, **one, **initial)
    assert seen[1]["type"] == "BOOKMARK"
    assert seen[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    start = told.api.call("GET", maps).body["metadata"]["resourceVersion"]
    told.api.call("PATCH", f"{maps}/m1", {"data": {"a": "b"}}, patch="merge")
    told.api.call("PATCH", f"{maps}/m1", {"metadata": {"labels": {"n": "9"}}}, patch="merge")
    told.api.call("PATCH", f"{maps}/m2", {"metadata": {"labels": {"n": "1"}}}, patch="merge")
    told.api.call("DELETE", f"{maps}/m2")
    kinds = [e["type"] for e in _watched(told, maps, resourceVersion=start, **one)]
    assert kinds == ["MODIFIED", "DELETED", "ADDED", "DELETED"]


def test_watch_in_other_forms(told: Told, maps: str) -> None:
    for accept in (TABLE, PARTIAL.format("")):
        assert len(_watched(told, maps, accept, labelSelector="odd")) == 2


def test_watch_refused(told: Told, maps: str) -> None:
    for query, status in (("resourceVersion=x", 500), ("labelSelector=n%20in", 400), ("sendInitialEvents=true", 422)):
        assert told.call("GET", f"{maps}?watch=true&{query}").status == status
    assert told.call("GET", "/apis/apps/v1/namespaces/default/nope?watch=true").status == 404


def test_forms(told: Told, maps: str) -> None:
    for accept, query in (
        (TABLE, "?labelSelector=n%3D1"),
        (TABLE, "/m1?includeObject=None"),
        (TABLE, "/m1?includeObject=Object"),
        (PARTIAL.format(""), "/m1"),
        (PARTIAL.format("List"), "?labelSelector=n%3D1"),
    ):
        assert told.call("GET", maps + query, headers={"Accept": accept}).status == 200
    refused = told.api.call("GET", f"{maps}/m1?includeObject=Bad", headers={"Accept": TABLE})
    assert refused.status == 400 and "must be 'Metadata', 'Object', 'None', or empty" in refused.body["message"]


def test_a_watch_of_one_object_is_a_read(told: Told, maps: str) -> None:
    assert told.call("GET", f"{maps}/m1?watch=true&timeoutSeconds=1").body["kind"] == "ConfigMap"


def test_delete_collection(told: Told, maps: str) -> None:
    assert told.call("DELETE", f"{maps}?labelSelector=n%20in").status == 400
    assert told.call("DELETE", maps, {"propagationPolicy": "Bad"}).status == 422
    gone = told.call("DELETE", f"{maps}?labelSelector=odd")
    assert _names(gone) == ["m1", "m3"]
    assert _names(told.api.call("GET", f"{maps}?labelSelector=n")) == ["m0", "m2"]
