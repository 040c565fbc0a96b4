"""Ports: made on a network, found, deleted; what a member may not."""

from __future__ import annotations

from typing import Any

from tests.contract.openstack.cloud import Project, Told
from tests.contract.openstack.network import PORTS, SOMETHING, Network

ROUTER_INTERFACE = "network:router_interface"


def test_life(told: Told, network: Network) -> None:
    subnet_id = network.internal["subnets"][0]
    made = network.port(told, description="contract", fixed_ips=[{"subnet_id": subnet_id}])
    assert (made["status"], made["device_id"], made["fixed_ips"][0]["subnet_id"]) == ("DOWN", "", subnet_id)
    path = f"{PORTS}/{made['id']}"
    assert told.call("neutron", "GET", path).body["port"]["fixed_ips"] == made["fixed_ips"]
    assert told.call("neutron", "DELETE", path).status == 204
    assert told.call("neutron", "GET", path).status == 404
    assert told.call("neutron", "DELETE", path).status == 404


def test_found(told: Told, network: Network) -> None:
    made = network.port(device_id="contract-device", device_owner="contract:test")
    address = made["fixed_ips"][0]["ip_address"]
    filters = [
        {"device_id": "contract-device"},
        {"device_owner": "contract:test"},
        {"fixed_ips": f"ip_address={address}", "network_id": network.internal["id"]},
        {"name": "contract-port", "mac_address": made["mac_address"]},
    ]
    for query in filters:
        listed = told.call("neutron", "GET", PORTS, query={**query, "fields": "id"})
        assert listed.body == {"ports": [{"id": made["id"]}]}
    in_subnet = {"fixed_ips": f"subnet_id={network.internal['subnets'][0]}", "device_id": "contract-device"}
    assert len(told.call("neutron", "GET", PORTS, query=in_subnet).body["ports"]) == 1
    assert told.call("neutron", "GET", PORTS, query={"device_id": SOMETHING}).body == {"ports": []}


def test_refused(told: Told, network: Network) -> None:
    on = {"network_id": network.internal["id"]}
    refused: list[tuple[dict[str, Any], int, str]] = [
        ({"network_id": SOMETHING}, 404, "NetworkNotFound"),
        ({"network_id": "nonsense"}, 400, "HTTPBadRequest"),
        ({}, 400, "HTTPBadRequest"),
        (on | {"nonsense": 1}, 400, "HTTPBadRequest"),
        (on | {"name": "n" * 256}, 400, "HTTPBadRequest"),
        (on | {"fixed_ips": [{"subnet_id": SOMETHING}]}, 404, "SubnetNotFound"),
        ({"network_id": network.external["id"]}, 403, "PolicyNotAuthorized"),
    ]
    for fields, status, kind in refused:
        answer = told.call("neutron", "POST", PORTS, {"port": fields})
        assert (answer.status, answer.body["NeutronError"]["type"]) == (status, kind)
    assert told.call("neutron", "POST", PORTS, {}).status == 400


def test_address_of_ones_choice(told: Told, network: Network) -> None:
    taken = network.port()["fixed_ips"][0]
    body = {"port": {"network_id": network.internal["id"], "fixed_ips": [taken]}}
    answer = told.call("neutron", "POST", PORTS, body)
    assert (answer.status, answer.body["NeutronError"]["type"]) == (409, "IpAddressAlreadyAllocated")
    body["port"]["fixed_ips"] = [{"ip_address": "192.0.2.1", "subnet_id": taken["subnet_id"]}]
    answer = told.call("neutron", "POST", PORTS, body)
    assert (answer.status, answer.body["NeutronError"]["type"]) == (400, "InvalidIpForSubnet")


def test_routers_port_stays(told: Told) -> None:
    ports = told.project.call("neutron", "GET", PORTS, query={"device_owner": ROUTER_INTERFACE}).body["ports"]
    told.call("neutron", "GET", f"{PORTS}/{ports[0]['id']}")
    answer = told.call("neutron", "DELETE", f"{PORTS}/{ports[0]['id']}")
    assert (answer.status, answer.body["NeutronError"]["type"]) == (409, "ServicePortInUse")


def test_of_others(told: Told, network: Network, other: Project) -> None:
    path = f"{PORTS}/{network.port()['id']}"
    assert told.call("neutron", "GET", path, of=other).status == 404
    assert told.call("neutron", "DELETE", path, of=other).status == 404
    body = {"port": {"network_id": network.internal["id"]}}
    assert told.call("neutron", "POST", PORTS, body, of=other).status == 404
