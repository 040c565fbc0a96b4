"""From an empty project to a hub that computes, once more without a change, checked, and what is left of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from magnumhub.domain.checks.causes import CAUSAL_ORDER
from sandbox.sites import HELM_VERSION
from tests.real.conftest import SSH_KEY, WriteSite
from tests.real.master import Kubectl, Master
from tests.real.project import Inventory, Project, told
from tests.real.runs import Run, check, provision

SITE = "real"
ROLES = {"master", "jupyterhub", "dask_gateway"}
SERVICES = {"jupyterhub": "jhub_proxy-public", "dask_gateway": "dask-gateway_traefik-dask-gateway"}


@pytest.fixture(scope="module")
def site(write_site: WriteSite) -> Path:
    return write_site(SITE)


@pytest.fixture(scope="module")
def first(project: Project, site: Path, environment: dict[str, str]) -> Run:
    """`provision` in an empty project."""
    with project.watched() as creation:
        run = provision(site, environment)
    run.creation_s = creation.took_s
    return run


@pytest.fixture(scope="module")
def master(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Master:
    address = first.document["addresses"]["master"]
    return Master(address, os.environ.get(SSH_KEY), tmp_path_factory.mktemp("master"))


@pytest.fixture(scope="module")
def kubectl(master: Master) -> Iterator[Kubectl]:
    with master.kubectl() as opened:
        yield opened


def test_provision_ends_with_a_hub_that_computes(first: Run) -> None:
    assert first.exit_code == 0, first.stdout + first.stderr
    health = first.document["health"]
    # A computation of the runner's own that failed or was skipped would be among them.
    assert (health["level"], health["findings"]) == ("Healthy", [])
    assert all(check["level"] == "Healthy" for check in health["checks"])
    benchmark = health["benchmark"]
    assert benchmark["from"] == "notebook"
    six_sigma = 6 / benchmark["array_size"]
    assert abs(benchmark["mean"]) < six_sigma


def test_services_have_the_addresses_that_were_reserved(first: Run, project: Project, kubectl: Kubectl) -> None:
    addresses = first.document["addresses"]
    reserved = {ip.floating_ip_address: ip for ip in project.connection.network.ips()}
    assert set(addresses) == ROLES
    assert set(addresses.values()) == set(reserved)
    assert {ip.status for ip in reserved.values()} == {"ACTIVE"}
    shown = kubectl.external_ips()
    assert {role: shown[service] for role, service in SERVICES.items()} == {role: addresses[role] for role in SERVICES}


def test_hub_and_gateway_answer_on_them(first: Run) -> None:
    endpoints = first.document["endpoints"]
    assert httpx.get(f"{endpoints['jupyterhub']}/hub/health").status_code == 200
    assert httpx.get(f"{endpoints['dask_gateway']}/api/health").json() == {"status": "pass"}


def test_what_was_real(project: Project, master: Master, kubectl: Kubectl, report: list[str]) -> None:
    kubernetes, ssh = kubectl.server_version(), master.software()
    helm = master.run(f"~/.magnumhub/bin/helm-{HELM_VERSION} version --short").strip()
    assert ssh.startswith("SSH-2.0-OpenSSH")
    assert helm.startswith(f"v{HELM_VERSION}")
    report.append(f"real: {', '.join(project.versions())}, kube-apiserver {kubernetes}, {ssh}, helm {helm}")
    report.append("stand-ins: the sandbox's node, load balancer, images and charts")


def test_where_the_time_went(first: Run, report: list[str]) -> None:
    assert 0 < first.creation_s < first.addresses_actual_s < first.took_s
    report += ["provision from nothing, a Prefect server running already:", *first.where_it_went()]


class Again:
    """A second run, and what was there before and after it."""

    def __init__(self, project: Project, kubectl: Kubectl, site: Path, environment: dict[str, str]) -> None:
        self.before = project.inventory(), kubectl.running()
        self.run = provision(site, environment)
        self.after = project.inventory(), kubectl.running()


@pytest.fixture(scope="module")
def again(first: Run, project: Project, kubectl: Kubectl, site: Path, environment: dict[str, str]) -> Again:
    return Again(project, kubectl, site, environment)


def test_second_run_changes_nothing(again: Again, first: Run) -> None:
    assert again.run.exit_code == 0, again.run.stdout + again.run.stderr
    assert again.before == again.after
    document = again.run.document
    assert document["cluster"] == first.document["cluster"]
    assert document["addresses"] == first.document["addresses"]
    assert {name: release["revision"] for name, release in document["releases"].items()} == {
        "jupyterhub": 1,
        "dask-gateway": 1,
    }
    assert {stage["action"] for stage in document["stages"]} <= {"kept", "skipped"}


def test_how_long_the_second_run_took(again: Again, report: list[str]) -> None:
    document = again.run.document
    assert document["duration_s"] < again.run.took_s
    report.append(
        f"provision again: {again.run.took_s:.1f} s the whole command, {document['duration_s']:.1f} s the flow"
    )


@pytest.fixture(scope="module")
def checked(again: Again, site: Path, environment: dict[str, str]) -> Run:
    """The nightly check, as soon as all is there."""
    return check(site, environment)


def test_the_check_finds_it_healthy(checked: Run, report: list[str]) -> None:
    assert checked.exit_code == 0, checked.stdout + checked.stderr
    document = checked.document
    assert {seen["name"]: seen["level"] for seen in document["checks"]} == dict.fromkeys(CAUSAL_ORDER, "Healthy")
    assert document["benchmark"]["from"] == "notebook"
    report.append(f"check: {checked.took_s:.1f} s the whole command, {document['duration_s']:.1f} s the flow")
    report += [f"  {seen['duration_s']:5.1f} s {seen['name']}: {seen['summary']}" for seen in document["checks"]]


def test_the_check_leaves_the_project_as_it_was(checked: Run, again: Again, project: Project) -> None:
    assert project.inventory() == again.after[0]


@pytest.fixture(scope="module")
def left(checked: Run, first: Run, project: Project) -> Inventory:
    """What is there when the cluster is gone."""
    project.delete_cluster(first.document["cluster"]["uuid"])
    return project.inventory()


def test_deleting_the_cluster_leaves_addresses_and_vips_only(left: Inventory, first: Run, report: list[str]) -> None:
    """The addresses outlive a cluster on purpose; the VIPs stay because nobody deleted the Services first."""
    report += ["left after the cluster was deleted through Magnum:", *told(left)]
    assert set(left) == {"floating IP", "port"}
    addresses = set(first.document["addresses"].values())
    assert {what.split()[0] for what in left["floating IP"].values()} == addresses
    assert all(f"magnumhub:site={SITE}" in what for what in left["floating IP"].values())
    vips = {f"kube_service_{first.document['cluster']['uuid']}_{service}" for service in SERVICES.values()}
    assert {what.split()[0] for what in left["port"].values()} == vips


def test_project_is_empty_again(left: Inventory, project: Project) -> None:
    project.delete_all()
    assert project.inventory() == {}
