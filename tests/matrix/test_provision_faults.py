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


def test_workers_that_never_come(sandbox: Sandbox, tmp_path: Path) -> None:
    """The site stands, and its verdict is in the whole document: what is there, and which finding says why."""
    sandbox.fault(scenario="no-workers")
    limit_s = 15
    ran = provision(sandbox, sandbox.site_with(tmp_path, {"limits_s": {"workers": limit_s}}), exit_code=1)
    health = ran.document["health"]
    assert health["level"] == "Unhealthy"
    (finding,) = [finding for finding in health["findings"] if finding["level"] == "Unhealthy"]
    assert finding["check"] == "dask_cluster"
    assert f"0 of 2 workers after {limit_s} s" in finding["summary"]
    assert finding["remedy"]
    (check,) = [check for check in health["checks"] if check["name"] == "dask_cluster"]
    assert limit_s <= check["duration_s"] < limit_s + 2 * _SLACK_S
    assert ran.document["endpoints"]["jupyterhub"]
    assert "dask-" not in pods(sandbox, "dask-gateway")
    assert "jupyter-" not in pods(sandbox, "jhub")


def test_image_without_numpy(sandbox: Sandbox, tmp_path: Path) -> None:
    ran = provision(sandbox, sandbox.site_with(tmp_path, {"image": {"tag": "no-numpy"}}), exit_code=1)
    health = ran.document["health"]
    assert health["level"] == "Unhealthy"
    (finding,) = [finding for finding in health["findings"] if finding["level"] == "Unhealthy"]
    assert "numpy is missing in the image pangeo/pangeo-notebook:no-numpy" in finding["summary"]
    assert finding["category"] == "image"


def test_failed_creation_is_replaced_when_asked(sandbox: Sandbox) -> None:
    sandbox.fault(scenario="create-failed")
    provision(sandbox, sandbox.site(), exit_code=1)
    (failed,) = sandbox.state()["clusters"]
    sandbox.fault(scenario=None)
    document = provision(sandbox, sandbox.site(), "--replace-failed").document
    assert_all_there_once(sandbox, document)
    assert document["cluster"]["uuid"] != failed["uuid"]


def test_firewall_is_opened_one_address_after_the_other(sandbox: Sandbox, tmp_path: Path) -> None:
    ingress = {"approval": "ask", "request_to": "support@example.org"}
    site = sandbox.site_with(tmp_path, {"network": {"ingress": ingress}, "limits_s": {"load_balancer": 20}})
    provision(sandbox, site, exit_code=4)
    sandbox.fault(service="firewall", method="TCP", path="/8080$", action="drop")
    waiting = provision(sandbox, site, exit_code=4).document["waiting"]
    assert "jupyterhub" in waiting["addresses"]
    assert "master" not in waiting["addresses"], "ssh went through it: it is open"
    sandbox.fault(scenario=None)
    assert_all_there_once(sandbox, provision(sandbox, site).document)
    marks = [tag for address in sandbox.state()["floating_ips"] for tag in address["tags"] if "firewall" in tag]
    assert marks == ["magnumhub:firewall=open"] * 3


def test_two_first_runs_at_the_same_moment(sandbox: Sandbox) -> None:
    # Both ask before either is answered.
    sandbox.fault(service="magnum", method="POST", path="/v1/clusters$", action="delay", delay_s=8, times=2)
    sandbox.fault(service="neutron", method="POST", path="/floatingips$", action="delay", delay_s=3, times=2)
    both = [sandbox.start("provision", sandbox.site(), "--json") for _ in range(2)]
    first, second = (running.result(_RUN_S) for running in both)
    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    assert first.document["cluster"]["uuid"] == second.document["cluster"]["uuid"]
    asked = [mutation for mutation in sandbox.mutations() if mutation["path"].endswith("/v1/clusters")]
    assert len(asked) == 2, "or nothing was tested"
    verified = next(ran.document for ran in (first, second) if ran.document["health"])
    assert_all_there_once(sandbox, verified)


def pods(sandbox: Sandbox, namespace: str) -> str:
    return sandbox.kubectl("get", "pods", "-n", namespace, "-o", "name").replace("-dask-gateway-", "-")


class TestIsSurvived:
    def test_busy_services_and_lost_answers(self, sandbox: Sandbox) -> None:
        for service in ("keystone", "magnum", "neutron", "nova"):
            sandbox.fault(service=service, action="status", status=503, times=2, after=2)
        for service, path in (("magnum", "/v1/clusters$"), ("neutron", "/floatingips$")):
            sandbox.fault(service=service, method="POST", path=path, action="drop-after-commit", times=1)
        assert_all_there_once(sandbox, provision(sandbox, sandbox.site()).document)

    def test_tokens_that_expire_meanwhile(self, sandbox: Sandbox) -> None:
        sandbox.fault(scenario="token-expiry")
        assert_all_there_once(sandbox, provision(sandbox, sandbox.site()).document)

    def test_kubernetes_that_does_not_answer_now_and_then(self, sandbox: Sandbox) -> None:
        sandbox.fault(service="kubernetes", method="GET", path="/(nodes|services|deployments)", action="drop", times=3)
        sandbox.fault(service="kubernetes", method="POST", path="/namespaces$", action="drop", times=1)
        for path in ("/secrets$", "/services/proxy-public$", "/deployments/api-dask-gateway$"):
            fault = {"method": "POST|PATCH", "path": path, "action": "drop-after-commit", "times": 1}
            sandbox.fault(service="kubernetes", **fault)
        assert_all_there_once(sandbox, provision(sandbox, sandbox.site()).document)
