"""The Magnum cluster: started in seconds, waited for by what is true and not by what a timer says."""

from __future__ import annotations

import threading
from contextlib import suppress

from prefect import task

from blocks.cloud import cloud_of
from magnumhub.domain.ground import Ground
from magnumhub.domain.plan import Plan
from magnumhub.domain.results import MagnumCluster
from magnumhub.domain.spec import Site
from magnumhub.kube.client import preload
from magnumhub.openstack import clusters
from magnumhub.openstack.cluster_rules import judge
from tasks.policy import ACT, OBSERVE
from tasks.progress import stage


@task(name="start cluster", **ACT)
def start_cluster(site: Site, ground: Ground, plan: Plan, *, replace_failed: bool = False) -> MagnumCluster:
    """Ask Magnum for the site's cluster unless it has it; returns at once.

    Safe to repeat: looks for the site's cluster first, also when the answer to the request was lost.

    Raises:
        NotOursError: a cluster of that name exists without the site's label; rename the site or remove that cluster.
        FailedError: a leftover that Magnum failed to create; its reason is Magnum's own. `replace_failed` deletes it.
    """
    with stage("cluster start") as report, cloud_of(site) as cloud:
        started = clusters.start(
            cloud.magnum,
            site,
            template=ground.template,
            replace_failed=replace_failed,
            report=report,
            confirm=plan.confirming(f"cluster {site.name}"),
        )
        report.action = started.action
        return started


@task(name="wait for cluster", **OBSERVE)
def wait_for_cluster(site: Site, magnum_cluster: MagnumCluster) -> MagnumCluster:
    """Wait until Magnum says that the cluster is complete; progress is Magnum's own word.

    Safe to repeat: only looks.

    Raises:
        FailedError: Magnum's reason and its faults, and those of the servers.
        DeadlineError: `cluster.create_timeout_min` is over; says what was last seen.
    """
    preload_meanwhile(magnum_cluster)
    with stage("cluster wait") as report, cloud_of(site) as cloud:
        return clusters.wait(
            cloud.magnum,
            cloud.connection,
            magnum_cluster,
            deadline_s=site.cluster.create_timeout_min * 60,
            report=report,
        )


def preload_meanwhile(magnum_cluster: MagnumCluster) -> threading.Thread | None:
    """Load the Kubernetes client that the next stages need, where there is something to wait for in the meantime."""
    if judge(magnum_cluster.status) != "building":
        return None
    thread = threading.Thread(target=_preload, name="preload", daemon=True)
    thread.start()
    return thread


def _preload() -> None:
    # Silent: the stage that needs the client loads it again, and tells why that fails.
    with suppress(Exception):
        preload()
