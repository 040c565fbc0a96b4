"""The same flow on the other kinds of cloud: what differs is where it goes through, not what comes out."""

from __future__ import annotations

from tests.support.sandbox import Sandbox


def _provision(sandbox: Sandbox, name: str) -> dict[str, object]:
    ran = sandbox.magnumhub("provision", sandbox.site(name), "--json")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    document = ran.document
    assert document["health"]["level"] == "Healthy"
    return document


def test_cluster_api_cloud_needs_no_ssh(sandbox: Sandbox) -> None:
    document = _provision(sandbox, "capi")
    assert sandbox.state()["ssh_connections"] == 0
    assert document["addresses"]["master"] is None


def test_private_api_is_reached_through_the_master(sandbox: Sandbox) -> None:
    document = _provision(sandbox, "heat_private")
    assert sandbox.state()["ssh_connections"] > 0
    assert document["addresses"]["master"] is not None


def test_address_that_magnum_gave_the_master_is_adopted(sandbox: Sandbox) -> None:
    document = _provision(sandbox, "heat_fip")
    addresses = [address["floating_ip_address"] for address in sandbox.state()["floating_ips"]]
    assert document["addresses"]["master"] in addresses
    # The nodes have floating IPs of Magnum's own too; ours are the hub's and the gateway's.
    ours = [m for m in sandbox.mutations() if m["service"] == "neutron" and m["method"] == "POST"]
    assert len([m for m in ours if m["path"].rstrip("/").endswith("floatingips")]) == 2
