"""The checks of a site, one task each: bounded, tried once more where that can help, never ended by an exception.

A check that needs Kubernetes is Skipped when Kubernetes does not answer: that is one alarm, and not twelve.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from prefect import task

from blocks.cloud import Cloud, cloud_of
from magnumhub.domain.checking import Checking, checked, run_check, skipped
from magnumhub.domain.checks.addresses import AddressSeen, judge_address
from magnumhub.domain.checks.capacity import is_autoscaling
from magnumhub.domain.checks.expiry import Expiry, judge_expiry, told_expiry
from magnumhub.domain.checks.kubernetes import judge_cluster, judge_nodes, nodes_line
from magnumhub.domain.checks.leftovers import judge_leftovers, told_leftovers
from magnumhub.domain.checks.quota import judge_quotas, told_quotas
from magnumhub.domain.checks.releases import judge_releases, releases_of
from magnumhub.domain.checks.workloads import DEPLOYMENTS, judge_workloads
from magnumhub.domain.errors import AuthenticationError, MagnumhubError
from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.health import GATEWAY_INSIDE, Checked
from magnumhub.domain.history import Memory
from magnumhub.domain.results import Part, Release, Report
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import CHECK_USER, RELEASES, is_inside_only
from magnumhub.kube.leftovers import observe_kube_leftovers
from magnumhub.kube.readiness import kubernetes_version, nodes
from magnumhub.kube.releases import installed_releases
from magnumhub.kube.workloads import NODE_COMES_WITHIN, WAITING_FOR, observe_workloads
from magnumhub.openstack.expiry import observe_cluster_ca, observe_credential
from magnumhub.openstack.leftovers import observe_cloud_leftovers
from magnumhub.openstack.survey import survey_quotas
from magnumhub.remote.reachability import closed_ports
from magnumhub.remote.tls import observe_api_certificate, observe_hub_certificate
from magnumhub.services.front import look_at_gateway, look_at_hub
from tasks.endpoints import Where, public_addresses
from tasks.find import Found, Place, inside
from tasks.policy import OBSERVE
from tasks.progress import stage
from tasks.releases import RELEASE_LABELS

_LIMIT_S = 60.0
_KUBERNETES_S = 60.0
_FRONT_S = 10.0
_PROBE_S = 5.0
NO_KUBERNETES = "Kubernetes could not be reached"


@task(name="check kubernetes", **OBSERVE)
def check_kubernetes(site: Site, found: Found) -> Checked:
    """The API answers, and the nodes take work; the fact `version` says that it did.

    Safe to repeat: reads only.
    """

    def look(check: Checking) -> None:
        with inside(site, place, report) as there:
            version = check.facts["version"] = kubernetes_version(there.kube)
            seen = nodes(there.kube)
        check.summary = f"Kubernetes {version}, {nodes_line(seen, place.magnum_cluster.node_count)}"
        check.findings += judge_cluster(place.magnum_cluster)
        autoscaling = is_autoscaling(place.magnum_cluster.labels)
        check.findings += judge_nodes(seen, place.magnum_cluster.node_count, is_autoscaling=autoscaling)

    if found.place is None:
        return found.problem or skipped("kubernetes", "the site was not found")
    place = found.place
    with stage("check kubernetes") as report:
        return run_check("kubernetes", look, limit_s=_KUBERNETES_S, report=report)


@task(name="check releases", **OBSERVE)
def check_releases(site: Site, place: Place | None) -> Checked:
    """Both Helm releases are deployed, in the versions that the site asks for; the facts are the releases by part.

    Safe to repeat: reads only.
    """

    if place is None:
        return skipped("releases", NO_KUBERNETES)

    def look(check: Checking) -> None:
        with inside(site, place, report) as there:
            releases = releases_of(site, installed_releases(there.kube))
        check.facts |= {str(part): release for part, release in releases.items()}
        check.summary = ", ".join(f"{r.name} {r.version} revision {r.revision}" for r in releases.values())
        check.findings += judge_releases(site, releases)

    with stage("check releases") as report:
        return run_check("releases", look, limit_s=_LIMIT_S, report=report)


@task(name="check workloads", **OBSERVE)
def check_workloads(site: Site, place: Place | None, before: Memory | None) -> Checked:
    """What the releases run is ready, was not restarted again and again, and nothing waits; the fact is `restarts`.

    Safe to repeat: reads only.
    """

    if place is None:
        return skipped("workloads", NO_KUBERNETES)
    patience = NODE_COMES_WITHIN if is_autoscaling(place.magnum_cluster.labels) else WAITING_FOR

    def look(check: Checking) -> None:
        restarts: dict[str, int] = {}
        with inside(site, place, report) as there:
            for part, needed in DEPLOYMENTS.items():
                namespace = getattr(site, part).namespace
                selector = f"{RELEASE_LABELS[part]}={RELEASES[part]}"
                seen = observe_workloads(
                    there.kube, part, namespace, selector=selector, needed=needed, waiting_for=patience
                )
                restarts |= seen.restarts
                check.findings += judge_workloads(seen, before=before.restarts if before else None)
        # Only now: a look that was cut short must not forget what an earlier check saw.
        check.facts["restarts"] = restarts
        check.summary = f"{', '.join(name for names in DEPLOYMENTS.values() for name in names)} are available"

    with stage("check workloads") as report:
        return run_check("workloads", look, limit_s=_LIMIT_S, report=report)


@task(name="check addresses", **OBSERVE)
def check_addresses(site: Site, place: Place | None) -> Checked:
    """Both public addresses are the ones that were asked for, and answer from here.

    Safe to repeat: connects and reads only.
    """

    if place is None:
        return skipped("addresses", NO_KUBERNETES)

    def look(check: Checking) -> None:
        found = public_addresses(site, place, report).values()
        seen = [address.model_copy(update={"closed": _closed(address)}) for address in found]
        for address in seen:
            check.findings += judge_address(site, address)
        check.summary = ", ".join(f"{address.service.name} at {address.users}" for address in seen)

    with stage("check addresses") as report:
        return run_check("addresses", look, limit_s=_LIMIT_S, report=report)


@task(name="check hub", **OBSERVE)
def check_hub(site: Site, where: Where, release: Release | None) -> Checked:
    """The hub answers at its address, in the version that was installed, with the right login; the fact is `version`.

    Safe to repeat: reads only.
    """

    def look(check: Checking) -> None:
        look_at_hub(check, site, where.jupyterhub or "", release, patience_s=_FRONT_S, report=report)

    if where.jupyterhub is None:
        return _without_address("hub", "jupyterhub", where.unknown)
    with stage("check hub") as report:
        return _about("jupyterhub", run_check("hub", look, limit_s=_LIMIT_S, report=report))


@task(name="check gateway", **OBSERVE)
def check_gateway(site: Site, where: Where, release: Release | None) -> Checked:
    """The gateway answers at its address, in the version that was installed; the fact is `version`.

    Safe to repeat: reads only.
    """

    def look(check: Checking) -> None:
        look_at_gateway(check, site, where.dask_gateway or "", release, patience_s=_FRONT_S, report=report)

    if is_inside_only(site):
        return skipped("gateway", GATEWAY_INSIDE)
    if where.dask_gateway is None:
        return _without_address("gateway", "dask_gateway", where.unknown)
    with stage("check gateway") as report:
        return _about("dask_gateway", run_check("gateway", look, limit_s=_LIMIT_S, report=report))


@task(name="check expiry", **OBSERVE)
def check_expiry(site: Site, found: Found, hub_url: str | None) -> Checked:
    """How long certificates and credentials last, as far as each can be seen.

    Safe to repeat: reads only.
    """

    def look(check: Checking) -> None:
        now = datetime.now(UTC)
        with cloud_of(site) as cloud:
            seen = [_credential_expiry(cloud)]
            if found.place is not None:
                seen += _cluster_expiries(site, found.place, cloud.magnum, report)
        if hub_url is not None and (certificate := observe_hub_certificate(site, hub_url, timeout_s=_PROBE_S)):
            seen.append(certificate)
        driver = found.place.magnum_cluster.driver if found.place else "heat"
        check.findings += judge_expiry(site, seen, driver=driver, now=now)
        check.summary = told_expiry(seen, now=now)

    with stage("check expiry") as report:
        return run_check("expiry", look, limit_s=_LIMIT_S, unseen="Degraded", report=report)


@task(name="check quota", **OBSERVE)
def check_quota(site: Site) -> Checked:
    """What users will run into next is not used up.

    Safe to repeat: reads only.
    """

    def look(check: Checking) -> None:
        with cloud_of(site) as cloud:
            seen = survey_quotas(cloud.connection, cloud.magnum)
        check.findings += judge_quotas(site, seen)
        check.summary = told_quotas(seen)

    with stage("check quota") as report:
        return run_check("quota", look, limit_s=_LIMIT_S, unseen="Degraded", report=report)


@task(name="check leftovers", **OBSERVE)
def check_leftovers(site: Site, place: Place | None, started_at: datetime) -> Checked:
    """Nothing of ours lies about that costs and serves nothing.

    Safe to repeat: reads only; what a killed check left is stopped by the checks as a user. A side that cannot be asked
    is unknown here: the other checks tell why.
    """

    if place is None:
        return skipped("leftovers", NO_KUBERNETES)

    def look(check: Checking) -> None:
        outside = within = None
        with suppress(MagnumhubError), cloud_of(site) as cloud:
            outside = observe_cloud_leftovers(
                cloud.connection, cloud.magnum, site=site.name, cluster_uuid=place.magnum_cluster.uuid
            )
        with suppress(MagnumhubError), inside(site, place, report) as there:
            within = observe_kube_leftovers(
                there.kube, hub_namespace=site.jupyterhub.namespace, gateway_namespace=site.dask_gateway.namespace
            )
        check.findings += judge_leftovers(site, outside, within, user=CHECK_USER, before=started_at)
        check.summary = told_leftovers(outside, within)

    with stage("check leftovers") as report:
        return run_check("leftovers", look, limit_s=_LIMIT_S, unseen="Degraded", report=report)


def _credential_expiry(cloud: Cloud) -> Expiry:
    """Of the credential; that it is not accepted is a finding, that it cannot be looked at hides nothing else."""
    try:
        return observe_credential(cloud.connection)
    except AuthenticationError:
        raise
    except MagnumhubError as error:
        return Expiry(what="application_credential", unknown=error.message)


def _cluster_expiries(site: Site, place: Place, magnum: Any, report: Report) -> list[Expiry]:
    """Of the cluster's authority and its API; one that cannot be seen does not hide the others."""
    seen = []
    try:
        seen.append(observe_cluster_ca(magnum, place.magnum_cluster.uuid))
    except MagnumhubError as error:
        seen.append(Expiry(what="cluster_ca", unknown=error.message))
    try:
        with inside(site, place, report) as there:
            seen.append(observe_api_certificate(there, timeout_s=_PROBE_S))
    except MagnumhubError as error:
        seen.append(Expiry(what="kubernetes_api", unknown=error.message))
    return seen


def _closed(address: AddressSeen) -> dict[int, str]:
    if address.users is None or not address.shown:
        return {}
    return closed_ports(address.users, address.ports.values(), timeout_s=_PROBE_S)


def _without_address(name: str, part: Part, why: str) -> Checked:
    """What could not be asked is not known to be well, unless another check says already why it is not."""
    if not why:
        return skipped(name, "its address is not known")
    finding = Finding(
        check=name,
        level="Unknown",
        category=Category.ADDRESS,
        summary=f"where to ask the {name} is not known: {why}",
        remedy="Check again; what stays so is told by the checks of Kubernetes and of the addresses.",
        about=part,
    )
    return checked(name, [finding], duration_s=0, summary="")


def _about(part: Part, seen: Checked) -> Checked:
    findings = tuple(finding.model_copy(update={"about": part}) for finding in seen.findings)
    return seen.model_copy(update={"findings": findings})
