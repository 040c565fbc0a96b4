"""What has to be true of Kubernetes before anything is installed on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from prefect import task

from magnumhub.domain.errors import BusyError, MagnumhubError
from magnumhub.domain.nodes import nodes_needed
from magnumhub.domain.plan import Plan
from magnumhub.domain.results import MagnumCluster
from magnumhub.domain.spec import Site
from magnumhub.kube.lease import LEASE_S, SiteLease, site_lease
from magnumhub.kube.readiness import wait_for_nodes
from magnumhub.kube.storage import ensure_storage_class
from tasks.access import Way, reached
from tasks.find import PATIENCE_S, Place
from tasks.policy import OBSERVE
from tasks.progress import stage

_BUSY_S = LEASE_S + 5.0
"""How long another run is waited for before the site is left alone: by then a dead one is known to be dead."""


@task(name="wait for Kubernetes", **OBSERVE)
def wait_for_kubernetes(site: Site, magnum_cluster: MagnumCluster, way: Way) -> MagnumCluster:
    """Wait until the API answers and there are Ready nodes; then Kubernetes' version is known.

    Safe to repeat: only looks. A new cluster has all its nodes then; of one that was there, `ensure_node_count` sees to
    the number once the site is held.

    Raises:
        DeadlineError: says which node is not Ready and why, or what the API answered last.
    """
    with stage("kubernetes") as report, reached(site, magnum_cluster, way, report) as there:
        is_new = magnum_cluster.action == "created"
        deadline_s = site.cluster.create_timeout_min * 60 if is_new else site.limits_s.release
        version = wait_for_nodes(there.kube, nodes_needed(magnum_cluster), deadline_s=deadline_s, report=report)
        return magnum_cluster.model_copy(update={"kubernetes_version": version})


@task(name="ensure storage", **OBSERVE)
def ensure_storage(site: Site, magnum_cluster: MagnumCluster, way: Way, plan: Plan) -> str | None:
    """Make sure that users' homes and the hub's database have a StorageClass; returns its name, None for ephemeral.

    Safe to repeat: a usable class is used as it is.

    Raises:
        RefusedError: there is neither a class nor the Cinder CSI driver; the hint names both ways out.
    """
    with stage("storage") as report, reached(site, magnum_cluster, way, report) as there:
        still_holding(site)
        name, report.action = ensure_storage_class(
            there.kube, site.storage, site=site.name, confirm=plan.confirming("storage")
        )
        return name or None


# The leases that this process holds, by the site's name: arguments of tasks are plain values.
_held: dict[str, SiteLease] = {}


@contextmanager
def holding_site(
    site: Site, magnum_cluster: MagnumCluster, way: Way, *, wait_s: float | None = None, patience_s: float | None = None
) -> Iterator[None]:
    """One run of a site at a time, across machines: hold its Lease while the block runs.

    Args:
        wait_s: longest wait for another run; None: as long as a release may take.
        patience_s: as for `reached`.

    Raises:
        BusyError: another run holds it and did not end; says which host and process.
    """
    limit_s = site.limits_s.release if wait_s is None else wait_s
    with ExitStack() as held:
        with stage("lease") as report:
            there = held.enter_context(reached(site, magnum_cluster, way, report, patience_s=patience_s))
            lease = held.enter_context(site_lease(there.kube, site.name, wait_s=limit_s, report=report))
        _held[site.name] = lease
        held.callback(_held.pop, site.name, None)
        yield


@contextmanager
def holding_if_reached(site: Site, place: Place | None) -> Iterator[None]:
    """Hold the site while it is checked, so that nobody changes it meanwhile; there is nothing to hold without a place.

    Raises:
        BusyError: another run works on the site; the check leaves it alone.
    """
    with ExitStack() as held:
        if place is not None:
            try:
                held.enter_context(
                    holding_site(site, place.magnum_cluster, place.way, wait_s=_BUSY_S, patience_s=PATIENCE_S)
                )
            except BusyError:
                raise
            except MagnumhubError as error:
                # An API that answers and takes no lease is what the checks are to find out about.
                with stage("lease") as report:
                    report.remark(f"the site could not be held: {error.message}")
        yield


def still_holding(site: Site) -> None:
    """Stop before an act on a site that this run held and may hold no more; a task run by itself holds none.

    Raises:
        RefusedError: another run has taken the site over.
        TransientError: the lease could not be renewed, so that another run may take it at any moment.
    """
    if lease := _held.get(site.name):
        lease.check()
