"""Dask Gateway, whose users are the hub's users."""

from __future__ import annotations

from prefect import task

from magnumhub.domain.plan import Plan
from magnumhub.domain.results import Addresses, MagnumCluster, Part
from magnumhub.domain.spec import Site
from tasks.access import Way
from tasks.charts import Charts
from tasks.policy import OBSERVE
from tasks.releases import Installed, ensure_installed


@task(name="ensure Dask Gateway", **OBSERVE)
def ensure_dask_gateway(
    site: Site,
    magnum_cluster: MagnumCluster,
    way: Way,
    addresses: Addresses,
    chosen: Charts,
    storage_class: str | None,
    plan: Plan,
    recreate: tuple[Part, ...] = (),
) -> Installed:
    """Install or upgrade Dask Gateway, its custom resources first, and see that its address is the one asked for.

    Safe to repeat: nothing is done when chart and values are what is deployed.

    Raises:
        RefusedError: the chart's schema refuses a value; says which.
        StalePlanError: the release is not what it was when the plan was made.
        DeadlineError: pods are not ready, the load balancer has no address or does not answer; says why.
        WaitingError: the address does not answer, and its firewall is one that a person opens.
    """
    return ensure_installed("dask_gateway", site, magnum_cluster, way, addresses, chosen, storage_class, plan, recreate)
