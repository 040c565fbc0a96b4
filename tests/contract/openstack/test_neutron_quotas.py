"""Neutron's quotas: a project's own, and what happens at the limit."""

from __future__ import annotations

from tests.contract.openstack.cloud import Project, Told, poll
from tests.contract.openstack.comparable import by_type
from tests.contract.openstack.network import FLOATING_IPS, Network


def test_own(told: Told) -> None:
    path = f"/v2.0/quotas/{told.project.project_id}"
    limits = told.call("neutron", "GET", path, comparable=by_type("quota.*")).body["quota"]
    answer = told.call("neutron", "GET", f"{path}/details", comparable=by_type("*.limit", "*.used"))
    details = answer.body["quota"]
    assert {name: told_of["limit"] for name, told_of in details.items()} == limits
    assert all(limit == -1 or limit > 0 for limit in limits.values())


def test_counted(project: Project, network: Network) -> None:
    path = f"/v2.0/quotas/{project.project_id}/details"
    before = project.call("neutron", "GET", path).body["quota"]["floatingip"]
    network.floating_ip()
    wanted = before | {"used": before["used"] + 1}

    def counted() -> bool | None:
        """A reservation may outlive the request for a moment."""
        return project.call("neutron", "GET", path).body["quota"]["floatingip"] == wanted or None

    poll(counted, "the floating IP is counted once", 20)


def test_of_others(told: Told, other: Project) -> None:
    path = f"/v2.0/quotas/{other.project_id}"
    assert told.call("neutron", "GET", path).status == 403
    assert told.call("neutron", "GET", f"{path}/details").status == 403


def test_used_up(told: Told, network: Network) -> None:
    network.use_up()
    body = {"floatingip": {"floating_network_id": network.external["id"]}}
    refused = told.call("neutron", "POST", FLOATING_IPS, body)
    assert (refused.status, refused.body["NeutronError"]["type"]) == (409, "OverQuota")
