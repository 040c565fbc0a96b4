"""Magnum's microversions: what it tells of them, what it takes, what it refuses."""

from __future__ import annotations

import re

import pytest

from sandbox.openstack import magnum
from sandbox.openstack.service import answers
from tests.contract.openstack.cloud import Told
from tests.contract.openstack.magnum_side import UNKNOWN

SERVICE = "container-infrastructure-management"
VERSIONED = sorted({route for route, status in answers(magnum.SERVICE) if status == 406})


def test_documents(told: Told) -> None:
    root = told.call("magnum", "GET", "/", token="")
    assert (root.body["versions"][0]["min_version"], root.body["versions"][0]["id"]) == ("1.1", "v1")
    for path in ("/v1", "/v1/"):
        assert told.call("magnum", "GET", path, token="").body["id"] == "v1"


@pytest.mark.parametrize(
    ("asked", "given"),
    [(None, "1.1"), ("1.1", "1.1"), ("1.6", "1.6"), ("1.14", "1.14"), ("latest", None)],
)
def test_taken(told: Told, asked: str | None, given: str | None) -> None:
    headers = {"OpenStack-API-Version": f"container-infra {asked}"} if asked else {}
    answer = told.call("magnum", "GET", "/v1/stats", headers=headers, comparable=sorted)
    assert answer.status == 200
    highest = answer.headers["openstack-api-maximum-version"]
    assert answer.headers["openstack-api-version"] == (f"{SERVICE} {given}" if given else highest)


@pytest.mark.parametrize("asked", ["1.0", "1.99", "2.0", "x"])
def test_refused(told: Told, asked: str) -> None:
    headers = {"OpenStack-API-Version": f"container-infra {asked}"}
    assert told.call("magnum", "GET", "/v1/clusters", headers=headers).status == 406


def test_refused_everywhere(told: Told) -> None:
    headers = {"OpenStack-API-Version": "container-infra 1.99"}
    refusals = []
    for route in VERSIONED:
        method, path = route.split()
        body = {} if method == "POST" else None
        path = re.sub(r"\{[a-z_]+\}", UNKNOWN, path)
        answer = told.project.call("magnum", method, path, body, headers=headers)
        assert (route, answer.status) == (route, 406)
        refusals.append(answer)
    assert refusals[0].body["errors"][0]["code"] == "magnum.microversion-unsupported"
    assert all(refusal.body == refusals[0].body for refusal in refusals)
    told.tell("magnum", "any route at 1.99", refusals[0])
