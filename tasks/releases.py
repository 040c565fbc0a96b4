"""What both releases share: which chart, which values, installed how."""

from __future__ import annotations

import time

from prefect import task

from blocks.secrets import resolve
from magnumhub.domain.compat import ChartChoice, ChartName, choose_chart
from magnumhub.domain.results import Addresses, FloatingIP, MagnumCluster, Release, Report, Result
from magnumhub.domain.spec import NEWEST, ChartSpec, Site
from magnumhub.domain.wiring import (
    GATEWAY_RELEASE,
    HUB_RELEASE,
    ServiceName,
    Tokens,
    Values,
    Versions,
    compose_values,
    secret_refs,
)
from magnumhub.kube.crds import apply_crds
from magnumhub.kube.pods import wait_for_workloads
from magnumhub.kube.secrets import ensure_namespace, ensure_token
from magnumhub.kube.services import service_ports, wait_for_external_ip
from magnumhub.remote import charts
from magnumhub.remote.helm import prepare_helm
from magnumhub.remote.reachability import wait_until_open
from magnumhub.remote.releases import ensure_release, list_releases
from magnumhub.remote.session import Reached
from tasks.access import Way, reached
from tasks.network import proving_open
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


class Installed(Result):
    """A release and where its Service is reached: the EXTERNAL-IP that was seen, and its ports by name."""

    release: Release
    address: str | None
    ports: dict[str, int]


@task(name="ensure Helm", **OBSERVE)
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

        def choose(chart: ChartName, release: str, spec: ChartSpec) -> ChartChoice:
            # What the site pins; else what is installed, which only a redeploy moves; else the newest that fits.
            keep = installed.get(release) if spec.version == NEWEST else None
            return choose_chart(
                chart,
                charts.versions(spec.repo, chart, timeout_s=site.limits_s.api),
                kubernetes_version=magnum_cluster.kubernetes_version,
                wanted=keep.version if keep else spec.version,
            )

        return Charts(
            jupyterhub=choose("jupyterhub", HUB_RELEASE, site.jupyterhub.chart),
            dask_gateway=choose("dask-gateway", GATEWAY_RELEASE, site.dask_gateway.chart),
        )


def composed_values(
    site: Site, there: Reached, addresses: Addresses, chosen: Charts, storage_class: str | None
) -> Values:
    """Both charts' values from the site, with the tokens that hub and gateway share; holds secrets."""
    namespace = site.jupyterhub.namespace
    ensure_namespace(there.kube, namespace, site=site.name)
    tokens = Tokens(
        gateway=ensure_token(there.kube, namespace, TOKENS_SECRET, "gateway", site=site.name),
        check=ensure_token(there.kube, namespace, TOKENS_SECRET, "check", site=site.name),
    )
    gateway = addresses.dask_gateway
    return compose_values(
        site,
        addresses={"jupyterhub": addresses.jupyterhub.address, "dask_gateway": gateway.address if gateway else None},
        secrets=resolve(secret_refs(site)),
        tokens=tokens,
        versions=chosen.versions,
        storage_class=storage_class,
    )


def install(
    site: Site,
    there: Reached,
    *,
    name: str,
    chart: ChartSpec,
    version: str,
    values: dict[str, object],
    service: ServiceName,
    addresses: Addresses,
    asked: FloatingIP | None,
    report: Report,
) -> Installed:
    """Install or upgrade one release, wait for its pods, then until the address that was asked for answers.

    Custom resource definitions go first, as Helm never upgrades them. Helm returns while a load balancer is still
    pending (measured with helm 4.1.4), so the address is watched on the Service itself.
    """
    started_s = time.monotonic()
    archive = charts.fetch(chart.repo, _CHARTS[name], version, timeout_s=site.limits_s.api)
    ensure_namespace(there.kube, service.namespace, site=site.name)
    apply_crds(there.kube, archive.crds(), deadline_s=site.limits_s.api)
    helm = prepare_helm(there, site.helm, report=report)
    release = ensure_release(
        helm, name, service.namespace, archive, values, deadline_s=site.limits_s.release, report=report
    )
    left_s = site.limits_s.release - (time.monotonic() - started_s)
    wait_for_workloads(there.kube, service.namespace, deadline_s=max(1.0, left_s), report=report)
    ports = service_ports(there.kube, service.namespace, service.name)
    if asked is None:
        return Installed(release=release, address=None, ports=ports)
    end_s = time.monotonic() + site.limits_s.load_balancer
    address = wait_for_external_ip(
        there.kube,
        service.namespace,
        service.name,
        asked=asked.address,
        deadline_s=site.limits_s.load_balancer,
        report=report,
    )
    with proving_open(site, addresses, asked):
        for port in ports.values():
            wait_until_open(address, port, deadline_s=max(1.0, end_s - time.monotonic()), report=report)
    return Installed(release=release, address=address, ports=ports)
