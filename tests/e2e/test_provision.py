"""The runbook from nothing on a Heat cloud, then once more: what is there then, and what a second run leaves alone.

The site that is there then also serves the tour that `make demo` ends with, and a run that Prefect starts.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.sandbox import BIN, Ran, Sandbox

ROOT = Path(__file__).parents[2]
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
        if any(magnum_cluster["kubeconfig"] for magnum_cluster in running_sandbox.state()["clusters"]):
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
    assert [stage["name"] for stage in document["stages"]][:4] == ["preflight", "plan", "addresses", "cluster start"]


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
    assert site["cluster"]["labels"].items() <= magnum_cluster["labels"].items()
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
    before = running_sandbox.mutations()
    plan = running_sandbox.magnumhub("plan", running_sandbox.site("heat"), "--json", "--exit-code")
    assert plan.exit_code == 0, plan.stdout + plan.stderr
    assert {change["action"] for change in plan.document["changes"]} == {"keep"}
    assert running_sandbox.mutations() == before


@pytest.fixture(scope="module")
def tour(provisioned: Ran, running_sandbox: Sandbox) -> str:
    """What examples/tour.py prints."""
    state = str(Path(running_sandbox.started["clouds_yaml"]).parent)
    command = [sys.executable, "examples/tour.py", "--state", state]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_tours_notebook_opens_for_whom_it_names(tour: str) -> None:
    said = dict(re.findall(r"^  (open|log in as|password) +(\S+)$", tour, re.M))
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        login = browser.get(said["open"])
        form = {"username": said["log in as"], "password": said["password"], "_xsrf": browser.cookies["_xsrf"]}
        opened = browser.post(login.url, data=form)
        assert opened.status_code == 200, opened.text
        assert opened.url.path == f"/user/{said['log in as']}/lab/tree/array-mean.ipynb"
        notebook = browser.get(opened.url.join("../../api/contents/array-mean.ipynb")).json()
    assert "gateway.new_cluster()" in str(notebook["content"]["cells"])


def test_every_command_of_the_tour_works(tour: str, running_sandbox: Sandbox) -> None:
    lines = [line for line in tour.split("Look around")[1].splitlines() if line.startswith("  ")]
    told = [line.split("  #")[0].strip() for line in lines]
    exports = [command for command in told if command.startswith("export ")]
    commands = [command for command in told if not command.startswith("export ")]
    assert {command.split()[0] for command in commands} == {"kubectl", "helm", ".venv/bin/magnumhub"}
    shown = {}
    for command in commands:
        endless = command.endswith("--watch")
        script = "\n".join([*exports, f"timeout 2 {command}" if endless else command])
        environment = running_sandbox.environment
        ran = subprocess.run(
            ["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
        )
        assert ran.returncode == (124 if endless else 0), command + ran.stdout + ran.stderr
        shown[command] = ran.stdout
    assert "proxy-public" in shown["kubectl get service -n jhub"]
    assert "api-dask-gateway" in shown["kubectl get pods -n dask-gateway --watch"]
    assert "dask-gateway-2026.3.0" in shown["helm list -A"]


@pytest.fixture
def workplace(tmp_path: Path, running_sandbox: Sandbox) -> Path:
    """This project's folder, with one site."""
    (tmp_path / "flows").symlink_to(ROOT / "flows")
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    sites = tmp_path / "deployments/sites"
    sites.mkdir(parents=True)
    shutil.copy(running_sandbox.site("heat"), sites)
    return tmp_path


def test_a_worker_carries_out_what_was_started_in_prefect(
    workplace: Path, running_sandbox: Sandbox, prefect_server: str
) -> None:
    document = (ROOT / "docs/prefect.md").read_text()
    # Workers keep code in a folder of the machine's temporary one that belongs to whoever came first.
    environment = {**running_sandbox.environment, "TMPDIR": str(workplace)}

    def told(begin: str, *more: str) -> str:
        """Run the document's command that begins so."""
        (words,) = re.findall(rf"^\.venv/bin/({begin}.*)$", document, re.M)
        program, *arguments = words.split()
        command = [str(BIN / program), *arguments, *more]
        ran = subprocess.run(command, cwd=workplace, env=environment, capture_output=True, text=True, timeout=200)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def api(method: str, path: str, **json: Any) -> httpx.Response:
        return httpx.request(method, f"{prefect_server}{path}", json=json or None, timeout=30)

    told("magnumhub deploy")
    told("prefect --no-prompt deploy")
    deployment = api("GET", "/deployments/name/provision/provision").json()
    assert deployment["parameter_openapi_schema"]["properties"]["site"]["enum"] == ["heat"]
    start = f"/deployments/{deployment['id']}/create_flow_run"
    assert api("POST", start, parameters={"site": "elsewhere"}).is_client_error

    before = running_sandbox.mutations()
    run = api("POST", start, parameters={"site": "heat"}).json()
    log = told("prefect worker start", "--run-once")
    ended = api("GET", f"/flow_runs/{run['id']}").json()
    assert (ended["state"]["type"], ended["name"]) == ("COMPLETED", "provision heat"), log
    assert running_sandbox.mutations() == before, "it was provisioned already"
