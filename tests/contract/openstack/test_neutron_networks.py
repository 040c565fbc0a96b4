"""Networks, subnets, routers and security groups as a member sees them, and Neutron's lists: filters and pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.openstack.cloud import Project, Told
from tests.contract.openstack.comparable import both, by_type
from tests.contract.openstack.network import SOMETHING, Network

KINDS = {
    "networks": "network",
    "subnets": "subnet",
    "routers": "router",
    "security-groups": "security_group",
    "ports": "port",
    "floatingips": "floatingip",
}
NETWORK = by_type("*.name", "*.mtu", "*.shared", "*.description", "*.subnets", "*.is_default", "*.revision_number")
ADDRESSING = ("cidr", "gateway_ip", "allocation_pools", "dns_nameservers", "host_routes", "enable_dhcp")
SUBNET = by_type(
    "subnet.name", "subnet.description", "subnet.revision_number", *[f"subnet.{name}" for name in ADDRESSING]
)
ROUTER = by_type("routers[].name", "routers[].description", "routers[].revision_number")


def without_order(body: dict[str, Any]) -> dict[str, Any]:
    """A security group's rules come in no order."""
    for group in body["security_groups"]:
        group["security_group_rules"].sort(key=lambda rule: (rule["direction"], rule["ethertype"]))
    return body


GROUP = both(by_type("*.standard_attr_id", "security_groups[].revision_number"), without_order)


def test_versions(told: Told) -> None:
    answer = told.call("neutron", "GET", "/", token="")
    assert [version["id"] for version in answer.body["versions"]] == ["v2.0"]


def test_external_network(told: Told, network: Network) -> None:
    path = f"/v2.0/networks/{network.external['id']}"
    shown = told.call("neutron", "GET", path, comparable=NETWORK).body["network"]
    assert (shown["router:external"], shown["status"]) == (True, "ACTIVE")
    by_name = {"router:external": "True", "name": shown["name"]}
    assert told.project.call("neutron", "GET", "/v2.0/networks", query=by_name).body == {"networks": [shown]}
    inside = told.project.call("neutron", "GET", "/v2.0/networks", query={"router:external": "False"}).body["networks"]
    assert network.internal["id"] in {found["id"] for found in inside}
    assert shown["id"] not in {found["id"] for found in inside}


def test_internal_network(told: Told, network: Network) -> None:
    answer = told.call("neutron", "GET", f"/v2.0/networks/{network.internal['id']}", comparable=NETWORK)
    assert answer.body["network"] == network.internal
    subnet_id = network.internal["subnets"][0]
    subnet = told.call("neutron", "GET", f"/v2.0/subnets/{subnet_id}", comparable=SUBNET).body["subnet"]
    assert subnet["network_id"] == network.internal["id"]
    listed = told.project.call("neutron", "GET", "/v2.0/subnets", query={"network_id": subnet["network_id"]})
    assert subnet in listed.body["subnets"]


def test_router(told: Told, network: Network) -> None:
    routers = told.call("neutron", "GET", "/v2.0/routers", query={"limit": "1"}, comparable=ROUTER).body["routers"]
    assert routers[0]["external_gateway_info"]["network_id"] == network.external["id"]
    shown = told.project.call("neutron", "GET", f"/v2.0/routers/{routers[0]['id']}")
    assert shown.body == {"router": routers[0]}


def test_default_security_group(told: Told) -> None:
    query = {"name": "default"}
    listed = told.call("neutron", "GET", "/v2.0/security-groups", query=query, comparable=GROUP)
    (group,) = listed.body["security_groups"]
    path = f"/v2.0/security-groups/{group['id']}"
    one = told.call("neutron", "GET", path, comparable=lambda body: GROUP({"security_groups": [*body.values()]}))
    shown = one.body["security_group"]
    assert {rule["id"] for rule in shown["security_group_rules"]} == {r["id"] for r in group["security_group_rules"]}
    ingress = [rule for rule in shown["security_group_rules"] if rule["direction"] == "ingress"]
    assert {rule["remote_group_id"] for rule in ingress} <= {group["id"], None}


@pytest.mark.parametrize("plural", KINDS)
def test_missing(told: Told, plural: str) -> None:
    assert told.call("neutron", "GET", f"/v2.0/{plural}/{SOMETHING}").status == 404
    assert told.call("neutron", "GET", f"/v2.0/{plural}/nonsense").status == 404


def test_of_others(told: Told, other: Project) -> None:
    theirs = Network(other).internal
    ours = told.project.call("neutron", "GET", "/v2.0/networks").body["networks"]
    assert theirs["id"] not in {found["id"] for found in ours}
    assert told.call("neutron", "GET", f"/v2.0/networks/{theirs['id']}").status == 404
    assert told.call("neutron", "GET", f"/v2.0/subnets/{theirs['subnets'][0]}").status == 404


@pytest.mark.parametrize("plural", KINDS)
def test_filters(told: Told, plural: str) -> None:
    path = f"/v2.0/{plural}"
    assert told.call("neutron", "GET", path, query={"nonsense": "1"}).status == 400
    assert told.call("neutron", "GET", path, query={"limit": "x"}).status == 400
    assert told.call("neutron", "GET", path, query={"tags": "contract-none"}).body == {plural.replace("-", "_"): []}
    assert told.call("neutron", "GET", path, query={"project_id": SOMETHING}).status == 200


def test_pages(told: Told, network: Network) -> None:
    made = sorted(network.floating_ip(description="contract-pages")["id"] for _ in range(3))
    query = {"description": "contract-pages", "fields": "id"}
    path = "/v2.0/floatingips"
    every = told.call("neutron", "GET", path, query=query).body["floatingips"]
    assert every == [{"id": ident} for ident in made]
    first = told.call("neutron", "GET", path, query={**query, "limit": "2"}).body
    assert [found["id"] for found in first["floatingips"]] == made[:2]
    assert [link["rel"] for link in first["floatingips_links"]] == ["next", "previous"]
    second = told.call("neutron", "GET", path, query={**query, "limit": "2", "marker": made[1]}).body
    assert [found["id"] for found in second["floatingips"]] == made[2:]
    assert [link["rel"] for link in second["floatingips_links"]] == ["previous"]
    after_all = told.call("neutron", "GET", path, query={**query, "limit": "2", "marker": made[2]}).body
    assert after_all["floatingips"] == []
    unknown = told.call("neutron", "GET", path, query={**query, "marker": SOMETHING}).body["floatingips"]
    assert unknown == every
