"""JupyterHub, with the reserved address from its first install on."""

from __future__ import annotations

from prefect import task

from magnumhub.domain.results import Addresses, MagnumCluster
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import HUB_RELEASE, service_names
from tasks.access import Way, reached
from tasks.policy import OBSERVE
from tasks.progress import stage
from tasks.releases import Charts, Installed, composed_values, install


@task(name="ensure JupyterHub", **OBSERVE)
def ensure_jupyterhub(
    site: Site, magnum_cluster: MagnumCluster, way: Way, addresses: Addresses, chosen: Charts, storage_class: str | None
) -> Installed:
    """Install or upgrade JupyterHub, and see that the users' address is the one asked for.

    Safe to repeat: nothing is done when chart and values are what is deployed; an interrupted install is recovered
    without touching volumes.

    Raises:
        RefusedError: the chart's schema refuses a value; says which.
        DeadlineError: pods are not ready, the load balancer has no address or does not answer; says why.
        WaitingError: the address does not answer, and its firewall is one that a person opens.
    """
    with stage("jupyterhub") as report, reached(site, magnum_cluster, way, report) as there:
        values = composed_values(site, there, addresses, chosen, storage_class)
        installed = install(
            site,
            there,
            name=HUB_RELEASE,
            chart=site.jupyterhub.chart,
            version=chosen.jupyterhub.version,
            values=values.jupyterhub,
            service=service_names(site)["jupyterhub"],
            addresses=addresses,
            asked=addresses.jupyterhub,
            report=report,
        )
        report.action = installed.release.action
        return installed
