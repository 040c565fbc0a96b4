"""Another number of nodes: what is refused, and what Magnum tells while it works on it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.openstack.cloud import Project, Told
from tests.contract.openstack.magnum_side import CLUSTERS, UNKNOWN, Magnum, error

AT = {"OpenStack-API-Version": "container-infra 1.7"}
REFUSED: list[tuple[str, Any, int, str]] = [  # microversion, body, status, how Magnum begins
    ("1.6", {"node_count": 2}, 406, ""),
    ("1.7", {"node_count": 0}, 400, "Resizing a nodegroup to zero is not supported"),
    ("1.7", {"node_count": -1}, 400, "Invalid input for field/attribute node_count. Value: '-1'."),
    ("1.7", {"node_count": "x"}, 400, "Invalid input for field/attribute cluster_resize_req."),
    ("1.7", {"nodes_to_remove": []}, 400, "Invalid input for field/attribute node_count."),
    ("1.7", {"node_count": 2, "contract_nonsense": 1}, 400, "Unknown attribute for argument cluster_resize_req:"),
    ("1.7", None, 400, 'Missing argument: "cluster_resize_req"'),
]


@pytest.fixture
def names(magnum_names: dict[str, str]) -> dict[str, str]:
    return magnum_names


@pytest.fixture(scope="module")
def resized(magnum: Magnum) -> Iterator[str]:
    """A cluster of one node; another one has its name."""
    uuid = magnum.create(name="contract-resized")
    twin = magnum.create(name="contract-resized", node_count=0)
    for each in (uuid, twin):
        magnum.complete(each)
    yield uuid
    for each in (uuid, twin):
        magnum.delete(each)


def _id(case: tuple[str, Any, int, str]) -> str:
    return f"{case[0]}-{re.sub(r'[^-a-z0-9]', '', str(case[1]))}"


@pytest.mark.parametrize(("version", "body", "status", "words"), REFUSED, ids=map(_id, REFUSED))
def test_refused(told: Told, resized: str, version: str, body: Any, status: int, words: str) -> None:
    headers = {"OpenStack-API-Version": f"container-infra {version}"}
    answer = told.call("magnum", "POST", f"{CLUSTERS}/{resized}/actions/resize", body, headers=headers)
    assert answer.status == status
    assert error(answer).startswith(words)


def test_whose(told: Told, resized: str, other: Project) -> None:
    two = {"node_count": 2}
    for ident, asking in ((resized, other), (UNKNOWN, None), ("contract-none", None)):
        path = f"{CLUSTERS}/{ident}/actions/resize"
        assert told.call("magnum", "POST", path, two, of=asking, headers=AT).status == 404
    assert told.call("magnum", "POST", f"{CLUSTERS}/contract-resized/actions/resize", two, headers=AT).status == 409


@pytest.mark.parametrize("node_count", [3, 1])
def test_resized(told: Told, magnum: Magnum, resized: str, node_count: int) -> None:
    """Taken at once; the number comes before the work, UPDATE_COMPLETE after it."""
    before = magnum.read(resized)
    assert before
    time.sleep(1.1)  # its times are told in seconds
    asked = {"node_count": node_count, "nodes_to_remove": [UNKNOWN]}
    answer = told.call("magnum", "POST", f"{CLUSTERS}/{resized}/actions/resize", asked, headers=AT)
    assert (answer.status, answer.body) == (202, {"uuid": resized})
    seen: list[tuple[str, int]] = []

    def ended(cluster: dict[str, Any]) -> bool:
        seen.append((cluster["status"], cluster["node_count"]))
        return cluster["status"] == "UPDATE_COMPLETE" and cluster["updated_at"] != before["updated_at"]

    cluster = magnum.until(resized, ended, f"{resized} is resized")
    told.tell("magnum", f"GET {CLUSTERS}/{resized}", _answer(told, resized), comparable=_comparable(magnum))
    assert cluster["node_count"] == node_count
    assert "faults" not in cluster
    at_work = {count for status, count in seen if status == "UPDATE_IN_PROGRESS"}
    assert at_work <= {node_count}, "the number is written before the work begins"
    assert {status for status, _ in seen} <= {before["status"], "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"}


def _answer(told: Told, uuid: str) -> Any:
    return told.project.call("magnum", "GET", f"{CLUSTERS}/{uuid}")


def _comparable(magnum: Magnum) -> Any:
    """Addresses of nodes are told by the driver."""
    return lambda body: magnum.comparable(body | {"node_addresses": type(body["node_addresses"]).__name__})
