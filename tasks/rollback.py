"""The way back: to the addresses that served, and to the revisions that were last seen to work."""

from __future__ import annotations

from prefect import task
from pydantic import Field

from magnumhub.domain.hub_upgrade import SQLITE_ON_VOLUME, name_of_copy, needs_copy
from magnumhub.domain.results import Addresses, MagnumCluster, Part, Release, Result
from magnumhub.domain.spec import DynamicStorage, Site
from magnumhub.domain.values import value_at
from magnumhub.domain.wiring import RELEASES, service_names
from magnumhub.kube.hub_database import restore_database
from magnumhub.kube.pods import wait_for_workloads
from magnumhub.kube.releases import installed_releases
from magnumhub.kube.service_changes import recreate_service, touch_service
from magnumhub.kube.services import external_ip, service_ports, wait_for_external_ip
from magnumhub.remote.helm import prepare_helm
from magnumhub.remote.releases import roll_back
from magnumhub.remote.session import Reached
from tasks.access import Way, reached
from tasks.kubernetes import still_holding
from tasks.network import by_role
from tasks.policy import OBSERVE
from tasks.progress import Stage, stage
from tasks.releases import RELEASE_LABELS, Installed
from tasks.verify import last_working


class Before(Result):
    """What there is to go back to.

    releases: as installed, by part. good: the revision of each that users could last work with, where there was one.
    """

    releases: dict[Part, Release] = Field(default_factory=dict)
    good: dict[Part, int] = Field(default_factory=dict)

    @property
    def is_elsewhere(self) -> bool:
        """Whether a release is at another revision than the one that users could last work with."""
        return any(part in self.releases and self.releases[part].revision != good for part, good in self.good.items())


@task(name="look before", **OBSERVE)
def look_before(site: Site, magnum_cluster: MagnumCluster, way: Way) -> Before:
    """What is installed, and which revisions were last seen to work: what there is to go back to.

    Safe to repeat: reads only.
    """
    with stage("before") as report, reached(site, magnum_cluster, way, report) as there:
        found = {(release.name, release.namespace): release for release in installed_releases(there.kube)}
        ours = {part: found.get((name, getattr(site, part).namespace)) for part, name in RELEASES.items()}
        return Before(
            releases={part: release for part, release in ours.items() if release is not None},
            good=last_working(site, there.kube),
        )


@task(name="roll back", **OBSERVE)
def roll_back_releases(
    site: Site,
    magnum_cluster: MagnumCluster,
    way: Way,
    addresses: Addresses,
    before: Before,
    recreate: tuple[Part, ...] = (),
) -> dict[Part, Installed]:
    """Bring releases that were changed since back to the revision that was last seen to work.

    Safe to repeat: what is at that revision is not touched.

    Args:
        addresses: those that serve again.
        recreate: parts whose Service is made again where it has another address than that.

    Raises:
        FailedError: Helm or the hub's database could not be brought back; says what to do.
        DeadlineError: pods are not ready, or the Service does not come back to its address.
    """
    with stage("roll back") as report, reached(site, magnum_cluster, way, report) as there:
        still_holding(site)
        report.action = "changed"
        return {part: _back(part, site, there, addresses, before, part in recreate, report) for part in before.good}


def _back(
    part: Part,
    site: Site,
    there: Reached,
    addresses: Addresses,
    before: Before,
    recreate: bool,
    report: Stage,
) -> Installed:
    service = service_names(site)[part]
    helm = prepare_helm(there, site.helm, report=report)
    limit_s = site.limits_s.release
    where = RELEASES[part], service.namespace
    now = next((r for r in installed_releases(there.kube) if (r.name, r.namespace) == where), None)
    seen = roll_back(helm, *where, before.good[part], deadline_s=limit_s, report=report)
    same = now is not None and now.revision == seen.revision
    if part == "jupyterhub" and now is not None and needs_copy(now.app_version, seen.app_version, _db_type(site)):
        copy = name_of_copy(now.app_version)
        restore_database(there.kube, service.namespace, name_of_copy=copy, deadline_s=limit_s, report=report)
    ours = f"{RELEASE_LABELS[part]}={RELEASES[part]}"
    wait_for_workloads(there.kube, service.namespace, selector=ours, deadline_s=limit_s, report=report)
    address = by_role(addresses).get(part)
    shown = None
    if address is not None:
        if external_ip(there.kube, service.namespace, service.name) not in (None, address.address):
            at, limit_s = (there.kube, service.namespace, service.name), site.limits_s.load_balancer
            if recreate:
                recreate_service(*at, address=address.address, deadline_s=limit_s, report=report)
            else:
                touch_service(*at)
        shown = wait_for_external_ip(
            there.kube,
            service.namespace,
            service.name,
            asked=address.address,
            deadline_s=site.limits_s.load_balancer,
            report=report,
        )
    ports = service_ports(there.kube, service.namespace, service.name)
    return Installed(release=seen.result("kept" if same else "changed"), address=shown, ports=ports)


def _db_type(site: Site) -> str:
    usual = SQLITE_ON_VOLUME if isinstance(site.storage, DynamicStorage) else "sqlite-memory"
    return str(value_at(site.jupyterhub.values, "hub.db.type", usual))
