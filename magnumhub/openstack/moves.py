"""Which address a part moves to, in which order addresses are re-pointed, and what is refused before (pure)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from magnumhub.domain.errors import InputError, PreflightError, Problem
from magnumhub.domain.results import FloatingIP, Part
from magnumhub.domain.spec import Site
from magnumhub.openstack.addresses import Seen, held, precedence, serves_balancer
from magnumhub.openstack.marks import Mark

KEEP, FRESH = "keep", "fresh"

PARAMETERS: dict[Part, str] = {"jupyterhub": "hub_floating_ip", "dask_gateway": "dask_floating_ip"}
"""What a redeploy's parameters are called, by part."""


@dataclass(frozen=True)
class Decision:
    """Where a part moves.

    use: the address; None = allocate one. mark: what that says until the move is done; None = what it says already,
    which is so for the address of a part that moves away itself. old: the part's address until now.
    """

    part: Part
    use: Seen | None
    mark: Mark | None
    old: Seen | None


def refuse_pinned(site: Site, wishes: Mapping[Part, str]) -> None:
    """Refuse wishes that contradict the site's file or one another.

    Args:
        wishes: `keep`, `fresh` or an address, by part.

    Raises:
        InputError: every such wish, with the line of the site's file to change.
    """
    problems = [problem for part, wish in wishes.items() if (problem := _contradicts(site, part, wish))]
    asked = [wish for wish in wishes.values() if wish not in (KEEP, FRESH)]
    if len(set(asked)) < len(asked):
        problems.append(Problem(PARAMETERS["dask_gateway"], f"{asked[0]}, as for the hub", "an address of its own"))
    if problems:
        raise InputError("the addresses asked for contradict the site's file", problems)


def decide_moves(
    seen: Sequence[Seen], *, site: Site, wishes: Mapping[Part, str], network_id: str, left: int | None
) -> tuple[Decision, ...]:
    """Decide where parts move; a part that has already what is asked for does not move.

    `fresh` takes what an interrupted redeploy allocated for the part already, never a second one.

    Args:
        seen: every floating IP of the project.
        wishes: `keep`, `fresh` or an address, by part.
        network_id: the external network that the site names.
        left: how many floating IPs the quota still allows; None = unknown, or without a limit.

    Raises:
        PreflightError: every address that cannot be used, with what to do; nothing was touched.
    """
    now = {part: held(seen, site=site.name, role=part) for part in wishes}
    moving = {part: wish for part, wish in wishes.items() if wish not in (KEEP, _address(now[part]))}
    named = {wish for wish in moving.values() if wish != FRESH}
    decisions, problems = [], []
    for part, wish in moving.items():
        if wish == FRESH:
            use = _reserved(seen, site.name, part, network_id, named)
        else:
            use = next((ip for ip in seen if ip.address == wish), None)
            if wrong := _wrong(use, wish, site, part, network_id, moving):
                problems.append(Problem(PARAMETERS[part], *wrong))
                continue
        decisions.append(Decision(part, use, _mark(use, site.name, part), now[part]))
    wanted = sum(decision.use is None for decision in decisions)
    if left is not None and wanted > left:
        given = f"{wanted} new floating IPs are needed, and the project's quota has room for {left}"
        problems.append(Problem("quota", given, "release floating IPs, or ask the cloud for a higher quota"))
    if problems:
        raise PreflightError("the addresses asked for cannot be used; nothing was changed", problems)
    return tuple(decisions)


def misplaced(
    addresses: Mapping[Part, FloatingIP], vip_ports: Mapping[Part, str]
) -> dict[Part, tuple[FloatingIP, str]]:
    """The addresses that are not on their part's load balancer, with the port that they belong on: a redeploy was
    stopped half-way. What cannot be told is not in it.

    Args:
        vip_ports: as `readdress.vip_ports` finds them.
    """
    ours = {part: (address, vip_ports[part]) for part, address in addresses.items() if part in vip_ports}
    return {part: (address, port) for part, (address, port) in ours.items() if address.port_id != port}


def repointing(where: Mapping[str, str | None], wanted: Mapping[str, str | None]) -> list[tuple[str, str | None]]:
    """In which order floating IPs are put on ports and taken off, so that no port is without one longer than needed.

    A port takes one floating IP (409 otherwise), and one that is put elsewhere leaves its port by that.

    Args:
        where: floating IP to the port it is on, None = on none.
        wanted: port to the floating IP that has to be on it, None = none.

    Returns:
        Floating IP and port, in order; None = take it off.
    """
    on = {port: ip for ip, port in where.items() if port is not None}
    pending = {port: ip for port, ip in wanted.items() if on.get(port) != ip}
    steps: list[tuple[str, str | None]] = []
    while pending:
        port = next((port for port in pending if port not in on), next(iter(pending)))
        if port in on:
            steps.append((on.pop(port), None))
        elif (ip := pending.pop(port)) is not None:
            on = {other: there for other, there in on.items() if there != ip} | {port: ip}
            steps.append((ip, port))
    return steps


def _contradicts(site: Site, part: Part, wish: str) -> Problem | None:
    field, pinned = f"network.floating_ips.{part}", getattr(site.network.floating_ips, part)
    if wish not in (KEEP, FRESH) and not _is_address(wish):
        return Problem(PARAMETERS[part], wish, "keep, fresh or an IPv4 address")
    if wish in (KEEP, pinned) or pinned == "auto":
        return None
    if pinned == "none":
        return Problem(field, "none", f"`{part}: auto` in the site's file, for a part that is to have an address")
    change = f"`{part}: auto` in the site's file: the address's mark then says which one it is"
    given = f"{pinned} is pinned there, and the redeploy asks for {'a fresh one' if wish == FRESH else wish}"
    return Problem(field, given, change if wish == FRESH else f"{change}; or `{part}: {wish}`")


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _address(ip: Seen | None) -> str | None:
    return ip.address if ip is not None else None


def _reserved(seen: Sequence[Seen], site: str, part: Part, network_id: str, named: set[str]) -> Seen | None:
    """What was allocated for this very move by a redeploy that did not come to its end."""
    candidates = [
        ip
        for ip in seen
        if ip.mark == Mark(site, "spare", "allocated", ip.mark.firewall if ip.mark else "", part)
        and ip.network_id == network_id
        and ip.address not in named
    ]
    return min(candidates, key=precedence, default=None)


def _mark(use: Seen | None, site: str, part: Part) -> Mark | None:
    if use is None:
        return Mark(site, "spare", "allocated", reserved_for=part)
    if use.mark is None:
        return Mark(site, "spare", "given", reserved_for=part)
    if use.mark.role != "spare" or use.mark.reserved_for == part:
        return None
    return Mark(site, "spare", use.mark.origin, use.mark.firewall, part)


def _wrong(
    ip: Seen | None, wish: str, site: Site, part: Part, network_id: str, moving: Mapping[Part, str]
) -> tuple[str, str] | None:
    """Why an address cannot be a part's, and what to do about it; None: it can."""
    return next(_faults(ip, wish, site, part, network_id, moving), None)


def _faults(
    ip: Seen | None, wish: str, site: Site, part: Part, network_id: str, moving: Mapping[Part, str]
) -> Iterator[tuple[str, str]]:
    if ip is None:
        yield (
            f"{wish} is not a floating IP of this project: it does not exist, or belongs to another project",
            "allocate an address in this project, or ask for `fresh`",
        )
        return
    if ip.network_id != network_id:
        yield (
            f"{wish} is not on the site's external network {site.network.external_network}",
            "choose an address of that network, or ask for `fresh`",
        )
    mark = ip.mark
    if mark is not None and mark.site != site.name:
        yield (
            f"{wish} belongs to site {mark.site!r} as its {mark.role} address",
            f"choose another address, or take it from site {mark.site!r} first",
        )
    if mark is not None and mark.role not in (part, "spare", *moving):
        yield (
            f"{wish} is this site's {mark.role} address, which does not move away from it",
            "choose another address, or move that part as well in the same redeploy",
        )
    # A reserved one serves already where a run was killed before the marks moved.
    ours = mark is not None and (mark.role != "spare" or mark.reserved_for) and serves_balancer(ip)
    if ip.port_id is not None and not ours:
        yield (
            f"{wish} serves {ip.serves or 'port ' + ip.port_id}",
            f"take it off there (`openstack floating ip unset --port {wish}`), or choose an address that is free",
        )
