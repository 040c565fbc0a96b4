"""A template with floating_ip_enabled: Magnum gives the master its address, and the API is public."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.conftest import WriteSite
from tests.real.project import Inventory, Project, told
from tests.real.runs import Run, provision

SITE = "real-public"


@pytest.fixture(scope="module")
def template(project: Project) -> Iterator[str]:
    """The newest template's twin, with floating IPs for its servers."""
    magnum = project.connection.container_infrastructure_management
    newest = max(magnum.cluster_templates(), key=lambda template: template.created_at)
    kept = ("coe", "image_id", "flavor_id", "master_flavor_id", "external_network_id", "network_driver", "labels")
    made = magnum.create_cluster_template(
        name=f"{newest.name}-{SITE}", is_floating_ip_enabled=True, **{name: getattr(newest, name) for name in kept}
    )
    yield made.name
    project.delete_all()  # a template that a cluster uses stays
    magnum.delete_cluster_template(made)


@pytest.fixture(scope="module")
def site(write_site: WriteSite, template: str) -> Path:
    return write_site(SITE, cluster={"template": template, "node_count": 1}, health={"workers": 1})


@pytest.fixture(scope="module")
def first(site: Path, environment: dict[str, str]) -> Run:
    return provision(site, environment)


def _origins(project: Project) -> dict[str, str]:
    """Address -> where the site has it from, of those that are marked."""
    marked = {
        ip.floating_ip_address: [tag for tag in ip.tags if "origin=" in tag] for ip in project.connection.network.ips()
    }
    return {address: tags[0].partition("=")[2] for address, tags in marked.items() if tags}


def test_the_masters_address_is_magnums_own(first: Run, project: Project) -> None:
    assert first.exit_code == 0, first.stdout + first.stderr
    document = first.document
    assert document["health"]["level"] == "Healthy"
    addresses = document["addresses"]
    assert document["cluster"]["api_address"] == f"https://{addresses['master']}:6443"
    assert _origins(project) == {
        addresses["master"]: "given",
        addresses["jupyterhub"]: "allocated",
        addresses["dask_gateway"]: "allocated",
    }


def test_a_second_run_without_ssh_changes_nothing(
    first: Run, project: Project, write_site: WriteSite, template: str, environment: dict[str, str]
) -> None:
    before = project.inventory()
    cluster = {"template": template, "node_count": 1}
    site = write_site(SITE, cluster=cluster, health={"workers": 1}, access={"via": "kubeconfig"})
    again = provision(site, environment)
    assert again.exit_code == 0, again.stdout + again.stderr
    assert project.inventory() == before
    assert again.document["cluster"] == first.document["cluster"]
    assert again.document["releases"] == first.document["releases"]
    assert {stage["action"] for stage in again.document["stages"]} <= {"kept", "skipped"}


@pytest.fixture(scope="module")
def left(first: Run, project: Project) -> Inventory:
    project.delete_cluster(first.document["cluster"]["uuid"])
    return project.inventory()


def test_magnum_takes_its_own_addresses_away_and_leaves_ours(left: Inventory, first: Run, report: list[str]) -> None:
    report += ["left after a cluster with addresses from Magnum was deleted through it:", *told(left)]
    addresses = first.document["addresses"]
    assert {what.split()[0] for what in left["floating IP"].values()} == {
        addresses["jupyterhub"],
        addresses["dask_gateway"],
    }
