"""Killed at any moment, provision goes on from what is there: run again, all is there once and nothing is left over."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.sandbox import Sandbox

POINTS = 10
_RUN_S = 300
_SETTLING_S = 20

Inventory = dict[str, Counter[str]]

pytestmark = [pytest.mark.timeout(3 * _RUN_S), pytest.mark.usefixtures("clean_run")]


@pytest.fixture(scope="module")
def clean_run(running_sandbox: Sandbox) -> dict[str, Any]:
    """How many mutations a run from nothing makes, and what it leaves in the cloud."""
    running_sandbox.reset()
    ran = running_sandbox.magnumhub("provision", running_sandbox.site(), "--json", timeout_s=_RUN_S)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    return {"mutations": len(running_sandbox.mutations()), "inventory": inventory(running_sandbox)}


@pytest.mark.parametrize("point", range(POINTS))
def test_killed_at_a_mutation(sandbox: Sandbox, clean_run: dict[str, Any], point: int) -> None:
    # Denser at the start, where each mutation is a stage of its own; later ones are Helm's, in bursts.
    nth = 1 + (clean_run["mutations"] - 1) * point**2 // (POINTS - 1) ** 2
    kill_when(sandbox, lambda: len(sandbox.mutations()) >= nth)
    run_again(sandbox, clean_run)


def test_killed_while_the_notebook_computes(sandbox: Sandbox, clean_run: dict[str, Any]) -> None:
    def dask_workers_are_there() -> bool:
        made = [mutation["path"] for mutation in sandbox.mutations(by="workload") if mutation["method"] == "POST"]
        return sum(path.endswith("/namespaces/dask-gateway/pods") for path in made) > 1

    kill_when(sandbox, dask_workers_are_there)
    run_again(sandbox, clean_run)


def kill_when(sandbox: Sandbox, due: Callable[[], bool]) -> None:
    running = sandbox.start("provision", sandbox.site(), "--json")
    while not due():
        assert not running.ended, running.result(timeout_s=10)
        time.sleep(0.02)
    running.kill()


def run_again(sandbox: Sandbox, clean_run: dict[str, Any]) -> None:
    ran = sandbox.magnumhub("provision", sandbox.site(), "--json", timeout_s=_RUN_S)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    document = ran.document
    assert document["health"] is None or document["health"]["level"] == "Healthy"
    reserved = {address["description"]: address["floating_ip_address"] for address in sandbox.state()["floating_ips"]}
    marked = {f"reserved by magnumhub for site=heat role={role}": ip for role, ip in document["addresses"].items()}
    assert reserved == marked
    assert settled_inventory(sandbox, clean_run["inventory"]) == clean_run["inventory"]


def settled_inventory(sandbox: Sandbox, wanted: Inventory) -> Inventory:
    """The inventory once Kubernetes has tidied up what a Dask cluster or a notebook server owned."""
    give_up_s = time.monotonic() + _SETTLING_S
    while (seen := inventory(sandbox)) != wanted and time.monotonic() < give_up_s:
        time.sleep(0.5)
    return seen


def inventory(sandbox: Sandbox) -> Inventory:
    """All that can be there twice or be left over, by names that are the same in every run."""
    state = sandbox.state()
    assert len(state["clusters"]) == 1
    kinds = "namespaces,storageclasses,services,deployments,pods,secrets,configmaps,persistentvolumeclaims,leases"
    kinds += ",daskclusters"
    objects = json.loads(sandbox.kubectl("get", kinds, "-A", "-o", "json"))["items"]
    return {
        "clusters": Counter(cluster["status"] for cluster in state["clusters"]),
        "servers": Counter(_lasting(server["name"]) for server in state["servers"]),
        "floating IPs": Counter(address["description"] for address in state["floating_ips"]),
        "load balancers": Counter(_lasting(balancer["name"]) for balancer in state["load_balancers"]),
        "releases": Counter(f"{release['name']} {release['status']}" for release in state["releases"]),
        "held leases": Counter(
            item["metadata"]["name"]
            for item in objects
            if item["kind"] == "Lease" and item["spec"].get("holderIdentity", "").count("/") == 2
        ),
        "objects": Counter(
            f"{item['kind']} {_lasting(item['metadata']['name'])}" for item in objects if not _is_history(item)
        ),
    }


def _is_history(item: dict[str, Any]) -> bool:
    """Helm's record of revisions (a recovered release has one more), the gateway's of Dask clusters that ended."""
    is_revision = item.get("type") == "helm.sh/release.v1"
    return is_revision or (
        item["kind"] == "DaskCluster" and item.get("status", {}).get("phase") in ("Stopped", "Failed")
    )


def _lasting(name: str) -> str:
    """A name without the random parts that servers, pods and the cluster's uuid have."""
    name = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", name)
    name = re.sub(r"^heat-[a-z0-9]{12}-", "heat-RANDOM-", name)
    return re.sub(r"-[a-z0-9]{8,10}-[a-z0-9]{5}$", "-RANDOM", name)
