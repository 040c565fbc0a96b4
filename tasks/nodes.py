"""The number of nodes: followed up and down, with as little loss for users as the cloud allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import task

from blocks.cloud import cloud_of
from magnumhub.domain import nodes as rules
from magnumhub.domain.plan import Plan
from magnumhub.domain.results import MagnumCluster, Report
from magnumhub.domain.spec import Site
from magnumhub.kube import nodes
from magnumhub.kube.client import Kube
from magnumhub.kube.readiness import wait_for_nodes
from magnumhub.openstack import servers
from magnumhub.openstack.resize import resize
from tasks.access import Way, reached
from tasks.kubernetes import still_holding
from tasks.policy import OBSERVE
from tasks.progress import stage


@task(name="ensure node count", **OBSERVE)
def ensure_node_count(site: Site, magnum_cluster: MagnumCluster, way: Way, plan: Plan) -> MagnumCluster:
    """Give the cluster as many nodes as the site asks for, and wait until they are Ready.

    Nodes that are to go are closed first, so that nobody starts a notebook on one; where the cloud takes others than
    were chosen, those that stay are opened again.

    Safe to repeat: a change that was interrupted is gone on with, on the same nodes.

    Raises:
        FailedError: Magnum's reason; the nodes that are there go on working.
        DeadlineError: says which nodes are not Ready, or not gone, and why.
        StalePlanError: the number of nodes has changed since the plan was made.
    """
    with stage("nodes") as report, reached(site, magnum_cluster, way, report) as there:
        if why := rules.keeps_its_number(site, magnum_cluster):
            report(why)
            return magnum_cluster
        wanted, loads, deadline_s = site.cluster.node_count, nodes.node_loads(there.kube), site.limits_s.release
        needs_resize = rules.needs_resize(site, magnum_cluster, loads)
        if not needs_resize and rules.is_settled(loads, wanted):
            return magnum_cluster
        with cloud_of(site) as cloud:
            if needs_resize:
                plan.confirm(rules.RESOURCE, "change", rules.nodes_basis(magnum_cluster))
                still_holding(site)
                deadline_s = site.cluster.create_timeout_min * 60
                going = rules.nodes_to_go(loads, wanted) if magnum_cluster.node_count > wanted else []
                nodes.close(there.kube, [node.name for node in going])
                if lost := rules.losses(going):
                    report.remark(lost)
                resized = resize(
                    cloud.magnum,
                    cloud.connection,
                    magnum_cluster,
                    wanted,
                    nodes_to_remove=list(servers.named(cloud.connection, [node.name for node in going]).values()),
                    deadline_s=deadline_s,
                    report=report,
                )
                # Magnum knows the version that the template names, and Kubernetes its own.
                version = magnum_cluster.kubernetes_version
                magnum_cluster = resized.model_copy(update={"kubernetes_version": version})
                report.action = "changed"
            _settle(there.kube, cloud.connection, site.limits_s.release, report)
        wait_for_nodes(there.kube, wanted, deadline_s=deadline_s, report=report)
        return magnum_cluster


def _settle(kube: Kube, connection: Any, deadline_s: float, report: Report) -> None:
    """See the nodes gone whose servers are, and open again those that we closed and that stay."""
    loads: Sequence[rules.NodeLoad] = nodes.node_loads(kube)
    there = servers.named(connection, [node.name for node in loads])
    if there:  # where nodes are not called as their servers, nothing can be told from names
        gone = [node.name for node in loads if node.name not in there]
        nodes.wait_until_gone(kube, gone, deadline_s=deadline_s, report=report)
    nodes.reopen(kube, nodes.node_loads(kube))
