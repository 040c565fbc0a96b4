"""Addresses come first: reserved and marked before anything else, so that a firewall ticket can start at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from prefect import task

from blocks.cloud import cloud_of
from magnumhub.domain.errors import DeadlineError, WaitingError
from magnumhub.domain.ground import Ground
from magnumhub.domain.plan import Plan
from magnumhub.domain.request import ingress_request, request_ports, to_be_asked
from magnumhub.domain.results import Action, Addresses, FloatingIP
from magnumhub.domain.spec import Site
from magnumhub.openstack import floating_ips
from tasks.policy import ACT, OBSERVE
from tasks.progress import stage


@task(name="reserve addresses", **ACT)
def reserve_addresses(site: Site, ground: Ground, plan: Plan) -> Addresses:
    """Reserve the floating IPs that this kind of cloud needs, marked as the site's with their role.

    Safe to repeat: an address with the site's mark for a role is used again.

    Raises:
        RefusedError: an address asked for is not the project's, or serves something else; or the quota is used up.
        StalePlanError: the project's addresses are not what they were when the plan was made.
    """
    with stage("addresses") as report, cloud_of(site) as cloud:
        addresses = floating_ips.ensure_reserved(
            cloud.connection,
            site,
            master=ground.master_address,
            report=report,
            confirm=lambda role: plan.confirming(f"address {role}"),
        )
        report.action = _action(addresses)
        return addresses


@task(name="settle addresses", **OBSERVE)
def settle_addresses(site: Site, addresses: Addresses) -> Addresses:
    """Give back what another first run of the same site reserved at the same moment.

    Safe to repeat: does nothing when each role has one address.
    """
    with cloud_of(site) as cloud:
        return floating_ips.settle_duplicates(cloud.connection, site, addresses)


@task(name="request ingress", **OBSERVE)
def request_ingress(
    site: Site, addresses: Addresses | Mapping[str, FloatingIP], *, again: str = ""
) -> WaitingError | None:
    """Where a person opens the firewall: the question, with a request that is ready to be sent; None if it was put.

    Safe to repeat: only looks. Addresses marked as asked for or as open are not asked for again: a run after the
    question takes its own start as the answer, and the probes of later stages as the proof.

    Args:
        again: why addresses that were asked for are asked for once more, as long as they were not seen open.
    """
    marked = _marked(site)
    if not again and not to_be_asked(site, (marked.get(ip.address, ip) for ip in by_role(addresses).values())):
        return None
    why = again or "addresses are reserved; the cloud's firewall has to be opened for them"
    waiting = still_closed(site, addresses, why)
    return waiting if waiting.addresses else None


@task(name="mark asked", **OBSERVE)
def mark_asked(site: Site, addresses: Mapping[str, str]) -> None:
    """Remember on addresses that a person is asked to open their firewall.

    Safe to repeat: the mark is written only where there is none.

    Args:
        addresses: role to floating IP, as a WaitingError has them.
    """
    _mark(site, "asked", lambda ip: ip.address in addresses.values() and not ip.firewall)


@task(name="forget asked", **OBSERVE)
def forget_asked(site: Site) -> None:
    """Take the question back from every address that was not seen open: it was refused.

    Safe to repeat: does nothing where none is marked as asked for.
    """
    _mark(site, "", lambda ip: ip.firewall == "asked")


@contextmanager
def proving_open(
    site: Site, addresses: Addresses | Mapping[str, FloatingIP], address: FloatingIP | None
) -> Iterator[None]:
    """Around the wait for an address to answer: that it does is the proof that its firewall is open.

    Raises:
        WaitingError: it did not answer in time, and its firewall is one that a person was asked to open.
    """
    asked = address is not None and _is_asked(site, address)
    try:
        yield
    except DeadlineError as error:
        if asked:
            raise still_closed(site, addresses, f"its firewall is still closed: {error.message}") from error
        raise
    if asked:
        _mark(site, "open", lambda ip: address is not None and ip.address == address.address)


def still_closed(site: Site, addresses: Addresses | Mapping[str, FloatingIP], why: str) -> WaitingError:
    """The request to the cloud's support for every address that has not been seen open, in this run or before."""
    marked = _marked(site)
    roles = {role: marked.get(ip.address, ip) for role, ip in by_role(addresses).items()}
    closed = {role: ip.address for role, ip in roles.items() if ip.firewall != "open"}
    ports = {role: request_ports(site, role) for role in closed}
    return WaitingError(why, addresses=closed, ports=ports, request=ingress_request(site, closed, ports))


def by_role(addresses: Addresses | Mapping[str, FloatingIP]) -> dict[str, FloatingIP]:
    """The addresses that there are, by role."""
    return {role: address for role, address in dict(addresses).items() if address is not None}


def _is_asked(site: Site, address: FloatingIP) -> bool:
    """By its mark as it is now: what a stage handed on was seen before the question was put."""
    if site.network.ingress.approval == "open":
        return False
    marked = _marked(site).get(address.address)
    return marked is not None and marked.firewall == "asked"


def _marked(site: Site) -> dict[str, FloatingIP]:
    """The site's addresses, with what their marks say now."""
    with cloud_of(site) as cloud:
        return {ip.address: ip for ip in floating_ips.find_marked(cloud.connection, site.name)}


def _mark(site: Site, firewall: Literal["", "asked", "open"], concerns: Callable[[FloatingIP], bool]) -> None:
    with cloud_of(site) as cloud:
        for address in floating_ips.find_marked(cloud.connection, site.name):
            if concerns(address):
                floating_ips.set_firewall(cloud.connection, address, firewall)


def _action(addresses: Addresses) -> Action:
    actions = {address.action for address in by_role(addresses).values()}
    return "created" if "created" in actions else "changed" if "changed" in actions else "kept"
