"""Floating IPs: allocated, described, tagged, refused, released."""

from __future__ import annotations

from tests.contract.openstack.cloud import Told


def test_floating_ip_unknown(told: Told) -> None:
    path = "/v2.0/floatingips/7d1a3b3e-0000-4000-8000-000000000000"
    for method, body in (("GET", None), ("PUT", {"floatingip": {"description": "x"}}), ("DELETE", None)):
        assert told.call("neutron", method, path, body).status == 404


def test_floating_ip_life(told: Told) -> None:
    network = told.project.connection.network.find_network("public", ignore_missing=False)
    made = told.call("neutron", "POST", "/v2.0/floatingips", {"floatingip": {"floating_network_id": network.id}})
    assert made.status == 201
    path = f"/v2.0/floatingips/{made.body['floatingip']['id']}"
    assert told.call("neutron", "GET", path).body == made.body
    assert told.call("neutron", "DELETE", path).status == 204
    assert told.call("neutron", "GET", path).status == 404
