"""Both releases: installed or upgraded, waited for, and seen at the address that was asked for."""

from __future__ import annotations

import time

from magnumhub.domain.plan import Plan
from magnumhub.domain.redaction import redacted, without_secrets
from magnumhub.domain.results import Addresses, FloatingIP, MagnumCluster, Part, Release, Report, Result
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import RELEASES, ServiceName, Values, service_names
from magnumhub.kube.crds import apply_crds
from magnumhub.kube.pods import wait_for_workloads
from magnumhub.kube.secrets import ensure_namespace
from magnumhub.kube.services import service_ports, wait_for_external_ip
from magnumhub.remote.charts import ChartArchive
from magnumhub.remote.helm import prepare_helm
from magnumhub.remote.reachability import wait_until_open
from magnumhub.remote.releases import ensure_release
from magnumhub.remote.session import Reached
from tasks.access import Way, reached
from tasks.charts import Charts, archives_of, by_part
from tasks.kubernetes import still_holding
from tasks.network import by_role, proving_open
from tasks.progress import stage
from tasks.values import composed_values, ensure_tokens

RELEASE_LABELS: dict[Part, str] = {"jupyterhub": "release", "dask_gateway": "app.kubernetes.io/instance"}
"""What each chart labels Deployments and pods with: a namespace may have more than the release.

Source: jupyterhub.labels in z2jh 2.0.0 to 4.4.0; dask-gateway.labels in dask-gateway 2022.4.0 to 2026.3.0.
"""


class Installed(Result):
    """A release and where its Service is reached: the EXTERNAL-IP that was seen, and its ports by name."""

    release: Release
    address: str | None
    ports: dict[str, int]


def ensure_installed(
    part: Part,
    site: Site,
    magnum_cluster: MagnumCluster,
    way: Way,
    addresses: Addresses,
    chosen: Charts,
    storage_class: str | None,
    plan: Plan,
) -> Installed:
    """Install or upgrade one part, wait for its pods, then until the address that was asked for answers.

    Custom resource definitions go first, as Helm never upgrades them. Helm returns while a load balancer is still
    pending (measured with helm 4.1.4), so the address is watched on the Service itself.
    """
    with stage(part) as report, reached(site, magnum_cluster, way, report) as there:
        still_holding(site)
        archives = archives_of(site, by_part(chosen))
        tokens = ensure_tokens(site, there.kube)
        values = composed_values(site, _asked(addresses), archives, storage_class, tokens)
        # From here on, pods and services are quoted that were given the secrets.
        with without_secrets(values.secrets):
            installed = _installed(
                part, site, there, addresses, archives[part], values, plan, redacted(report, values.secrets)
            )
        report.action = installed.release.action
        return installed


def _installed(
    part: Part,
    site: Site,
    there: Reached,
    addresses: Addresses,
    archive: ChartArchive,
    values: Values,
    plan: Plan,
    report: Report,
) -> Installed:
    service = service_names(site)[part]
    end_s = time.monotonic() + site.limits_s.release
    ensure_namespace(there.kube, service.namespace, site=site.name)
    apply_crds(there.kube, archive.crds(), deadline_s=site.limits_s.api)
    helm = prepare_helm(there, site.helm, report=report)
    still_holding(site)
    release = ensure_release(
        helm,
        RELEASES[part],
        service.namespace,
        archive,
        getattr(values, part),
        deadline_s=site.limits_s.release,
        report=report,
        confirm=plan.confirming(f"release {RELEASES[part]}"),
    )
    ours = f"{RELEASE_LABELS[part]}={RELEASES[part]}"
    wait_for_workloads(there.kube, service.namespace, selector=ours, deadline_s=_left_s(end_s), report=report)
    ports = service_ports(there.kube, service.namespace, service.name)
    address = by_role(addresses).get(part)
    if address is None:
        return Installed(release=release, address=None, ports=ports)
    seen = _wait_for_address(site, there, service, ports, addresses, address, report)
    return Installed(release=release, address=seen, ports=ports)


def _wait_for_address(
    site: Site,
    there: Reached,
    service: ServiceName,
    ports: dict[str, int],
    addresses: Addresses,
    asked: FloatingIP,
    report: Report,
) -> str:
    limit_s = site.limits_s.load_balancer
    end_s = time.monotonic() + limit_s
    address = wait_for_external_ip(
        there.kube, service.namespace, service.name, asked=asked.address, deadline_s=limit_s, report=report
    )
    with proving_open(site, addresses, asked):
        for port in ports.values():
            what = f"service {service.namespace}/{service.name}"
            wait_until_open(address, port, what=what, deadline_s=_left_s(end_s), report=report)
    return address


def _asked(addresses: Addresses) -> dict[str, str | None]:
    gateway = addresses.dask_gateway
    return {"jupyterhub": addresses.jupyterhub.address, "dask_gateway": gateway.address if gateway else None}


def _left_s(end_s: float) -> float:
    """Seconds until a deadline on the monotonic clock: enough to look once, also when it has passed."""
    return max(1.0, end_s - time.monotonic())
