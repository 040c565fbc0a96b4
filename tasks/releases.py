"""What both releases share: which chart, which values, installed how."""

from __future__ import annotations

from prefect import task

from blocks.secrets import resolve
from magnumhub.domain.compat import ChartChoice, choose_chart
from magnumhub.domain.results import Addresses, MagnumCluster, Release, Report, Result
from magnumhub.domain.spec import ChartSpec, Site
from magnumhub.domain.wiring import (
    GATEWAY_RELEASE,
    HUB_RELEASE,
    Tokens,
    Values,
    Versions,
    compose_values,
    secret_refs,
)
from magnumhub.kube.secrets import ensure_namespace, ensure_token
from magnumhub.remote import charts
from magnumhub.remote.helm import Helm, prepare_helm
from magnumhub.remote.releases import ensure_release, list_releases
from magnumhub.remote.session import Reached
from tasks.access import Way, reached
from tasks.policy import OBSERVE
from tasks.progress import stage

TOKENS_SECRET = "magnumhub-tokens"  # noqa: S105  the Secret's name, not a secret
"""In the hub's namespace: tokens that were made once and are found again by every later run."""

_CHARTS = {HUB_RELEASE: "jupyterhub", GATEWAY_RELEASE: "dask-gateway"}


class Charts(Result):
    """The version of each chart that this site runs, and why that one."""

    jupyterhub: ChartChoice
    dask_gateway: ChartChoice

    @property
    def versions(self) -> Versions:
        return Versions(hub=self.jupyterhub.version, gateway=self.dask_gateway.version)


@task(name="ensure helm", **OBSERVE)
def ensure_helm(site: Site, magnum_cluster: MagnumCluster, way: Way) -> Charts:
    """Have the pinned Helm where it is to run, and settle which charts fit this cluster's Kubernetes.

    Safe to repeat: a Helm of that version and digest stays; a chart that is installed keeps its version.

    Raises:
        RefusedError: no version of a chart runs on this Kubernetes; says which would, and what to move to.
    """
    with stage("helm") as report, reached(site, magnum_cluster, way, report) as there:
        helm = prepare_helm(there, site.helm, report=report)
        report.action = helm.action
        installed = {release.name: release for release in list_releases(helm)}
        kubernetes_version = magnum_cluster.kubernetes_version
        choices = {
            chart: _choose(site, spec, chart, installed.get(release), kubernetes_version)
            for release, chart, spec in (
                (HUB_RELEASE, "jupyterhub", site.jupyterhub.chart),
                (GATEWAY_RELEASE, "dask-gateway", site.dask_gateway.chart),
            )
        }
        return Charts(jupyterhub=choices["jupyterhub"], dask_gateway=choices["dask-gateway"])
