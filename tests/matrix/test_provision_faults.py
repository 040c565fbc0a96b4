"""What goes wrong on a cloud: each trouble ends within its own limit and says why, or is survived without a trace."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.sandbox import Ran, Sandbox

_RUN_S = 400
# What a stage does besides waiting, on a machine with much else to do.
_SLACK_S = 20

pytestmark = pytest.mark.timeout(2 * _RUN_S)


def provision(sandbox: Sandbox, site: Path, *options: str, exit_code: int = 0) -> Ran:
    ran = sandbox.magnumhub("provision", site, "--json", *options, timeout_s=_RUN_S)
    assert ran.exit_code == exit_code, ran.stdout + ran.stderr
    return ran


def assert_within(ran: Ran, stage: str, limit_s: float) -> None:
    """The stage that failed did so at its limit, neither much before nor much after."""
    failed = re.search(rf"^{stage}: failed after ([\d.]+) s", ran.stderr, re.MULTILINE)
    assert failed, ran.stderr
    assert limit_s <= float(failed[1]) < limit_s + _SLACK_S, ran.stderr


def assert_all_there_once(sandbox: Sandbox, document: dict[str, Any]) -> None:
    state = sandbox.state()
    assert document["health"]["level"] == "Healthy"
    assert [cluster["status"] for cluster in state["clusters"]] == ["CREATE_COMPLETE"]
    assert len(state["servers"]) == 3
    reserved = Counter(address["floating_ip_address"] for address in state["floating_ips"])
    assert reserved == Counter(document["addresses"].values())
    assert len(state["load_balancers"]) == 2
    releases = {release["name"]: release["status"] for release in state["releases"]}
    assert releases == {"jupyterhub": "deployed", "dask-gateway": "deployed"}


class TestEndsWithinItsLimit:
    def test_creation_that_never_ends(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.fault(scenario="create-hangs")
        site = sandbox.site_with(tmp_path, {"cluster": {"create_timeout_min": 1}})
        ran = provision(sandbox, site, exit_code=1)
        assert "CREATE_IN_PROGRESS" in ran.error["message"]
        assert "create_timeout_min" in ran.error["hint"]
        # The pause between two looks grows with the time that was waited: the last one may not fit any more.
        assert_within(ran, "cluster wait", 50)
        assert len(sandbox.state()["clusters"]) == 1

    def test_no_ssh(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.fault(scenario="firewall-closed")
        ran = provision(sandbox, sandbox.site_with(tmp_path, {"limits_s": {"ssh": 5}}), exit_code=1)
        (master,) = [ip["floating_ip_address"] for ip in sandbox.state()["floating_ips"] if ip["port_id"]]
        assert f"{master} port 2222 does not answer" in ran.error["message"]
        assert "firewall" in ran.error["hint"]
        assert_within(ran, "master access", 5)

    def test_load_balancer_that_stays_pending(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.fault(scenario="lb-pending")
        ran = provision(sandbox, sandbox.site_with(tmp_path, {"limits_s": {"load_balancer": 10}}), exit_code=1)
        assert "jhub/proxy-public has no external address after 10 s" in ran.error["message"]
        assert "PENDING_CREATE" in ran.error["message"], "the cloud's controller says what it waits for"
        assert "load balancer" in ran.error["hint"]
        # Once the cloud has mended it, the same release goes on.
        sandbox.fault(scenario=None)
        assert {release["revision"] for release in sandbox.state()["releases"]} == {1}

    def test_hub_that_never_becomes_ready(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.fault(scenario="hub-never-ready")
        ran = provision(sandbox, sandbox.site_with(tmp_path, {"limits_s": {"release": 30}}), exit_code=1)
        assert "hub: 0 of 1 available" in ran.error["message"]
        assert "kubectl get pods -n jhub" in ran.error["hint"]
        assert_within(ran, "jupyterhub", 30)

    def test_address_whose_firewall_stays_closed(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.fault(service="firewall", method="TCP", path="/8080$", action="drop")
        ran = provision(sandbox, sandbox.site_with(tmp_path, {"limits_s": {"load_balancer": 10}}), exit_code=1)
        assert "port 8080 does not answer" in ran.error["message"]
        assert "firewall" in ran.error["hint"]
