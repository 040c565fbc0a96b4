"""Both releases: installed or upgraded, waited for, and seen at the address that was asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence

from magnumhub.domain.hub_upgrade import SQLITE_ON_VOLUME, name_of_copy, needs_copy
from magnumhub.domain.plan import Plan
from magnumhub.domain.redaction import redacted, without_secrets
from magnumhub.domain.results import Addresses, FloatingIP, MagnumCluster, Part, Release, Report, Result
from magnumhub.domain.spec import Site
from magnumhub.domain.values import value_at
from magnumhub.domain.wiring import HUB_RELEASE, RELEASES, ServiceName, Values, service_names
from magnumhub.kube.crds import apply_crds
from magnumhub.kube.hub_database import copy_database
from magnumhub.kube.pods import wait_for_workloads
from magnumhub.kube.secrets import ensure_namespace
from magnumhub.kube.service_changes import recreate_service, touch_service
from magnumhub.kube.services import exists, external_ip, service_ports, wait_for_external_ip
from magnumhub.remote.charts import ChartArchive
from magnumhub.remote.helm import Helm, prepare_helm
from magnumhub.remote.reachability import wait_until_open
from magnumhub.remote.releases import ensure_release, find_release
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
    recreate: Sequence[Part] = (),
) -> Installed:
    """Install or upgrade one part, wait for its pods, then until the address that was asked for answers.

    Custom resource definitions go first, as Helm never upgrades them. Helm returns while a load balancer is still
    pending (measured with helm 4.1.4), so the address is watched on the Service itself.

    Args:
        recreate: parts whose Service is made again where it has another address than the one that is asked for.
    """
    with stage(part) as report, reached(site, magnum_cluster, way, report) as there:
        still_holding(site)
        archives = archives_of(site, by_part(chosen))
        tokens = ensure_tokens(site, there.kube)
        values = composed_values(site, _asked(addresses), archives, storage_class, tokens)
        # From here on, pods and services are quoted that were given the secrets.
        with without_secrets(values.secrets):
            if part in recreate:
                _make_way(site, part, there, by_role(addresses)[part], redacted(report, values.secrets))
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
    if part == "jupyterhub":
        _keep_database(site, there, helm, archive, values, report)
    release = ensure_release(
        helm,
        RELEASES[part],
        service.namespace,
        archive,
        getattr(values, part),
        deadline_s=site.limits_s.release,
        report=report,
        confirm=plan.confirming(f"release {RELEASES[part]}"),
        is_whole=exists(there.kube, service.namespace, service.name),
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
    if external_ip(there.kube, service.namespace, service.name) not in (None, asked.address):
        touch_service(there.kube, service.namespace, service.name)  # its controller looks at changes only
    address = wait_for_external_ip(
        there.kube, service.namespace, service.name, asked=asked.address, deadline_s=limit_s, report=report
    )
    with proving_open(site, addresses, asked):
        for port in ports.values():
            what = f"service {service.namespace}/{service.name}"
            wait_until_open(address, port, what=what, deadline_s=_left_s(end_s), report=report)
    return address


def _make_way(site: Site, part: Part, there: Reached, asked: FloatingIP, report: Report) -> None:
    """Make a Service again that has another address; Helm then finds it with the one that is asked for.

    A changed loadBalancerIP is ignored where a load balancer has an address already.
    Source: kubernetes/cloud-provider-openstack#2443.
    """
    service = service_names(site)[part]
    if external_ip(there.kube, service.namespace, service.name) not in (None, asked.address):
        report("the Service is made again with the new address")
        limit_s = site.limits_s.load_balancer
        recreate_service(
            there.kube,
            service.namespace,
            service.name,
            address=asked.address,
            deadline_s=limit_s,
            report=report,
        )


def _keep_database(
    site: Site, there: Reached, helm: Helm, archive: ChartArchive, values: Values, report: Report
) -> None:
    """Copy the hub's database before a hub of another major version migrates it."""
    namespace = site.jupyterhub.namespace
    seen = find_release(helm, HUB_RELEASE, namespace)
    becomes = archive.app_version or ""
    db_type = value_at(values.jupyterhub, "hub.db.type", SQLITE_ON_VOLUME)
    if seen is None or not needs_copy(seen.app_version, becomes, db_type):
        return
    copy = copy_database(
        there.kube, namespace, name_of_copy=name_of_copy(becomes), deadline_s=site.limits_s.release, report=report
    )
    report(f"the hub's database is copied to {copy.name} ({copy.users} users)")


def _asked(addresses: Addresses) -> dict[str, str | None]:
    gateway = addresses.dask_gateway
    return {"jupyterhub": addresses.jupyterhub.address, "dask_gateway": gateway.address if gateway else None}


def _left_s(end_s: float) -> float:
    """Seconds until a deadline on the monotonic clock: enough to look once, also when it has passed."""
    return max(1.0, end_s - time.monotonic())
