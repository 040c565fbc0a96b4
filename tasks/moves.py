"""Public addresses on the move: reserved first, put on their load balancers, remembered by their marks last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prefect import task

from blocks.cloud import cloud_of
from magnumhub.domain.errors import AuthenticationError
from magnumhub.domain.plan import Plan
from magnumhub.domain.plan_rows import OldAddresses
from magnumhub.domain.results import Addresses, FloatingIP, MagnumCluster, Part
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import public_services
from magnumhub.kube.errors import NotFoundError
from magnumhub.kube.services import service_ports
from magnumhub.openstack import floating_ips, readdress
from magnumhub.openstack.moves import misplaced
from magnumhub.openstack.readdress import Move
from magnumhub.services.outage import Watch, watching
from tasks.access import Way, reached
from tasks.kubernetes import still_holding
from tasks.network import by_role
from tasks.policy import ACT, OBSERVE
from tasks.progress import stage

_HEALTH: dict[Part, str] = {"jupyterhub": "/hub/health", "dask_gateway": "/api/health"}


@task(name="reserve moves", **ACT)
def reserve_moves(site: Site, wishes: dict[Part, str], plan: Plan) -> list[Move]:
    """Make the addresses that parts move to ours, before anybody is asked for anything or anything leads elsewhere.

    Safe to repeat: what an interrupted redeploy reserved is used again.

    Args:
        wishes: `keep`, `fresh` or an address, by part.

    Raises:
        PreflightError: every address that cannot be used; nothing was touched.
        StalePlanError: a part has another address than when the plan was made.
    """
    with stage("new addresses") as report, cloud_of(site) as cloud:
        for decision in readdress.look_ahead(cloud.connection, site, wishes):
            if decision.old is not None:
                plan.confirm(f"address {decision.part}", "change", decision.old.address)
        moves = readdress.reserve(cloud.connection, site, wishes, report)
        report.action = "created" if any(move.new.action == "created" for move in moves) else "kept"
        return moves


def moved(addresses: Addresses, moves: list[Move]) -> Addresses:
    """The site's addresses once these moves are done."""
    return addresses.model_copy(update={move.part: move.new for move in moves})


@task(name="confirm addresses", **OBSERVE)
def confirm_addresses(site: Site, addresses: Addresses, moves: list[Move]) -> tuple[Addresses, list[Move]]:
    """See, now that this run holds the site, that its addresses are those that the run began with.

    Another run may have moved them while this one waited, for the site or for a person. What this run itself has done
    already, before it was tried again, is no move any more.

    Safe to repeat: reads only.

    Returns:
        The same as Neutron shows them now.

    Raises:
        StalePlanError: a part has another address by now; nothing was touched.
        RefusedError: an address was released meanwhile; nothing was touched.
    """
    with stage("addresses now"), cloud_of(site) as cloud:
        seen = floating_ips.observe(cloud.connection)
        now, left = readdress.still_held(seen, site=site.name, began_with=_by_part(addresses), moves=moves)
        return addresses.model_copy(update={str(part): address for part, address in now.items()}), left


@contextmanager
def watching_outage(site: Site, magnum_cluster: MagnumCluster, way: Way, moves: list[Move]) -> Iterator[Watch | None]:
    """Measure, while the block runs, how long nobody can reach the parts that move; None where none moves."""
    urls = _urls(site, magnum_cluster, way, [move for move in moves if move.old is not None])
    if not urls:
        yield None
        return
    with watching(urls) as watch:
        yield watch


def _urls(site: Site, magnum_cluster: MagnumCluster, way: Way, moves: list[Move]) -> dict[Part, tuple[str, str]]:
    """The old and the new URL of each part, at whichever port its Service has; a part without a Service has none."""
    if not moves:
        return {}
    services, urls = public_services(site), {}
    with stage("outage watch") as report, reached(site, magnum_cluster, way, report) as there:
        for move in moves:
            service = services[move.part]
            try:
                ports = service_ports(there.kube, service.namespace, service.name)
            except NotFoundError:
                continue
            scheme = "https" if move.part == "jupyterhub" and "https" in ports else "http"
            port = ports.get(scheme) or ports.get("web") or min(ports.values())
            assert move.old is not None
            old, new = (f"{scheme}://{ip.address}:{port}{_HEALTH[move.part]}" for ip in (move.old, move.new))
            urls[move.part] = (old, new)
    return urls


@task(name="point addresses", **OBSERVE)
def point_addresses(site: Site, magnum_cluster: MagnumCluster, addresses: Addresses) -> list[Part]:
    """See that each part's address is on its load balancer, where there is one already.

    Safe to repeat: an address in its place is not touched; what a killed redeploy left is put right.

    Returns:
        The parts whose load balancer nobody could point the address at: their Services have to be made again.

    Raises:
        NotOursError: an address serves something that is not ours by now; nothing was changed.
        ServiceError: Neutron failed half-way; addresses are as they were, or the hint says what to do.
    """
    with stage("point addresses") as report, cloud_of(site) as cloud:
        still_holding(site)
        seen = {ip.id: ip for ip in floating_ips.observe(cloud.connection)}
        current = {
            part: address.model_copy(update={"port_id": seen[address.id].port_id})
            for part, address in _by_part(addresses).items()
            if address.id in seen
        }
        services = {part: service for part, service in public_services(site).items() if part in current}
        ports = readdress.vip_ports(cloud.connection, magnum_cluster.uuid, services, current)
        targets = misplaced(current, ports)
        unknown = [part for part in current if part not in ports]
        if not targets:
            return unknown
        try:
            readdress.repoint(cloud.connection, site, targets, report)
        except AuthenticationError as error:  # a cloud that lets nobody re-point what its controller has associated
            report.remark(f"{error.message}; the Services are made again instead")
            return [*unknown, *targets]
        report.action = "changed"
        return unknown


@task(name="commit moves", **OBSERVE)
def commit_moves(site: Site, moves: list[Move], old_addresses: OldAddresses) -> None:
    """Let the marks say that the moves are done, so that every later run of every flow agrees.

    Safe to repeat: also when it was killed half-way.
    """
    if not moves:
        return
    with stage("marks") as report, cloud_of(site) as cloud:
        still_holding(site)
        readdress.commit(cloud.connection, site, moves, old_addresses, report)
        report.action = "changed"


def _by_part(addresses: Addresses) -> Mapping[Part, FloatingIP]:
    parts: tuple[Part, ...] = ("jupyterhub", "dask_gateway")
    return {part: address for part in parts if (address := by_role(addresses).get(part)) is not None}
