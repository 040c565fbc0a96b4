"""Tags of floating IPs and ports: set, added, removed, found; refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.openstack.cloud import Project, Told
from tests.contract.openstack.network import FLOATING_IPS, PORTS, SOMETHING, Network

KINDS = {"floating_ip": (FLOATING_IPS, "floatingip"), "port": (PORTS, "port")}
TAG, LONG = "contract:tag=1", "x" * 256
METHODS = [
    ("GET", "tags", None),
    ("PUT", "tags", {"tags": ["a"]}),
    ("PUT", "tags/a", None),
    ("DELETE", "tags/a", None),
]


@pytest.fixture(params=KINDS)
def tagged(request: pytest.FixtureRequest, network: Network) -> tuple[str, str]:
    """The path of something that can be tagged, and the name of what it is."""
    path, singular = KINDS[request.param]
    return f"{path}/{getattr(network, request.param)()['id']}", singular


def test_life(told: Told, tagged: tuple[str, str]) -> None:
    path, singular = tagged
    assert told.call("neutron", "GET", f"{path}/tags").body == {"tags": []}
    assert told.call("neutron", "PUT", f"{path}/tags", {"tags": ["b", TAG]}).body == {"tags": ["b", TAG]}
    assert told.call("neutron", "PUT", f"{path}/tags/a").status == 201
    assert told.call("neutron", "PUT", f"{path}/tags/a").status == 201
    assert told.call("neutron", "GET", f"{path}/tags").status == 200
    shown = told.call("neutron", "GET", path).body[singular]
    assert shown["tags"] == ["a", "b", TAG]
    assert told.call("neutron", "DELETE", f"{path}/tags/b").status == 204
    assert told.call("neutron", "DELETE", f"{path}/tags/b").status == 404
    after = told.project.call("neutron", "GET", path).body[singular]
    assert (after["tags"], after["revision_number"]) == (["a", TAG], shown["revision_number"] + 1)
    assert told.call("neutron", "PUT", f"{path}/tags", {"tags": []}).body == {"tags": []}


def test_refused(told: Told, tagged: tuple[str, str]) -> None:
    path, _ = tagged
    refused: list[Any] = [["a", "a"], [LONG], [5], "a", [f"n{number}" for number in range(51)]]
    for tags in refused:
        assert told.call("neutron", "PUT", f"{path}/tags", {"tags": tags}).status == 400
    assert told.call("neutron", "PUT", f"{path}/tags", {}).status == 400
    assert told.call("neutron", "PUT", f"{path}/tags/{LONG}").status == 400
    assert told.project.call("neutron", "GET", f"{path}/tags").body == {"tags": []}


def test_found(told: Told, network: Network) -> None:
    made = network.floating_ip()
    path = f"{FLOATING_IPS}/{made['id']}/tags"
    told.project.call("neutron", "PUT", path, {"tags": ["contract-a", "contract-b"]})
    filters = [
        ({"tags": "contract-a"}, True),
        ({"tags": "contract-a,contract-b"}, True),
        ({"tags": "contract-a,contract-c"}, False),
        ({"tags-any": "contract-a,contract-c"}, True),
        ({"tags-any": "contract-c"}, False),
        ({"not-tags": "contract-a,contract-b"}, False),
        ({"not-tags-any": "contract-c"}, True),
    ]
    for query, found in filters:
        one = {**query, "fields": "id", "floating_ip_address": made["floating_ip_address"]}
        listed = told.call("neutron", "GET", FLOATING_IPS, query=one).body["floatingips"]
        assert listed == ([{"id": made["id"]}] if found else [])


@pytest.mark.parametrize("kind", KINDS)
def test_missing(told: Told, kind: str) -> None:
    """It is an error of Neutron's own, as seen with 29."""
    path, _ = KINDS[kind]
    for method, tags, body in METHODS:
        assert told.call("neutron", method, f"{path}/{SOMETHING}/{tags}", body).status == 500


def test_of_others(told: Told, tagged: tuple[str, str], other: Project) -> None:
    path, _ = tagged
    for method, tags, body in METHODS:
        assert told.call("neutron", method, f"{path}/{tags}", body, of=other).status == 403
