"""What provision and redeploy share: both releases become what is wanted and are verified, or things go back."""

from __future__ import annotations

from contextlib import suppress

from prefect.futures import wait

from magnumhub.domain.deployment import Deployment, brought_back, stopped
from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.plan import Plan
from magnumhub.domain.results import Addresses, MagnumCluster
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import RELEASES
from magnumhub.openstack.readdress import Move
from tasks.access import Way
from tasks.charts import ensure_helm
from tasks.dask_gateway import ensure_dask_gateway
from tasks.jupyterhub import ensure_jupyterhub
from tasks.kubernetes import ensure_storage
from tasks.moves import moved, point_addresses, watching_outage
from tasks.nodes import ensure_node_count
from tasks.releases import Installed
from tasks.rollback import Before, look_before, roll_back_releases
from tasks.verify import endpoints_of, verify_site

STAGES = (
    *("preflight", "plan", "addresses", "cluster start", "cluster wait", "master access", "kubernetes", "lease"),
    *("addresses now", "nodes", "storage", "helm", "before", "point addresses", "jupyterhub", "dask_gateway", "verify"),
)
"""Those that every run has, for its progress."""


def roll_out(
    site: Site, plan: Plan, magnum_cluster: MagnumCluster, way: Way, addresses: Addresses, moves: list[Move]
) -> Deployment:
    """Bring a site that this run holds to what is wanted, and see whether users can work.

    Safe to repeat: what is as it should be stays. Where it fails, or users cannot work afterwards, addresses and
    releases go back to what was last seen to work, if there is such a thing.

    Args:
        addresses: those that serve now; moves: which of them are replaced.
    """
    magnum_cluster = ensure_node_count(site, magnum_cluster, way, plan)
    storage_class = ensure_storage(site, magnum_cluster, way, plan)
    charts = ensure_helm(site, magnum_cluster, way)
    before = look_before(site, magnum_cluster, way)
    wanted = moved(addresses, moves)
    with watching_outage(site, magnum_cluster, way, moves) as outage:
        try:
            unknown = point_addresses(site, magnum_cluster, wanted)
            recreate = tuple(move.part for move in moves if move.part in unknown)
            there = (site, magnum_cluster, way, wanted, charts, storage_class, plan, recreate)
            side_by_side = ensure_jupyterhub.submit(*there), ensure_dask_gateway.submit(*there)
            wait(list(side_by_side))  # both, also when one fails: neither is left half-way by the other's failure
            hub, gateway = (installed.result() for installed in side_by_side)
            outage_s = outage.outage_s() if outage else {}
            deployment = _verified(site, magnum_cluster, way, wanted, hub, gateway)
        except MagnumhubError as error:
            raise _stopped(error, site, magnum_cluster, way, addresses, moves, before) from error
        except BaseException:
            with suppress(MagnumhubError):  # what was stopped is told, and a later run mends the rest
                if moves:
                    point_addresses(site, magnum_cluster, addresses)
            raise
    is_unfit = deployment.health is not None and deployment.health.level in ("Unhealthy", "Unknown")
    if is_unfit and (moves or look_before(site, magnum_cluster, way).is_elsewhere):
        return _brought_back(deployment, site, way, addresses, moves, before)
    return deployment.model_copy(update={"outage_s": {str(part): seconds for part, seconds in outage_s.items()}})


def _verified(
    site: Site, magnum_cluster: MagnumCluster, way: Way, addresses: Addresses, hub: Installed, gateway: Installed
) -> Deployment:
    endpoints = endpoints_of(site, addresses, hub, gateway)
    return Deployment(
        site=site.name,
        magnum_cluster=magnum_cluster,
        addresses={
            "master": way.address.address if way.address else None,
            "jupyterhub": hub.address,
            "dask_gateway": gateway.address,
        },
        endpoints=endpoints.model_dump(),
        releases={release.name: release for release in (hub.release, gateway.release)},
        health=verify_site(site, magnum_cluster, way, endpoints, hub, gateway),
    )


def _brought_back(
    failed: Deployment, site: Site, way: Way, addresses: Addresses, moves: list[Move], before: Before
) -> Deployment:
    old = {str(move.part): move.old.address for move in moves if move.old is not None}
    try:
        now = _back(site, failed.magnum_cluster, way, addresses, moves, before)
    except MagnumhubError as error:
        return brought_back(failed, now=None, addresses=old, why_not=error.message)
    return brought_back(failed, now=now, addresses=old)


def _stopped(
    error: MagnumhubError,
    site: Site,
    magnum_cluster: MagnumCluster,
    way: Way,
    addresses: Addresses,
    moves: list[Move],
    before: Before,
) -> MagnumhubError:
    try:
        if not moves and not look_before(site, magnum_cluster, way).is_elsewhere:
            return error
        now = _back(site, magnum_cluster, way, addresses, moves, before)
    except MagnumhubError as failure:
        return stopped(error, now=None, why_not=failure.message)
    return stopped(error, now=now)


def _back(
    site: Site, magnum_cluster: MagnumCluster, way: Way, addresses: Addresses, moves: list[Move], before: Before
) -> Deployment | None:
    """The site as it was before; None where only addresses could go back."""
    recreate = tuple(point_addresses(site, magnum_cluster, addresses)) if moves else ()
    if not before.good:
        return None
    back = roll_back_releases(site, magnum_cluster, way, addresses, before, recreate)
    if len(back) < len(RELEASES):
        return None
    return _verified(site, magnum_cluster, way, addresses, back["jupyterhub"], back["dask_gateway"])
