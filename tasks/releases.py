"""What both releases share: which chart, which values, installed how."""

from __future__ import annotations

import time
from collections.abc import Mapping

from prefect import task

from blocks.secrets import resolve
from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.compat import ChartChoice, ChartName, choose_chart, refuse_without_roles
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.ground import Ground
from magnumhub.domain.redaction import redacted, without_secrets
from magnumhub.domain.results import Addresses, FloatingIP, MagnumCluster, Part, Release, Report, Result
from magnumhub.domain.spec import NEWEST, ChartSpec, Site
from magnumhub.domain.wiring import (
    RELEASES,
    ChartPair,
    ServiceName,
    Tokens,
    Values,
    compose_values,
    is_inside_only,
    secret_refs,
    service_names,
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
from tasks.kubernetes import still_holding
from tasks.network import by_role, proving_open
from tasks.policy import OBSERVE
from tasks.progress import stage

TOKENS_SECRET = "magnumhub-tokens"  # noqa: S105  the Secret's name, not a secret
"""In the hub's namespace: tokens that were made once and are found again by every later run."""

_CHARTS: dict[Part, ChartName] = {"jupyterhub": "jupyterhub", "dask_gateway": "dask-gateway"}
RELEASE_LABELS: dict[Part, str] = {"jupyterhub": "release", "dask_gateway": "app.kubernetes.io/instance"}
"""What each chart labels Deployments and pods with: a namespace may have more than the release.

Source: jupyterhub.labels in z2jh 2.0.0 to 4.4.0; dask-gateway.labels in dask-gateway 2022.4.0 to 2026.3.0.
"""


class Charts(Result):
    """The version of each chart that this site runs, and why that one."""

    jupyterhub: ChartChoice
    dask_gateway: ChartChoice


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
        RefusedError: no version of a chart runs on this Kubernetes; says which would, and what to move to. Or a chart's
            schema refuses the site's values.
    """
    with stage("helm") as report, reached(site, magnum_cluster, way, report) as there:
        still_holding(site)
        helm = prepare_helm(there, site.helm, report=report)
        report.action = helm.action
        installed = {release.name: release for release in list_releases(helm)}

        def choose(part: Part, spec: ChartSpec) -> ChartChoice:
            # What the site pins; else what is installed, which only a redeploy moves; else the newest that fits.
            keep = installed.get(RELEASES[part]) if spec.version == NEWEST else None
            return choose_chart(
                _CHARTS[part],
                charts.versions(spec.repo, _CHARTS[part], timeout_s=site.limits_s.api),
                kubernetes_version=magnum_cluster.kubernetes_version,
                wanted=keep.version if keep else spec.version,
            )

        chosen = Charts(
            jupyterhub=choose("jupyterhub", site.jupyterhub.chart),
            dask_gateway=choose("dask_gateway", site.dask_gateway.chart),
        )
        check_charts(site, _by_part(chosen))
        return chosen


@task(name="check values", **OBSERVE)
def check_values(site: Site, ground: Ground) -> None:
    """Have the charts that the site pins judge Kubernetes and its values, before anything is made anywhere.

    Safe to repeat: reads these charts only. One that is not pinned stops nobody here: it is chosen by the cluster's
    Kubernetes, or kept as it is installed, and asked before anything is installed.

    Raises:
        RefusedError: a chart is not to be had, does not run on this Kubernetes by its own word, or its schema refuses
            values; says every key.
    """
    pinned: list[Part] = [part for part in _CHARTS if getattr(site, part).chart.version != NEWEST]
    if not pinned:
        return
    with stage("values"):
        chosen = {}
        for part in pinned:
            spec: ChartSpec = getattr(site, part).chart
            offered = charts.versions(spec.repo, _CHARTS[part], timeout_s=site.limits_s.api)
            chosen[part] = choose_chart(
                _CHARTS[part], offered, kubernetes_version=ground.kubernetes_version, wanted=spec.version
            )
        check_charts(site, chosen)


def check_charts(site: Site, chosen: Mapping[Part, ChartChoice]) -> None:
    """Have charts look at the site's values before anything is installed: their keys, and their schemas.

    Safe to repeat: reads these charts only. What is made later (addresses, tokens) is stood in for.

    Raises:
        RefusedError: a chart lacks what the composed values are built on, or says every key that a schema refuses.
    """
    archives = _archives(site, chosen)
    for part, archive in archives.items():
        refuse_without_roles(_CHARTS[part], archive.keys())
    values = compose_values(
        site,
        addresses={
            "jupyterhub": "192.0.2.1",
            "dask_gateway": None if is_inside_only(site) else "192.0.2.2",
        },
        secrets=resolve(secret_refs(site)),
        tokens=Tokens(gateway="0" * 64, check="1" * 64),
        charts=_pair(archives),
        storage_class="standard",
    )
    refused: dict[str, list[str]] = {}
    for part, archive in archives.items():
        if lines := archive.refused(getattr(values, part)):
            refused[f"{part}.values"] = [f"{archive.name} {archive.version}: {line}" for line in lines]
    if refused:
        told = "\n".join(line for lines in refused.values() for line in lines)
        raise RefusedError(
            f"the charts' schemas refuse values of site {site.name}:\n{told}",
            f"correct these keys in {' and '.join(refused)} of the site; nothing was installed or changed",
        )


def composed_values(
    site: Site,
    there: Reached,
    addresses: Addresses,
    archives: Mapping[Part, charts.ChartArchive],
    storage_class: str | None,
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
        charts=_pair(archives),
        storage_class=storage_class,
    )


def ensure_installed(
    part: Part,
    site: Site,
    magnum_cluster: MagnumCluster,
    way: Way,
    addresses: Addresses,
    chosen: Charts,
    storage_class: str | None,
) -> Installed:
    """Install or upgrade one part, wait for its pods, then until the address that was asked for answers.

    Custom resource definitions go first, as Helm never upgrades them. Helm returns while a load balancer is still
    pending (measured with helm 4.1.4), so the address is watched on the Service itself.
    """
    with stage(part) as report, reached(site, magnum_cluster, way, report) as there:
        still_holding(site)
        archives = _archives(site, _by_part(chosen))
        values = composed_values(site, there, addresses, archives, storage_class)
        # From here on, pods and services are quoted that were given the secrets.
        with without_secrets(values.secrets):
            installed = _installed(
                part, site, there, addresses, archives[part], values, redacted(report, values.secrets)
            )
        report.action = installed.release.action
        return installed


def _installed(
    part: Part,
    site: Site,
    there: Reached,
    addresses: Addresses,
    archive: charts.ChartArchive,
    values: Values,
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


def _by_part(chosen: Charts) -> dict[Part, ChartChoice]:
    return {"jupyterhub": chosen.jupyterhub, "dask_gateway": chosen.dask_gateway}


def _archives(site: Site, chosen: Mapping[Part, ChartChoice]) -> dict[Part, charts.ChartArchive]:
    specs: dict[Part, ChartSpec] = {part: getattr(site, part).chart for part in chosen}
    return {
        part: charts.fetch(spec.repo, _CHARTS[part], chosen[part].version, timeout_s=site.limits_s.api)
        for part, spec in specs.items()
    }


def _pair(archives: Mapping[Part, charts.ChartArchive]) -> ChartPair:
    # Each part's values are built on its own chart's keys alone: one that nobody looks at may have none.
    keys = {part: archives[part].keys() if part in archives else ChartKeys("", own={}) for part in _CHARTS}
    return ChartPair(hub=keys["jupyterhub"], gateway=keys["dask_gateway"])


def _left_s(end_s: float) -> float:
    """Seconds until a deadline on the monotonic clock: enough to look once, also when it has passed."""
    return max(1.0, end_s - time.monotonic())
