"""Wherever provisioning stopped, teardown leaves nothing of the site, and everything of others as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.sandbox import Sandbox, wait_until
from tests.support.teardowns import assert_only, make_decoys, provision_until, tear_down, there

pytestmark = pytest.mark.timeout(900)

STAGES = {
    "addresses": ("keep", ("addresses",)),
    "cluster start": ("delete", ("cluster start",)),
    "cluster wait": ("keep", ("cluster wait",)),
    "master access": ("delete", ("master access",)),
    "kubernetes": ("keep", ("kubernetes",)),
    "storage": ("keep", ("storage",)),
    "helm": ("delete", ("helm",)),
    "gateway": ("keep", ("dask_gateway",)),
    "hub": ("delete", ("jupyterhub",)),
    "verify": ("delete", ("verify",)),
}


@pytest.mark.parametrize("stopped", STAGES)
def test_nothing_is_left_after_each_stage(sandbox: Sandbox, stopped: str) -> None:
    homes, stages = STAGES[stopped]
    provision_until(sandbox, sandbox.site(), *stages)
    decoys = make_decoys(sandbox, "heat")
    torn_down = tear_down(sandbox, sandbox.site(), homes).document
    assert torn_down["left"] == []
    assert_only(sandbox, decoys, torn_down["kept"])
    # The gateway has no volumes; whether the hub has its own by now is chance.
    assert {item["reason"] for item in torn_down["kept"]} <= {"the hub's database (jhub/hub-db-dir), 1 GiB"}


def test_a_site_that_was_never_made(sandbox: Sandbox) -> None:
    decoys = make_decoys(sandbox, "heat")
    before = sandbox.mutations()
    torn_down = tear_down(sandbox, sandbox.site(), "keep").document
    assert (torn_down["deleted"], torn_down["kept"], torn_down["left"]) == ([], [], [])
    assert sandbox.mutations() == before
    assert_only(sandbox, decoys, [])


def test_a_cluster_that_magnum_could_not_create(sandbox: Sandbox) -> None:
    sandbox.fault(scenario="create-failed")
    assert sandbox.magnumhub("provision", sandbox.site(), "--json").exit_code == 1
    assert tear_down(sandbox, sandbox.site(), "keep").document["left"] == []
    assert not any(there(sandbox).values())


def test_a_cluster_that_is_being_created(sandbox: Sandbox) -> None:
    sandbox.fault(scenario="create-hangs")
    provision_until(sandbox, sandbox.site(), "cluster start")
    assert tear_down(sandbox, sandbox.site(), "keep").document["left"] == []
    assert not any(there(sandbox).values())


def test_a_given_address_stays_and_loses_its_mark(sandbox: Sandbox, tmp_path: Path) -> None:
    network = sandbox.connect().network
    external = network.find_network("public", ignore_missing=False).id
    given = network.create_ip(floating_network_id=external, description="the hub's for years")
    network.set_tags(given, ["team=a"])
    changes = {"network": {"floating_ips": {"jupyterhub": given.floating_ip_address}}}
    site = sandbox.site_with(tmp_path, changes)
    provision_until(sandbox, site, "addresses")
    assert "magnumhub:site=heat" in network.get_ip(given.id).tags
    torn_down = tear_down(sandbox, site, "keep").document
    assert [item["id"] for item in torn_down["kept"]] == [given.id]
    assert network.get_ip(given.id).tags == ["team=a"]
    assert list(there(sandbox)["floating_ips"]) == [given.id]


def test_a_cluster_that_nobody_gets_into(sandbox: Sandbox) -> None:
    """Kept homes need Kubernetes, and it is said; without it the cloud's own services take all away."""
    site = sandbox.site()
    provision_until(sandbox, site, "jupyterhub", "dask_gateway")
    sandbox.fault(scenario="firewall-closed")
    before = there(sandbox)
    ran = tear_down(sandbox, site, "keep", exit_code=1)
    assert "cannot be looked into" in ran.error["message"]
    assert there(sandbox) == before
    volumes = set(before["volumes"])
    torn_down = tear_down(sandbox, site, "delete").document
    assert torn_down["left"] == []
    assert volumes <= {item["id"] for item in torn_down["deleted"]}
    assert not any(there(sandbox).values())


def test_a_cluster_that_magnum_cannot_delete_is_told_with_its_reason(sandbox: Sandbox) -> None:
    site, words = sandbox.site(), "Resource DELETE failed: Conflict: One or more ports have an IP allocation"
    provision_until(sandbox, site, "cluster wait")
    sandbox.fault(service="magnum", method="ASYNC", path="^/v1/deletions/heat$", message=words, times=1)
    torn_down = tear_down(sandbox, site, "delete", exit_code=1).document
    left = {item["kind"]: item for item in torn_down["left"]}
    assert left.keys() == {"cluster", "server", "floating_ip"}
    assert words in left["cluster"]["reason"]
    assert "DELETE_FAILED" in left["cluster"]["reason"]
    assert all(item["remedy"] for item in torn_down["left"])
    remembering = [set(address["tags"]) for address in there(sandbox)["floating_ips"].values()]
    assert all(f"magnumhub:cluster={left['cluster']['id']}" in tags for tags in remembering)
    assert tear_down(sandbox, site, "delete").document["left"] == []
    assert not any(there(sandbox).values())


def test_load_balancers_that_their_controller_leaves_are_found_after_the_cluster(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Octavia fails once to delete them, and the controller waits for ever: both are deleted when it is gone."""
    site = sandbox.site_with(tmp_path, {"limits_s": {"load_balancer": 20}})
    provision_until(sandbox, site, "jupyterhub", "dask_gateway")
    sandbox.fault(service="octavia", method="ASYNC", path="/deletions/kube_service_", times=2)
    balancers = set(there(sandbox)["load_balancers"])
    torn_down = tear_down(sandbox, site, "delete").document
    assert torn_down["left"] == []
    assert balancers <= {item["id"] for item in torn_down["deleted"]}
    assert not any(there(sandbox).values())


def test_users_are_stopped_and_other_services_lose_their_load_balancers(sandbox: Sandbox) -> None:
    site = sandbox.site()
    provision_until(sandbox, site, "jupyterhub", "dask_gateway")
    ports = {"type": "LoadBalancer", "ports": [{"port": 8090}], "selector": {"app": "hello"}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "hello", "namespace": "default"}}
    sandbox.kubectl("apply", "-f", "-", stdin=json.dumps({**service, "spec": ports}))
    wait_until(lambda: len(there(sandbox)["floating_ips"]) == 4, 60, "an address of the controller's own")
    torn_down = tear_down(sandbox, site, "delete").document
    assert torn_down["left"] == []
    assert not any(there(sandbox).values())
