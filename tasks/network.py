"""Addresses come first: reserved and marked before anything else, so that a firewall ticket can start at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect import task

from blocks.cloud import cloud_of
from magnumhub.domain.errors import DeadlineError, WaitingError
from magnumhub.domain.ground import Ground
from magnumhub.domain.request import ingress_request, request_ports, to_be_asked
from magnumhub.domain.results import Action, Addresses, FloatingIP
from magnumhub.domain.spec import Site
from magnumhub.openstack import floating_ips
from tasks.policy import ACT, OBSERVE
from tasks.progress import stage


@task(name="reserve addresses", **ACT)
def reserve_addresses(site: Site, ground: Ground) -> Addresses:
    """Reserve the floating IPs that this kind of cloud needs, marked as the site's with their role.

    Safe to repeat: an address with the site's mark for a role is used again.

    Raises:
        RefusedError: an address asked for is not the project's, or serves something else; or the quota is used up.
    """
    with stage("addresses") as report, cloud_of(site) as cloud:
        addresses = floating_ips.ensure_reserved(cloud.connection, site, master=ground.master_address, report=report)
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
def request_ingress(site: Site, addresses: Addresses) -> None:
    """Where a person opens the firewall: ask once, with a request that is ready to be sent.

    Safe to repeat: addresses marked as open are not asked for again; a run after the question takes its own start as
    the answer, and the probes of later stages as the proof.

    Raises:
        WaitingError: the question was put just now; carries the request's text.
    """
    if site.network.ingress.approval == "open":
        return
    with stage("ingress") as report:
        if unasked := to_be_asked(site, by_role(addresses).values()):
            report.action = "created"
            raise asked(
                site, addresses, unasked, "addresses are reserved; the cloud's firewall has to be opened for them"
            )


def asked(site: Site, addresses: Addresses, unasked: Sequence[FloatingIP], why: str) -> WaitingError:
    """Remember on addresses that their firewall is asked for; returns the question, with the request's text.

    Safe to repeat: the mark is written only where it differs.
    """
    with cloud_of(site) as cloud:
        for address in unasked:
            floating_ips.set_firewall(cloud.connection, address, "asked")
    return _waiting(site, addresses, why)


@contextmanager
def proving_open(site: Site, addresses: Addresses, address: FloatingIP | None) -> Iterator[None]:
    """Around the wait for an address to answer: that it does is the proof that its firewall is open.

    Raises:
        WaitingError: it did not answer in time, and its firewall is one that a person was asked to open.
    """
    is_asked = address is not None and address.firewall == "asked"
    try:
        yield
    except DeadlineError as error:
        if is_asked:
            raise _waiting(site, addresses, f"its firewall is still closed: {error.message}") from error
        raise
    if is_asked and address is not None:
        with cloud_of(site) as cloud:
            floating_ips.set_firewall(cloud.connection, address, "open")


def _waiting(site: Site, addresses: Addresses, why: str) -> WaitingError:
    """The request to the cloud's support for every address that has not been seen open, in this run or before."""
    with cloud_of(site) as cloud:
        is_open = {ip.address for ip in floating_ips.find_marked(cloud.connection, site.name) if ip.firewall == "open"}
    closed = {role: ip.address for role, ip in by_role(addresses).items() if ip.address not in is_open}
    ports = {role: request_ports(site, role) for role in closed}
    return WaitingError(why, addresses=closed, ports=ports, request=ingress_request(site, closed, ports))


def by_role(addresses: Addresses) -> dict[str, FloatingIP]:
    """The addresses that there are, by role."""
    roles = {"master": addresses.master, "jupyterhub": addresses.jupyterhub, "dask_gateway": addresses.dask_gateway}
    return {role: address for role, address in roles.items() if address is not None}


def _action(addresses: Addresses) -> Action:
    actions = {address.action for address in by_role(addresses).values()}
    return "created" if "created" in actions else "changed" if "changed" in actions else "kept"
