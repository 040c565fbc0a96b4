"""Moves a site's public addresses: reserved first, re-pointed within two requests, remembered last.

A floating IP that is put on another port goes on serving under the same load balancer, so nobody's connection to the
pods is touched. Re-pointing one that serves something else silently succeeds in Neutron: everything is looked at before
the first request that changes anything, and asked again after the last.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from openstack.connection import Connection

from magnumhub.domain.checks.leftovers import balancer_prefix
from magnumhub.domain.errors import MagnumhubError, NotOursError, RefusedError, ServiceError, StalePlanError
from magnumhub.domain.plan_rows import OldAddresses
from magnumhub.domain.results import FloatingIP, Part, Report, Result
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import ServiceName
from magnumhub.openstack.addresses import Seen, held, serves_balancer
from magnumhub.openstack.cloud import translated
from magnumhub.openstack.floating_ips import allocate, external_network_id, observe, result_of, write_mark
from magnumhub.openstack.marks import Mark, others_tags
from magnumhub.openstack.moves import FRESH, Decision, decide_moves, refuse_pinned, repointing

_RESTORING_PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0)


class Move(Result):
    """A part's way from one address to another; old: None where it had none."""

    part: Part
    new: FloatingIP
    old: FloatingIP | None = None


def look_ahead(conn: Connection, site: Site, wishes: Mapping[Part, str]) -> tuple[Decision, ...]:
    """What `reserve` would decide now.

    Safe to repeat: reads only.

    Raises:
        InputError: the site's file says otherwise.
        RefusedError: an address asked for cannot be used; tells all of them at once, each with what to do.
    """
    refuse_pinned(site, wishes)
    network_id = external_network_id(conn, site.network.external_network)
    left = _quota_left(conn) if FRESH in wishes.values() else None
    return decide_moves(observe(conn), site=site, wishes=wishes, network_id=network_id, left=left)


def reserve(conn: Connection, site: Site, wishes: Mapping[Part, str], report: Report) -> list[Move]:
    """Make every address that a part moves to ours, marked as spare and for which part, so that its firewall can be
    asked for. Nothing leads elsewhere by it.

    Safe to repeat: what an interrupted redeploy reserved is used again; the request that allocates says what for.

    Args:
        wishes: `keep`, `fresh` or an address, by part.

    Raises:
        InputError, RefusedError: as `look_ahead`; nothing was changed.
    """
    decisions = look_ahead(conn, site, wishes)
    network_id = external_network_id(conn, site.network.external_network)
    moves = []
    for decision in decisions:
        if decision.use is None:
            assert decision.mark is not None
            new = allocate(conn, decision.mark, network_id, report)
        elif decision.mark is not None:
            new = write_mark(conn, decision.use, decision.mark)
        else:
            new = result_of(decision.use, "kept")
        old = result_of(decision.old, "kept") if decision.old else None
        moves.append(Move(part=decision.part, new=new, old=old))
    return moves


def still_held(
    seen: Sequence[Seen], *, site: str, began_with: Mapping[Part, FloatingIP], moves: Sequence[Move]
) -> tuple[dict[Part, FloatingIP], list[Move]]:
    """The addresses that a run began with, and the moves that are left, as they are now (pure).

    A move that an earlier try of the same run has committed is none any more.

    Args:
        seen: every floating IP of the project.

    Raises:
        StalePlanError: a part has another address by now.
        RefusedError: an address to move to was released meanwhile.
    """
    there, to = {ip.id: ip for ip in seen}, {move.part: move.new.id for move in moves}
    now: dict[Part, FloatingIP] = {}
    for part, address in began_with.items():
        holds = held(seen, site=site, role=part)
        if holds is None or holds.id not in (address.id, to.get(part)):
            raise StalePlanError(f"address {part}", planned="keep", now="change")
        now[part] = result_of(holds, "kept")
    left = [move for move in moves if move.part not in now or now[move.part].id != move.new.id]
    if gone := [move.new.address for move in left if move.new.id not in there]:
        raise RefusedError(f"{', '.join(gone)} was released meanwhile", "run again: another is reserved")
    return now, [
        move.model_copy(
            update={
                "new": move.new.model_copy(update={"port_id": there[move.new.id].port_id}),
                "old": now.get(move.part, move.old),
            }
        )
        for move in left
    ]


def vip_ports(
    conn: Connection, magnum_cluster_uuid: str, services: Mapping[Part, ServiceName], current: Mapping[Part, FloatingIP]
) -> dict[Part, str]:
    """The ports of the load balancers that the Services have; a part whose port cannot be told is missing.

    Safe to repeat: reads only.

    Args:
        current: an address of the site for each part. Where the cluster's controller calls its load balancers not by
            Magnum's uuid, the one of that Service's name is taken that any address of this site serves.
    """
    balancers = _balancers(conn)
    suffixes = {part: f"_{service.namespace}_{service.name}" for part, service in services.items()}
    names = {part: balancer_prefix(magnum_cluster_uuid).removesuffix("_") + end for part, end in suffixes.items()}
    by_name = {name: port for port, name in balancers.items()}
    ports = {part: by_name[name] for part, name in names.items() if name in by_name}
    others = {part: end for part, end in suffixes.items() if part not in ports}
    if not others or not balancers:
        return ports
    serving = _serving(conn, current)
    for part, end in others.items():
        found = [port for port, name in balancers.items() if name.endswith(end) and port in serving]
        ports |= {part: found[0]} if len(found) == 1 else {}
    return ports


def repoint(conn: Connection, site: Site, targets: Mapping[Part, tuple[FloatingIP, str]], report: Report) -> None:
    """Put addresses on ports of load balancers; one that is there now is taken off in the request before.

    Safe to repeat: what is in place is not touched, and what a killed run left half done is completed.

    Args:
        targets: the address and the port it has to be on, by part.

    Raises:
        NotOursError: an address serves something that is not ours; nothing was changed.
        RefusedError: an address was released; nothing was changed.
        MagnumhubError: Neutron failed half-way; everything is again as it was, or the hint says what to do.
    """
    wanted = {port: address.id for address, port in targets.values()}
    seen = {ip.id: ip for ip in observe(conn)}
    for part, (address, _) in targets.items():
        _refuse_foreign(seen.get(address.id), address, site, part, wanted)
    steps = repointing({ip.id: ip.port_id for ip in seen.values()}, wanted)
    if not steps:
        return
    before = {port: next((ip.id for ip in seen.values() if ip.port_id == port), None) for port in wanted}
    before |= {port: id for id, _ in steps if (port := seen[id].port_id) is not None}
    try:
        _carry_out(conn, steps, seen)
        _verify(conn, wanted)
    except BaseException as error:
        report(f"putting addresses back where they were: {error}")
        _restore(conn, before, error)
        raise
    there = {seen[id].address: port for id, port in dict(steps).items()}
    report(", ".join(f"{address} {'serves' if port else 'is free'} now" for address, port in there.items()))


def commit(
    conn: Connection,
    site: Site,
    moves: Sequence[Move],
    old_addresses: OldAddresses,
    report: Report,
) -> None:
    """Let the marks say that the moves are done: from here on every run agrees on the new addresses.

    Safe to repeat, also when it was killed half-way: `addresses.settled` reads marks between two of these writes.

    Args:
        old_addresses: `keep` as spare, or `release`: those that we allocated are given back, others lose our mark.
    """
    seen = {ip.id: ip for ip in observe(conn)}
    news = {move.part: _with_mark(seen.get(move.new.id), move.new, site.name) for move in moves}
    in_use = {ip.id for ip, _ in news.values()}
    olds = {move.part: seen[move.old.id] for move in moves if move.old and move.old.id in seen.keys() - in_use}
    released = {part: old for part, old in olds.items() if old_addresses == "release" and _may_be_released(old)}
    for part, (ip, mark) in news.items():
        if mark.role not in ("spare", part):  # this decides a swap
            write_mark(conn, ip, replace(mark, reserved_for=part))
    for part in olds.keys() - released.keys():  # this decides a move
        _retire(conn, olds[part], old_addresses, report)
    for part, (ip, mark) in sorted(news.items(), key=lambda new: new[0] not in released):
        # Or this, where the old one is released: of two with one role that counts which serves.
        write_mark(conn, ip, replace(mark, role=part, reserved_for=""))
    for old in released.values():
        report(f"releasing {old.address}")
        with translated(f"releasing {old.address}"):
            conn.network.delete_ip(old.id, ignore_missing=True)


def _with_mark(seen: Seen | None, address: FloatingIP, site: str) -> tuple[Seen, Mark]:
    if seen is None:
        raise RefusedError(f"{address.address} was released while it was in use", "run again: another is reserved")
    return seen, seen.mark or Mark(site, "spare", address.origin, address.firewall)


def _may_be_released(old: Seen) -> bool:
    return old.mark is not None and old.mark.origin == "allocated" and old.port_id is None


def _quota_left(conn: Connection) -> int | None:
    with translated("looking at the quota of floating IPs"):
        quota = conn.network.get_quota(conn.current_project_id, details=True)["floating_ips"]
    return None if quota["limit"] < 0 else max(0, quota["limit"] - quota["used"])


def _balancers(conn: Connection) -> dict[str, str]:
    """Load balancers' names by the port of their VIP; without Octavia those of ports, which are called so there."""
    project = conn.current_project_id
    try:
        with translated("listing load balancers"):
            if conn.has_service("load-balancer"):
                return {lb.vip_port_id: lb.name or "" for lb in conn.load_balancer.load_balancers(project_id=project)}
            return {port.id: port.name or "" for port in conn.network.ports(project_id=project)}
    except RefusedError:
        return {}  # not for us to see: nothing can be told, and the Service has to be made again


def _serving(conn: Connection, current: Mapping[Part, FloatingIP]) -> set[str]:
    """The ports that addresses of the same site are on."""
    seen, ids = observe(conn), {address.id for address in current.values()}
    sites = {ip.mark.site for ip in seen if ip.mark and ip.id in ids}
    return {ip.port_id for ip in seen if ip.port_id and ip.mark and ip.mark.site in sites}


def _refuse_foreign(seen: Seen | None, address: FloatingIP, site: Site, part: Part, wanted: Mapping[str, str]) -> None:
    if seen is None:
        raise RefusedError(f"{address.address} was released while it was in use", "run again: another is reserved")
    mark = seen.mark
    if mark is None or mark.site != site.name:
        raise NotOursError(f"{seen.address} does not carry the mark of {site.name} any more", "run again: it is marked")
    is_ours = seen.port_id in (None, *wanted) or (mark.role != "spare" and serves_balancer(seen))
    if not is_ours:
        raise NotOursError(
            f"{seen.address} is to be the address of {part} and serves {seen.serves or seen.port_id} by now",
            f"take it off there: `openstack floating ip unset --port {seen.address}`",
        )


def _carry_out(conn: Connection, steps: Sequence[tuple[str, str | None]], seen: Mapping[str, Seen]) -> None:
    for id, port in steps:
        with translated(f"putting {seen[id].address} on port {port}" if port else f"taking {seen[id].address} off"):
            conn.network.update_ip(id, port_id=port)


def _verify(conn: Connection, wanted: Mapping[str, str | None]) -> None:
    seen = {ip.id: ip for ip in observe(conn)}
    on = {ip.port_id: ip.id for ip in seen.values()}
    for port, id in wanted.items():
        if (there := on.get(port)) != id:
            asked, shown = (seen[ip].address if ip in seen else "no address" for ip in (id, there))
            raise ServiceError(f"Neutron was asked to put {asked} on port {port}, and shows {shown} there")


def _restore(conn: Connection, before: Mapping[str, str | None], cause: BaseException) -> None:
    """Put every address back where it was; tried for some seconds, since users may be without one meanwhile."""
    failure = ""
    for pause_s in _RESTORING_PAUSES_S:
        time.sleep(pause_s)
        try:
            seen = {ip.id: ip for ip in observe(conn)}
            _carry_out(conn, repointing({id: ip.port_id for id, ip in seen.items()}, before), seen)
            _verify(conn, before)
        except MagnumhubError as error:
            failure = error.message
        else:
            return
    ports = "; ".join(f"`openstack floating ip set --port {port} {id}`" for port, id in before.items() if id)
    raise ServiceError(
        f"{cause}; and the addresses could not be put back: {failure}",
        f"run `magnumhub provision`, which puts them back, or do it by hand: {ports}",
    ) from cause


def _retire(conn: Connection, old: Seen, old_addresses: str, report: Report) -> None:
    if old.mark is None:
        return
    if old_addresses == "keep" or old.mark.origin == "allocated":
        report(f"{old.address} is kept as spare{' and serves ' + old.serves if old.serves else ''}")
        write_mark(conn, old, replace(old.mark, role="spare", reserved_for=""))
        return
    report(f"{old.address} was given, and is not marked as the site's any more")
    with translated(f"taking the mark off {old.address}"):
        ip = conn.network.get_ip(old.id)
        conn.network.set_tags(ip, others_tags(ip.tags))
