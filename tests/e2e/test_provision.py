"""The runbook from nothing on a Heat cloud, then once more: what is there then, and what a second run leaves alone."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.sandbox import Ran, Sandbox

pytestmark = pytest.mark.usefixtures("provisioned")


class Provisioned(Ran):
    """The first run, and every Dask pod that kubectl showed while it computed."""

    pods_seen: set[str]


@pytest.fixture(scope="module")
def provisioned(running_sandbox: Sandbox) -> Provisioned:
    running_sandbox.reset()
    running = running_sandbox.start("provision", running_sandbox.site("heat"), "--json")
    pods_seen: set[str] = set()
    while not running.ended:
        time.sleep(0.5)
        if running_sandbox.state()["clusters"]:
            try:
                listed = running_sandbox.kubectl("get", "pods", "-n", "dask-gateway", "--no-headers")
            except subprocess.CalledProcessError:  # the API does not answer yet
                continue
            pods_seen |= {line.split()[0] for line in listed.splitlines() if line.split()[2] == "Running"}
    ran = running.result(timeout_s=10)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    first = Provisioned(**vars(ran))
    first.pods_seen = pods_seen
    return first


def test_document_says_what_is_there(provisioned: Ran, running_sandbox: Sandbox) -> None:
    document = provisioned.document
    assert document.keys() == {
        "site",
        "cluster",
        "addresses",
        "endpoints",
        "releases",
        "stages",
        "outage_s",
        "duration_s",
        "health",
    }
    state = running_sandbox.state()
    reserved = {address["floating_ip_address"] for address in state["floating_ips"]}
    assert set(document["addresses"].values()) == reserved
    assert [cluster["uuid"] for cluster in state["clusters"]] == [document["cluster"]["uuid"]]
    assert document["releases"]["jupyterhub"] == {
        "chart": "jupyterhub",
        "version": "4.4.0",
        "app_version": "5.5.0",
        "revision": 1,
    }
    assert document["health"]["level"] == "Healthy"
    assert document["health"]["benchmark"]["from"] == "notebook"
    assert [stage["name"] for stage in document["stages"]][:3] == ["preflight", "addresses", "cluster start"]


def test_endpoints_answer_at_the_asked_addresses(provisioned: Ran) -> None:
    endpoints, addresses = provisioned.document["endpoints"], provisioned.document["addresses"]
    assert addresses["jupyterhub"] in endpoints["jupyterhub"]
    assert addresses["dask_gateway"] in endpoints["dask_gateway"]
    assert httpx.get(f"{endpoints['jupyterhub']}/hub/health").status_code == 200
    assert httpx.get(f"{endpoints['dask_gateway']}/api/health").json() == {"status": "pass"}


@pytest.mark.parametrize(
    ("namespace", "role", "rows"),
    [
        ("jhub", "jupyterhub", {"hub": "ClusterIP", "proxy-api": "ClusterIP", "proxy-public": "LoadBalancer"}),
        (
            "dask-gateway",
            "dask_gateway",
            {"api-dask-gateway": "ClusterIP", "traefik-dask-gateway": "LoadBalancer"},
        ),
    ],
)
def test_kubectl_shows_the_runbooks_services(
    provisioned: Ran, running_sandbox: Sandbox, namespace: str, role: str, rows: dict[str, str]
) -> None:
    listed = [line.split() for line in running_sandbox.kubectl("get", "service", "-n", namespace).splitlines()]
    assert listed[0] == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    assert {row[0]: row[1] for row in listed[1:]} == rows
    external = {row[0]: row[3] for row in listed[1:] if row[1] == "LoadBalancer"}
    assert list(external.values()) == [provisioned.document["addresses"][role]]


def test_cluster_is_what_the_site_asked_for(running_sandbox: Sandbox) -> None:
    site = yaml.safe_load(running_sandbox.site("heat").read_text())
    (magnum_cluster,) = running_sandbox.state()["clusters"]
    assert magnum_cluster["docker_volume_size"] == site["cluster"]["docker_volume_size_gib"]
    assert magnum_cluster["node_count"] == site["cluster"]["node_count"]
    assert magnum_cluster["labels"]["magnumhub_site"] == site["name"]
    assert "kube_tag" in magnum_cluster["labels"], "the template's labels are merged, not replaced"


def test_kubectl_shows_scheduler_and_workers_while_it_computes(
    provisioned: Provisioned, running_sandbox: Sandbox
) -> None:
    site = yaml.safe_load(running_sandbox.site("heat").read_text())
    by_dask_cluster = {
        name.split("-")[2] for name in provisioned.pods_seen if re.match(r"dask-scheduler-[0-9a-f]{32}$", name)
    }
    assert by_dask_cluster, provisioned.pods_seen
    workers = [
        sum(name.startswith(f"dask-worker-{dask_cluster}-") for name in provisioned.pods_seen)
        for dask_cluster in by_dask_cluster
    ]
    assert site["health"]["workers"] in workers, provisioned.pods_seen


def test_dask_clusters_and_notebook_servers_are_gone(running_sandbox: Sandbox) -> None:
    pods = running_sandbox.kubectl("get", "pods", "-A", "-o", "name")
    assert not re.search(r"dask-(scheduler|worker)-|jupyter-", pods), pods


def test_no_secret_shows(provisioned: Ran, running_sandbox: Sandbox) -> None:
    site = yaml.safe_load(running_sandbox.site("heat").read_text())
    password = Path(site["jupyterhub"]["auth"]["password"]["file"]).read_text().strip()
    values = json.loads(running_sandbox.kubectl("get", "secret", "-n", "jhub", "magnumhub-tokens", "-o", "json"))
    secrets = [password, *(base64.b64decode(token).decode() for token in values["data"].values())]
    for secret in secrets:
        assert secret not in provisioned.stdout + provisioned.stderr


def test_second_run_changes_nothing(running_sandbox: Sandbox) -> None:
    before = running_sandbox.mutations()
    ran = running_sandbox.magnumhub("provision", running_sandbox.site("heat"), "--json")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert running_sandbox.mutations() == before
    assert {release["revision"] for release in ran.document["releases"].values()} == {1}
    assert {stage["action"] for stage in ran.document["stages"]} <= {"kept", "skipped"}
    assert ran.document["health"] is None


def test_status_and_plan_agree(running_sandbox: Sandbox) -> None:
    status = running_sandbox.magnumhub("status", running_sandbox.site("heat"), "--json")
    assert status.exit_code == 0, status.stderr
    assert {release["name"] for release in status.document["releases"]} == {"jupyterhub", "dask-gateway"}
    plan = running_sandbox.magnumhub("plan", running_sandbox.site("heat"), "--json", "--exit-code")
    assert plan.exit_code == 0, plan.stdout + plan.stderr
    assert {change["action"] for change in plan.document["changes"]} == {"keep"}
