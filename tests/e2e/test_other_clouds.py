"""The same flow on the other kinds of cloud: what differs is where it goes through, not what comes out."""

from __future__ import annotations

from pathlib import Path

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


def test_address_that_magnum_gave_the_master_is_asked_for_as_soon_as_it_is_known(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ingress = {"approval": "ask", "request_to": "support@example.org"}
    site = sandbox.site_with(tmp_path, {"network": {"ingress": ingress}}, "heat_fip")
    first, second = (sandbox.magnumhub("provision", site, "--json") for _ in range(2))
    assert (first.exit_code, second.exit_code) == (4, 4), second.stdout + second.stderr
    assert set(first.document["waiting"]["addresses"]) == {"jupyterhub", "dask_gateway"}
    asked = second.document["waiting"]["addresses"]
    assert set(asked) == {"master", "jupyterhub", "dask_gateway"}
    assert asked["master"] in second.document["waiting"]["request"]
