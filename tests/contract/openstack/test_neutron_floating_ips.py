"""Floating IPs: allocated, described, pointed at ports and re-pointed, refused, released."""

from __future__ import annotations

from typing import Any

from tests.contract.openstack.cloud import Project, Told, poll
from tests.contract.openstack.network import FLOATING_IPS, PORTS, SOMETHING, Network


def path_of(floating_ip: dict[str, Any]) -> str:
    return f"{FLOATING_IPS}/{floating_ip['id']}"


def put(told: Told, floating_ip: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = told.call("neutron", "PUT", path_of(floating_ip), {"floatingip": fields})
    assert answer.status == 200
    return dict(answer.body["floatingip"])


def settled(told: Told, floating_ip: dict[str, Any], status: str) -> dict[str, Any]:
    """The floating IP once the network says this of it."""

    def look() -> bool | None:
        shown = told.project.call("neutron", "GET", path_of(floating_ip)).body["floatingip"]
        return shown["status"] == status or None

    poll(look, f"floating IP {status}")
    return dict(told.call("neutron", "GET", path_of(floating_ip)).body["floatingip"])


def ids(told: Told) -> set[str]:
    listed = told.project.call("neutron", "GET", FLOATING_IPS, query={"fields": "id"}).body["floatingips"]
    return {floating_ip["id"] for floating_ip in listed}


def test_refused(told: Told, network: Network) -> None:
    before = ids(told)
    on = {"floating_network_id": network.external["id"]}
    refused: list[tuple[dict[str, Any], int, str]] = [
        ({"floating_network_id": SOMETHING}, 404, "NetworkNotFound"),
        ({"floating_network_id": "nonsense"}, 400, "HTTPBadRequest"),
        ({"floating_network_id": network.internal["id"]}, 400, "BadRequest"),
        ({}, 400, "HTTPBadRequest"),
        (on | {"tags": ["contract"]}, 400, "HTTPBadRequest"),
        (on | {"nonsense": 1}, 400, "HTTPBadRequest"),
        (on | {"description": "d" * 256}, 400, "HTTPBadRequest"),
        (on | {"description": 5}, 400, "HTTPBadRequest"),
        (on | {"floating_ip_address": "192.0.2.1"}, 403, "PolicyNotAuthorized"),
        (on | {"floating_ip_address": "nonsense"}, 400, "HTTPBadRequest"),
        (on | {"port_id": SOMETHING}, 404, "PortNotFound"),
    ]
    for fields, status, kind in refused:
        answer = told.call("neutron", "POST", FLOATING_IPS, {"floatingip": fields})
        assert (answer.status, answer.body["NeutronError"]["type"]) == (status, kind)
    assert told.call("neutron", "POST", FLOATING_IPS, {}).status == 400
    assert ids(told) == before


def test_life(told: Told, network: Network) -> None:
    made = network.floating_ip(told)
    assert (made["status"], made["port_id"], made["tags"], made["revision_number"]) == ("DOWN", None, [], 0)
    # Neutron may have another `updated_at` for it in the next second.
    shown = told.call("neutron", "GET", path_of(made)).body["floatingip"]
    assert shown | {"updated_at": ""} == made | {"updated_at": ""}
    query = {"floating_ip_address": made["floating_ip_address"]}
    listed = told.call("neutron", "GET", FLOATING_IPS, query=query).body
    assert listed == {"floatingips": [shown]}
    assert told.call("neutron", "DELETE", path_of(made)).status == 204
    assert told.call("neutron", "GET", path_of(made)).status == 404
    assert told.call("neutron", "DELETE", path_of(made)).status == 404


def test_description(told: Told, network: Network) -> None:
    made = network.floating_ip(told, description="contract: first")
    assert made["description"] == "contract: first"
    changed = put(told, made, description="contract: second")
    assert (changed["description"], changed["revision_number"]) == ("contract: second", 1)
    assert put(told, made, description="contract: second")["revision_number"] == 2
    assert put(told, made)["revision_number"] == 2
    query = {"description": "contract: second"}
    listed = told.call("neutron", "GET", FLOATING_IPS, query=query).body["floatingips"]
    assert [found["id"] for found in listed] == [made["id"]]


def test_change_refused(told: Told, network: Network) -> None:
    made = network.floating_ip()
    refused: list[tuple[dict[str, Any], int]] = [
        ({"floating_ip_address": "192.0.2.1"}, 400),
        ({"floating_network_id": SOMETHING}, 400),
        ({"tags": ["contract"]}, 400),
        ({"nonsense": 1}, 400),
        ({"description": "d" * 256}, 400),
        ({"port_id": "nonsense"}, 400),
        ({"port_id": SOMETHING}, 404),
        ({"fixed_ip_address": "192.0.2.1"}, 400),
    ]
    for fields, status in refused:
        assert told.call("neutron", "PUT", path_of(made), {"floatingip": fields}).status == status
    assert told.call("neutron", "PUT", path_of(made), {}).status == 400
    shown = told.project.call("neutron", "GET", path_of(made)).body["floatingip"]
    assert shown["revision_number"] == made["revision_number"]


def test_associated_and_disassociated(told: Told, network: Network) -> None:
    port = network.port(name="contract-served")
    made = network.floating_ip()
    put_there = put(told, made, port_id=port["id"])
    assert put_there["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    assert (put_there["port_details"]["name"], put_there["status"]) == ("contract-served", "DOWN")
    active = settled(told, made, "ACTIVE")
    assert active["revision_number"] > put_there["revision_number"]
    listed = told.call("neutron", "GET", FLOATING_IPS, query={"port_id": port["id"]}).body["floatingips"]
    assert [found["id"] for found in listed] == [made["id"]]
    assert put(told, made, port_id=port["id"], description="contract: again")["port_id"] == port["id"]
    taken_off = put(told, made, port_id=None)
    assert (taken_off["port_id"], taken_off["port_details"], taken_off["status"]) == (None, None, "ACTIVE")
    assert settled(told, made, "DOWN")["router_id"] is None


def test_the_same_twice(told: Told, network: Network) -> None:
    port = network.port()
    made = network.floating_ip()
    put(told, made, port_id=port["id"])
    settled(told, made, "ACTIVE")
    once, again = (put(told, made, port_id=port["id"])["revision_number"] for _ in range(2))
    assert once == again


def test_repointed(told: Told, network: Network) -> None:
    first, second = network.port(), network.port()
    made = network.floating_ip(told, port_id=first["id"])
    assert made["port_id"] == first["id"]
    settled(told, made, "ACTIVE")
    moved = put(told, made, port_id=second["id"])
    assert (moved["port_id"], moved["status"]) == (second["id"], "ACTIVE")
    assert moved["fixed_ip_address"] == second["fixed_ips"][0]["ip_address"]


def test_second_on_one_port(told: Told, network: Network) -> None:
    port = network.port()
    network.floating_ip(port_id=port["id"])
    second = network.floating_ip()
    before = ids(told)
    body = {"floatingip": {"port_id": port["id"]}}
    taken = told.call("neutron", "PUT", path_of(second), body)
    assert (taken.status, taken.body["NeutronError"]["type"]) == (409, "FloatingIPPortAlreadyAssociated")
    body["floatingip"]["floating_network_id"] = network.external["id"]
    assert told.call("neutron", "POST", FLOATING_IPS, body).status == 409
    assert ids(told) == before


def test_wrong_fixed_address(told: Told, network: Network) -> None:
    port, made = network.port(), network.floating_ip()
    body = {"floatingip": {"port_id": port["id"], "fixed_ip_address": "192.0.2.1"}}
    assert told.call("neutron", "PUT", path_of(made), body).status == 400
    body["floatingip"]["fixed_ip_address"] = port["fixed_ips"][0]["ip_address"]
    assert told.call("neutron", "PUT", path_of(made), body).status == 200


def test_port_deleted(told: Told, network: Network) -> None:
    port = network.port()
    made = network.floating_ip(port_id=port["id"])
    settled(told, made, "ACTIVE")
    assert told.call("neutron", "DELETE", f"{PORTS}/{port['id']}").status == 204
    left = settled(told, made, "DOWN")
    assert (left["port_id"], left["fixed_ip_address"]) == (None, None)


def test_missing(told: Told) -> None:
    path = f"{FLOATING_IPS}/{SOMETHING}"
    for method, body in (("PUT", {"floatingip": {"description": "contract"}}), ("DELETE", None)):
        assert told.call("neutron", method, path, body).status == 404


def test_of_others(told: Told, network: Network, other: Project) -> None:
    path = path_of(network.floating_ip())
    for method, body in (("GET", None), ("PUT", {"floatingip": {"description": "contract"}}), ("DELETE", None)):
        assert told.call("neutron", method, path, body, of=other).status == 404
    assert told.call("neutron", "GET", FLOATING_IPS, of=other).body == {"floatingips": []}


def test_port_of_others(told: Told, network: Network, other: Project) -> None:
    theirs = Network(other)
    try:
        body = {"floatingip": {"port_id": theirs.port()["id"]}}
        assert told.call("neutron", "PUT", path_of(network.floating_ip()), body).status == 404
    finally:
        theirs.clean()
