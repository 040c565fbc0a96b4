"""Sites that end: provisioned as far as is wanted, decoys beside them, and what is there afterwards."""

from __future__ import annotations

import re
import time
import uuid
from pathlib import Path
from typing import Any

from tests.support.sandbox import Ran, Sandbox, wait_until

KINDS = ("clusters", "servers", "floating_ips", "load_balancers", "volumes")


def provision_until(sandbox: Sandbox, site: Path, *stages: str, limit_s: float = 300) -> None:
    """Provision and kill it when it has ended these stages."""
    running = sandbox.start("provision", site, "--json")
    give_up_s = time.monotonic() + limit_s
    while not all(re.search(rf"^{stage}: \w+ \([\d.]+ s\)$", running.told, re.M) for stage in stages):
        assert not running.ended, running.result(timeout_s=10)
        assert time.monotonic() < give_up_s, running.told
        time.sleep(0.02)
    running.kill()


def tear_down(sandbox: Sandbox, site: Path, homes: str, *options: str, exit_code: int = 0) -> Ran:
    """Run teardown of a site whose name is its file's."""
    ran = sandbox.magnumhub(
        "teardown", site, "--confirm", site.stem, "--homes", homes, "--json", *options, timeout_s=400
    )
    assert ran.exit_code == exit_code, ran.stdout + ran.stderr
    return ran


def there(sandbox: Sandbox) -> dict[str, dict[str, dict[str, Any]]]:
    """All that costs money, by kind and id."""
    state = sandbox.state()
    return {kind: {thing.get("uuid") or thing["id"]: thing for thing in state[kind]} for kind in KINDS}


def make_decoys(sandbox: Sandbox, site: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Ten things (and the servers of two) of the same project that look like the site's and are not; as `there`.

    They are made when the site is, so that some can be named after its cluster.
    """
    before, conn = there(sandbox), sandbox.connect()
    ours = next((cluster["uuid"] for cluster in before["clusters"].values()), str(uuid.uuid4()))
    network = conn.network
    external = network.find_network("public", ignore_missing=False).id
    subnet = network.find_subnet("internal-subnet", ignore_missing=False).id
    for description, tags in (
        (f"reserved by magnumhub for site={site}-2 role=jupyterhub", [f"magnumhub:site={site}-2"]),
        (f"Floating IP for Kubernetes external service jhub/proxy-public from cluster {ours}0", []),
        (f"{site}: do not touch", [f"magnumhub_site={site}"]),
    ):
        network.set_tags(network.create_ip(floating_network_id=external, description=description), tags)
    for name in (f"kube_service_{ours[:-1]}_jhub_proxy-public", f"kube_service_{uuid.uuid4()}_jhub_proxy-public"):
        conn.load_balancer.create_load_balancer(name=name, vip_subnet_id=subnet)
    for metadata in (
        {},
        {"magnumhub_site": f"{site}-2", "magnumhub_cluster": ours, "magnumhub_of": "home of ann (jhub/claim-ann)"},
        {"cinder.csi.openstack.org/cluster": "kubernetes"},
    ):
        conn.block_storage.create_volume(name=f"pvc-{uuid.uuid4()}", size=1, metadata=metadata)
    sandbox.fault(service="magnum", method="ASYNC", path="^/v1/clusters/", action="hang")  # decoys need not run
    asked = {"cluster_template_id": "kubernetes-v1.31.1", "keypair": "default", "node_count": 1}
    for wanted in (
        {"name": f"{site}-2", "labels": {"magnumhub_site": f"{site}-2"}, "merge_labels": True},
        {"name": f"{site}wave"},
    ):
        conn.container_infrastructure_management.create_cluster(**asked | wanted)
    wait_until(lambda: len(there(sandbox)["servers"]) == len(before["servers"]) + 4, 60, "the decoys' servers")
    wait_until(lambda: not _unsettled(sandbox), 60, "the decoys' load balancers")
    after = there(sandbox)
    return {kind: {key: after[kind][key] for key in after[kind].keys() - before[kind].keys()} for kind in KINDS}


def assert_only(sandbox: Sandbox, decoys: dict[str, dict[str, dict[str, Any]]], kept: list[dict[str, Any]]) -> None:
    """Nothing is there but decoys, as they were, and the volumes that were kept."""
    volumes = {item["id"] for item in kept if item["kind"] == "volume"}
    left = there(sandbox)
    assert volumes <= left["volumes"].keys()
    for volume in volumes:
        del left["volumes"][volume]
    assert left == decoys


def _unsettled(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [lb for lb in sandbox.state()["load_balancers"] if lb["provisioning_status"].startswith("PENDING")]
