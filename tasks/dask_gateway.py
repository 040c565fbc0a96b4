"""Dask Gateway, whose users are the hub's users."""

from __future__ import annotations

from prefect import task

from magnumhub.domain.results import Addresses, MagnumCluster
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import GATEWAY_RELEASE, service_names
from tasks.access import Way, reached
from tasks.policy import OBSERVE
from tasks.progress import stage
from tasks.releases import Charts, Installed, composed_values, install


@task(name="ensure Dask Gateway", **OBSERVE)
def ensure_dask_gateway(
    site: Site, magnum_cluster: MagnumCluster, way: Way, addresses: Addresses, chosen: Charts, storage_class: str | None
) -> Installed:
    """Install or upgrade Dask Gateway, its custom resources first, and see that its address is the one asked for.

    Safe to repeat: nothing is done when chart and values are what is deployed.

    Raises:
        RefusedError: the chart's schema refuses a value; says which.
        DeadlineError: pods are not ready, the load balancer has no address or does not answer; says why.
        WaitingError: the address does not answer, and its firewall is one that a person opens.
    """
    with stage("dask_gateway") as report, reached(site, magnum_cluster, way, report) as there:
        values = composed_values(site, there, addresses, chosen, storage_class)
        installed = install(
            site,
            there,
            name=GATEWAY_RELEASE,
            chart=site.dask_gateway.chart,
            version=chosen.dask_gateway.version,
            values=values.dask_gateway,
            service=service_names(site)["dask_gateway"],
            addresses=addresses,
            asked=addresses.dask_gateway,
            report=report,
        )
        report.action = installed.release.action
        return installed
