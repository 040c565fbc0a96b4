"""What stops a run at once: said in the service's own words, with a remedy, and leaving nothing behind that matters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.sandbox import Ran, Sandbox

pytestmark = pytest.mark.timeout(120)


def refused(sandbox: Sandbox, site: Path, *options: str, exit_code: int = 1) -> Ran:
    ran = sandbox.magnumhub("provision", site, "--json", *options, timeout_s=100)
    assert ran.exit_code == exit_code, ran.stdout + ran.stderr
    return ran


def test_wrong_site_file_is_refused_before_any_call(sandbox: Sandbox, tmp_path: Path) -> None:
    changes = {
        "cluster": {"docker_volume_size_gib": 5, "node_count": 0},
        "helm": {"sha256": "abc"},
        "jupyterhub": {"https": {"kind": "letsencrypt", "contact_email": "ops@example.org"}},
    }
    nowhere = {"OS_CLIENT_CONFIG_FILE": "/nowhere/clouds.yaml", "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    cut_off = replace(sandbox, environment=sandbox.environment | nowhere)
    ran = refused(cut_off, sandbox.site_with(tmp_path, changes), exit_code=2)
    problems = {problem["field"]: problem for problem in ran.error["problems"]}
    assert {"cluster.docker_volume_size_gib", "cluster.node_count", "helm.sha256"} <= problems.keys()
    assert any(field.startswith("jupyterhub.h") for field in problems), "https needs a hostname"
    assert problems["cluster.docker_volume_size_gib"]["given"] == "5"
    assert all(problem["expected"] for problem in problems.values())


def test_creation_that_magnum_failed(sandbox: Sandbox) -> None:
    sandbox.fault(scenario="create-failed")
    ran = refused(sandbox, sandbox.site())
    assert "No valid host was found" in ran.error["message"]
    assert "--replace-failed" in ran.error["hint"]
    # Run again it says the same, and does not touch what failed.
    failed = sandbox.state()["clusters"]
    ran = refused(sandbox, sandbox.site())
    assert "No valid host was found" in ran.told()
    assert "--replace-failed" in ran.told()
    assert sandbox.state()["clusters"] == failed


def test_quota_that_was_used_up_after_the_look(sandbox: Sandbox) -> None:
    words = "Quota exceeded for resources: ['floatingip']."
    sandbox.fault(service="neutron", method="POST", path="/floatingips$", status=409, message=words)
    ran = refused(sandbox, sandbox.site())
    assert words in ran.error["message"]
    assert "quota" in ran.error["hint"]
    assert sandbox.state()["clusters"] == []


def test_all_that_preflight_sees_is_told_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    network = sandbox.connect().network
    external = network.find_network("public", ignore_missing=False).id
    internal = network.find_network("internal", ignore_missing=False).id
    port = network.create_port(network_id=internal, name="somebodys")
    taken = network.create_ip(floating_network_id=external, port_id=port.id)
    sandbox.fault(scenario="quota-floatingip")
    before = sandbox.mutations()
    addresses = {"floating_ips": {"jupyterhub": taken.floating_ip_address}}
    ran = refused(sandbox, sandbox.site_with(tmp_path, {"cluster": {"keypair": "nobodys"}, "network": addresses}))
    problems = {problem["field"]: problem for problem in ran.error["problems"]}
    assert problems.keys() == {"quota", "not_found", "address"}
    assert "2 floating IPs are needed, 0 are free" in problems["quota"]["given"]
    assert "Ask the cloud's support" in problems["quota"]["expected"]
    assert "keypair of this user called nobodys" in problems["not_found"]["given"]
    assert "default" in problems["not_found"]["expected"], "the keypairs that there are"
    assert f"{taken.floating_ip_address} serves port somebodys" in problems["address"]["given"]
    assert "network.floating_ips.jupyterhub to auto" in problems["address"]["expected"]
    for problem in problems.values():
        assert problem["given"] in ran.error["message"]
        assert problem["expected"] in ran.error["hint"]
    assert sandbox.mutations() == before
    (there,) = sandbox.state()["floating_ips"]
    assert there["port_id"] == port.id


def test_values_that_the_charts_schema_refuses(sandbox: Sandbox, tmp_path: Path) -> None:
    wrong = {"hub": {"replicas": 2}}, {"gateway": {"replicaCount": 2}}
    site = sandbox.site_with(tmp_path, {"jupyterhub": {"values": wrong[0]}, "dask_gateway": {"values": wrong[1]}})
    ran = refused(sandbox, site)
    assert "schema" in ran.error["message"]
    assert "replicas" in ran.error["message"]
    assert "replicaCount" in ran.error["message"]
    assert "jupyterhub.values and dask_gateway.values" in ran.error["hint"]
    assert sandbox.state()["releases"] == []


def test_values_that_a_pinned_chart_refuses_are_told_before_anything_is_made(sandbox: Sandbox, tmp_path: Path) -> None:
    part = {"chart": {"version": "4.4.0"}, "values": {"hub": {"replicas": 2}}}
    site = sandbox.site_with(tmp_path, {"jupyterhub": part})
    before = sandbox.mutations()
    ran = refused(sandbox, site)
    assert "jupyterhub 4.4.0: hub: Additional properties" in ran.error["message"]
    assert sandbox.mutations() == before


def test_firewall_that_a_person_opens(sandbox: Sandbox, tmp_path: Path) -> None:
    ingress = {"approval": "ask", "request_to": "support@example.org"}
    site = sandbox.site_with(tmp_path, {"network": {"ingress": ingress}, "limits_s": {"ssh": 5}})
    waiting = refused(sandbox, site, exit_code=4).document["waiting"]
    reserved = {address["floating_ip_address"] for address in sandbox.state()["floating_ips"]}
    assert set(waiting["addresses"].values()) == reserved
    assert waiting["ports"] == {"master": [2222], "jupyterhub": [8080], "dask_gateway": [8000]}
    assert all(address in waiting["request"] for address in reserved)
    (magnum_cluster,) = sandbox.state()["clusters"]
    assert magnum_cluster["status"].startswith("CREATE_"), "it is made while somebody reads the request"
    # The second run takes its own start as the answer, and the master's address as the proof: it is still closed.
    sandbox.fault(scenario="firewall-closed")
    again = refused(sandbox, site, exit_code=4).document["waiting"]
    assert again == waiting
    assert len(sandbox.state()["clusters"]) == 1
    assert {address["floating_ip_address"] for address in sandbox.state()["floating_ips"]} == reserved
