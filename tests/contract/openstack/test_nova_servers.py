"""Servers: lists, filters and pages, all that is told of one at each version, addresses, other projects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.openstack.cloud import Project, Told, poll
from tests.contract.openstack.comparable import by_type
from tests.contract.openstack.network import SOMETHING, Network
from tests.contract.openstack.servers import NAME, Servers

SERVERS = "/v2.1/servers"
SDK = {"OpenStack-API-Version": "compute 2.100"}
"""The newest version that openstacksdk asks a server at."""

CHANGED_AT = (1, 9, 19, 26, 47, 63, 71, 73, 90, 96, 98, 100, 104)
CHOSEN = by_type("*.metadata", "*.hostId", "*.image.properties", "*.availability_zone", "*.vcpus", "*.ram", "*.disk")


@pytest.fixture
def names(names: dict[str, str], servers: Servers) -> dict[str, str]:
    return names | servers.names


def comparable(body: Any) -> Any:
    """Without what the cloud's owner chose; what a flavor is called is among it."""
    for server in body.get("servers") or [body.get("server", {})]:
        if "original_name" in server.get("flavor", {}):
            server["flavor"]["original_name"] = "<flavor>"
    return CHOSEN(body)


def found(told: Told, path: str, **query: str) -> list[str]:
    answer = told.call("nova", "GET", path, query={"name": f"^{NAME}-", **query}, comparable=comparable)
    return [server["name"] for server in answer.body["servers"]]


def test_lists(told: Told, servers: Servers) -> None:
    """The newest comes first."""
    assert found(told, SERVERS) == [servers.node["name"], servers.master["name"]]
    assert found(told, f"{SERVERS}/detail") == [servers.node["name"], servers.master["name"]]


def test_filters(told: Told, servers: Servers) -> None:
    assert found(told, SERVERS, name=f"{NAME}-.*-master-0$") == [servers.master["name"]]
    assert found(told, SERVERS, name="contract-none") == []
    assert len(found(told, SERVERS, status="ACTIVE")) == 2
    assert found(told, SERVERS, status="ERROR") == []
    assert found(told, SERVERS, status="nonsense") == []


def test_pages(told: Told, servers: Servers) -> None:
    for path in (SERVERS, f"{SERVERS}/detail"):
        first = told.project.call("nova", "GET", path, query={"name": f"^{NAME}-", "limit": "1"}).body
        assert [server["name"] for server in first["servers"]] == [servers.node["name"]]
        assert [link["rel"] for link in first["servers_links"]] == ["next"]
        assert f"marker={servers.node['id']}" in first["servers_links"][0]["href"]
    assert found(told, SERVERS, limit="1") == [servers.node["name"]]
    assert found(told, SERVERS, limit="5", marker=servers.node["id"]) == [servers.master["name"]]


@pytest.mark.parametrize("path", [SERVERS, f"{SERVERS}/detail"], ids=["brief", "detail"])
def test_refused(told: Told, path: str) -> None:
    refused = [
        ({"marker": SOMETHING}, 400),
        ({"limit": "x"}, 400),
        ({"name": "[x"}, 400),
        ({"all_tenants": "1"}, 403),
    ]
    for query, status in refused:
        assert told.call("nova", "GET", path, query=query).status == status


def test_one(told: Told, servers: Servers) -> None:
    path = f"{SERVERS}/{servers.master['id']}"
    first = told.call("nova", "GET", path, comparable=comparable).body["server"]
    assert (first["status"], first["OS-EXT-STS:power_state"], first["key_name"]) == ("ACTIVE", 1, "contract-keypair")
    assert first["security_groups"] == servers.master["security_groups"]
    later = told.call("nova", "GET", path, headers=SDK, comparable=comparable).body["server"]
    assert (later["locked"], later["OS-EXT-SRV-ATTR:hostname"]) == (False, servers.master["name"])
    assert "id" not in later["flavor"]


def test_fields_at_each_version(told: Told, servers: Servers) -> None:
    path = f"{SERVERS}/{servers.master['id']}"
    known: set[str] = set()
    for minor in CHANGED_AT:
        headers = {"OpenStack-API-Version": f"compute 2.{minor}"}
        answer = told.project.call("nova", "GET", path, headers=headers)
        server = answer.body["server"]
        told_of = {*server, *(f"{part}.{key}" for part in ("flavor", "image") for key in server[part])}
        new = sorted(told_of - known)
        told.transcript.add("nova", f"GET {path} at 2.{minor}", status=answer.status, new=new)
        known |= told_of
    assert {"locked", "tags", "flavor.original_name", "image.properties", "scheduler_hints"} <= known


def test_port(told: Told, servers: Servers) -> None:
    comparable = by_type("*.name", "*.revision_number")
    port = told.call("neutron", "GET", f"/v2.0/ports/{servers.port['id']}", comparable=comparable).body["port"]
    assert (port["device_owner"], port["status"]) == ("compute:nova", "ACTIVE")
    assert port["fixed_ips"][0]["ip_address"] == next(iter(servers.master["addresses"].values()))[0]["addr"]
    (group_id,) = port["security_groups"]
    group = told.project.call("neutron", "GET", f"/v2.0/security-groups/{group_id}").body["security_group"]
    assert servers.master["security_groups"] == [{"name": group["name"]}]


def test_floating_ip(told: Told, servers: Servers, network: Network) -> None:
    """Nova tells it when it has heard of it."""
    path = f"{SERVERS}/{servers.master['id']}"
    made = network.floating_ip(port_id=servers.port["id"])

    def addresses(number: int) -> dict[str, Any] | None:
        server = told.project.call("nova", "GET", path).body["server"]
        (shown,) = server["addresses"].values()
        return server if len(shown) == number else None

    server = poll(lambda: addresses(2), "the floating IP is seen")
    (shown,) = server["addresses"].values()
    assert [(entry["OS-EXT-IPS:type"], entry["addr"]) for entry in shown] == [
        ("fixed", servers.port["fixed_ips"][0]["ip_address"]),
        ("floating", made["floating_ip_address"]),
    ]
    told.call("nova", "GET", path, comparable=comparable)
    told.project.call("neutron", "PUT", f"/v2.0/floatingips/{made['id']}", {"floatingip": {"port_id": None}})
    poll(lambda: addresses(1), "the floating IP is gone")
    told.call("nova", "GET", path, comparable=comparable)


def test_missing(told: Told) -> None:
    assert told.call("nova", "GET", f"{SERVERS}/{SOMETHING}").status == 404
    assert told.call("nova", "GET", f"{SERVERS}/nonsense").status == 404


def test_of_others(told: Told, servers: Servers, other: Project) -> None:
    assert told.call("nova", "GET", f"{SERVERS}/{servers.master['id']}", of=other).status == 404
    assert told.call("nova", "GET", f"{SERVERS}/detail", of=other).body == {"servers": []}


@pytest.mark.usefixtures("servers")
def test_counted(project: Project) -> None:
    limits = project.call("nova", "GET", "/v2.1/limits").body["limits"]["absolute"]
    path = f"/v2.1/os-quota-sets/{project.project_id}/detail"
    detail = project.call("nova", "GET", path).body["quota_set"]
    assert limits["totalInstancesUsed"] == detail["instances"]["in_use"] >= 2
    assert limits["totalCoresUsed"] == detail["cores"]["in_use"] > 0
    assert limits["totalRAMUsed"] == detail["ram"]["in_use"] > 0
