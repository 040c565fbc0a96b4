"""The runbook backwards: looked at first, then taken away from the inside out, then looked at again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from prefect import task

from blocks.cloud import cloud_of
from magnumhub.domain.errors import MagnumhubError, RefusedError, TransientError
from magnumhub.domain.holdings import Holdings, Inside, with_claimed
from magnumhub.domain.plan import Plan
from magnumhub.domain.results import Report, Result
from magnumhub.domain.spec import Site
from magnumhub.domain.teardown import (
    Homes,
    Teardown,
    confirm_planned,
    judge_teardown,
    may_hold_something,
    plan_teardown,
    remembered,
)
from magnumhub.kube import removal as kube_removal
from magnumhub.kube.client import Kube
from magnumhub.kube.sweep import sweep_dask_clusters
from magnumhub.openstack import removal
from magnumhub.openstack.holdings import observe_holdings
from magnumhub.remote.helm import prepare_helm
from magnumhub.remote.releases import uninstall
from magnumhub.remote.session import Reached
from tasks.find import Place, inside, place_of
from tasks.kubernetes import holding_site, still_holding
from tasks.policy import OBSERVE
from tasks.progress import Stage, stage


class Surveyed(Result):
    """A site before its teardown: what there is of it, the way in (None: there is none), and what will be done."""

    holdings: Holdings
    inside: Inside
    place: Place | None
    plan: Plan


@task(name="survey teardown", **OBSERVE)
def survey_site(site: Site, homes: Homes) -> Surveyed:
    """Look at all that the site has, and say what becomes of each.

    Safe to repeat: reads only.
    """
    with stage("plan") as report:
        return _survey(site, homes, report)


@task(name="survey again", **OBSERVE)
def survey_again(site: Site, homes: Homes, planned: Plan) -> Surveyed:
    """Look once more, now that nobody else changes the site, and refuse what was not planned.

    Safe to repeat: reads only.

    Raises:
        StalePlanError: somebody has changed the site since the plan was made.
        RefusedError: the cluster cannot be looked into any more, so that homes cannot be kept.
    """
    with stage("plan again") as report:
        surveyed = _survey(site, homes, report)
        confirm_planned(planned, surveyed.plan)
        return surveyed


@task(name="remember clusters", **OBSERVE)
def remember_clusters(site: Site, surveyed: Surveyed) -> None:
    """Write the uuid of the site's cluster on its addresses, so that a later run finds what was named after it.

    Safe to repeat: written once.
    """
    with stage("remember") as report, cloud_of(site) as cloud:
        uuids = [cluster.uuid for cluster in surveyed.holdings.magnum_clusters]
        report.action = removal.remember_clusters(cloud.connection, site.name, uuids)


@contextmanager
def holding_if_there(site: Site, surveyed: Surveyed) -> Iterator[None]:
    """Hold the site's Lease, which goes with its cluster; where nobody gets in there is none to hold.

    Raises:
        BusyError: another run works on the site and did not end.
    """
    if surveyed.place is None:
        yield
        return
    with holding_site(site, surveyed.place.magnum_cluster, surveyed.place.way):
        yield


@task(name="settle volumes", **OBSERVE)
def settle_volumes(site: Site, homes: Homes, surveyed: Surveyed) -> None:
    """Before anything is uninstalled: settle which volumes outlive their claims, and write on each whose it is.

    Safe to repeat: what is decided and written already is left alone.

    Raises:
        MagnumhubError: a volume could not be made to stay; nothing was uninstalled.
    """
    holdings, volumes = surveyed.holdings, surveyed.inside.volumes
    if not (holdings.volumes or volumes):
        return
    with stage("volumes settled") as report:
        if surveyed.place is not None and volumes:
            still_holding(site)
            with inside(site, surveyed.place, report) as there:
                if homes == "keep":
                    kube_removal.set_reclaim_policy(there.kube, volumes, "Retain")
                else:
                    made = [volume for volume in volumes if volume.made_for_claim]
                    kube_removal.set_reclaim_policy(there.kube, made, "Delete")
        try:
            with cloud_of(site) as cloud:
                report.action = removal.mark_volumes(cloud.connection, site.name, holdings.volumes)
        except RefusedError as error:
            # They stay or go all the same; but a later run will not know those that stay.
            report.remark(error.message)


@task(name="empty cluster", **OBSERVE)
def empty_cluster(site: Site, homes: Homes, surveyed: Surveyed) -> None:
    """Stop what users started and uninstall the releases, so that the cloud's load balancers and volumes go with them.

    Safe to repeat. What does not go in time is told, and left to the cloud's side: the cluster is deleted next.

    Raises:
        RefusedError: another run has taken the site over.
    """
    if surveyed.place is None:
        return
    with stage("releases") as report:
        still_holding(site)
        try:
            with inside(site, surveyed.place, report) as there:
                _empty(site, homes, surveyed.inside, there, report)
        except MagnumhubError as error:
            report.remark(f"goes on without Kubernetes: {error.message}")


@task(name="delete clusters", **OBSERVE)
def delete_clusters(site: Site, surveyed: Surveyed) -> None:
    """Ask Magnum to delete the site's cluster; returns at once.

    Safe to repeat: one that is gone or being deleted is left alone.

    Raises:
        RefusedError: Magnum refuses; the reason is its own. Or another run has taken the site over.
    """
    with stage("cluster delete") as report, cloud_of(site) as cloud:
        with suppress(TransientError):  # an API that has died is no reason to keep its cluster
            still_holding(site)
        for cluster in surveyed.holdings.magnum_clusters:
            report.action = removal.delete_cluster(cloud.magnum, cluster.uuid)


@task(name="wait for deletion", **OBSERVE)
def wait_until_deleted(site: Site, surveyed: Surveyed) -> None:
    """Wait until Magnum does not know the cluster any more, or says that it cannot delete it.

    Safe to repeat: only looks. Whether it is gone is seen at the end.
    """
    if not surveyed.holdings.magnum_clusters:
        return
    with stage("cluster wait") as report, cloud_of(site) as cloud:
        end_s = time.monotonic() + site.cluster.create_timeout_min * 60
        for cluster in surveyed.holdings.magnum_clusters:
            deadline_s = max(1.0, end_s - time.monotonic())
            removal.wait_until_deleted(cloud.magnum, cluster.uuid, deadline_s=deadline_s, report=report)


@task(name="delete what stayed", **OBSERVE)
def delete_what_stayed(site: Site, homes: Homes, surveyed: Surveyed) -> None:
    """Delete load balancers that nobody in the cluster took away, and volumes that were to be deleted.

    Safe to repeat.
    """
    with stage("what stayed") as report, cloud_of(site) as cloud:
        conn, limit_s = cloud.connection, float(site.limits_s.load_balancer)
        stayed = observe_holdings(conn, cloud.magnum, site.name, known=surveyed.holdings)
        if stayed.balancers:
            report.action = removal.delete_balancers(conn, stayed.balancers, deadline_s=limit_s, report=report)
        if stayed.volumes and homes == "delete" and not stayed.magnum_clusters:
            report.action = removal.delete_volumes(conn, stayed.volumes, deadline_s=limit_s, report=report)


@task(name="give up addresses", **OBSERVE)
def give_up_addresses(site: Site, surveyed: Surveyed) -> None:
    """Last of all: release the addresses that we allocated, and take the mark off those that we were given.

    Safe to repeat. While something of the cluster is left they stay: they remember which cluster it was.
    """
    with stage("addresses") as report, cloud_of(site) as cloud:
        there = observe_holdings(cloud.connection, cloud.magnum, site.name, known=surveyed.holdings)
        if remembered(there):
            report.remark("they stay, since something of the cluster is left, and they remember which one it was")
            return
        report.action = removal.give_up_addresses(cloud.connection, there.addresses, report)


@task(name="audit", **OBSERVE)
def audit(site: Site, homes: Homes, surveyed: Surveyed, started_s: float) -> Teardown:
    """Look for everything that carries the site's mark or belongs to its cluster, and say what became of it.

    Safe to repeat: reads only.
    """
    with stage("audit") as report, cloud_of(site) as cloud:
        after = observe_holdings(cloud.connection, cloud.magnum, site.name, known=surveyed.holdings)
        verdict = judge_teardown(
            site.name,
            homes,
            before=surveyed.holdings,
            inside=surveyed.inside,
            after=after,
            duration_s=round(time.monotonic() - started_s, 3),
        )
        for item in verdict.left:
            report.remark(f"{item.kind} {item.name or item.id} is left: {item.reason}")
        return verdict


def _survey(site: Site, homes: Homes, report: Stage) -> Surveyed:
    with cloud_of(site) as cloud:
        holdings = observe_holdings(cloud.connection, cloud.magnum, site.name)
    place, seen = None, Inside()
    if any(may_hold_something(cluster.status) for cluster in holdings.magnum_clusters):
        place, seen = _look_inside(site, report)
        holdings = with_claimed(holdings, seen, holdings.magnum_clusters[0].uuid)
    return Surveyed(holdings=holdings, inside=seen, place=place, plan=plan_teardown(site, homes, holdings, seen))


def _look_inside(site: Site, report: Report) -> tuple[Place | None, Inside]:
    try:
        place = place_of(site)
        if place is None:
            return None, Inside()
        with inside(site, place, report) as there:
            return place, kube_removal.observe_inside(there.kube, site)
    except MagnumhubError as error:
        return None, Inside(unseen=error.message)


def _empty(site: Site, homes: Homes, seen: Inside, there: Reached, report: Stage) -> None:
    """Dask clusters before their gateway, notebook servers after the hub that would start them again."""
    end_s = time.monotonic() + site.limits_s.release
    kube, hub, gateway = there.kube, site.jupyterhub.namespace, site.dask_gateway.namespace

    def left_s() -> float:
        return max(1.0, end_s - time.monotonic())

    def balancer_s() -> float:
        # For what waits for a Service's load balancer: Helm, the Service, its namespace.
        return min(left_s(), site.limits_s.load_balancer)

    def attempt(step: Callable[[], object]) -> bool:
        # One that does not end in time must not keep the others from it.
        try:
            step()
        except MagnumhubError as error:
            report.remark(error.message)
            return False
        return True

    def uninstall_releases() -> None:
        helm = prepare_helm(there, site.helm, report=report)
        for release in seen.releases:
            report(f"uninstalling release {release.namespace}/{release.name}")
            attempt(partial(uninstall, helm, release.name, release.namespace, deadline_s=balancer_s(), report=report))

    report.action = "changed"
    attempt(lambda: sweep_dask_clusters(kube, gateway, user=None, deadline_s=left_s()))
    if seen.releases:
        attempt(uninstall_releases)
    attempt(lambda: kube_removal.stop_notebook_servers(kube, hub, deadline_s=left_s()))
    if homes == "delete":
        claims = {volume.claim for volume in seen.volumes if volume.made_for_claim}
        attempt(lambda: kube_removal.delete_claims(kube, claims, deadline_s=left_s()))
    attempt(lambda: kube_removal.delete_balanced_services(kube, deadline_s=balancer_s(), report=report))
    if homes == "delete" or attempt(lambda: _keep_newcomers(site, kube)):
        attempt(lambda: kube_removal.delete_namespaces(kube, seen.namespaces, deadline_s=balancer_s()))


def _keep_newcomers(site: Site, kube: Kube) -> None:
    """The homes of users who came after the volumes were settled and before the hub was gone, settled as well."""
    volumes = kube_removal.observe_inside(kube, site).volumes
    kube_removal.set_reclaim_policy(kube, volumes, "Retain")
    with cloud_of(site) as cloud:
        holdings = observe_holdings(cloud.connection, cloud.magnum, site.name)
        there = with_claimed(holdings, Inside(volumes=volumes), holdings.magnum_clusters[0].uuid)
        removal.mark_volumes(cloud.connection, site.name, there.volumes)
