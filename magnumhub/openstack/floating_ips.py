"""A site's floating IPs: found by their mark, reserved first, put on the master, never taken from others.

Re-pointing an address that serves something else silently succeeds in Neutron, so every change here looks first at what
the address serves, and afterwards asks Neutron again instead of believing the reply.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import openstack.exceptions as sdk_errors
from openstack.connection import Connection

from magnumhub.domain.errors import NotOursError, RefusedError, ServiceError
from magnumhub.domain.plan import Confirm, unplanned
from magnumhub.domain.results import Action, Addresses, FloatingIP, Master, Report, Role
from magnumhub.domain.spec import Site
from magnumhub.openstack.addresses import Choice, Seen, choose, elder_twin, settled
from magnumhub.openstack.cloud import translated
from magnumhub.openstack.marks import Mark, description_of, read_mark, tags_with

_QUOTA_HINT = "release floating IPs that the project does not need, or ask the cloud for a higher quota"


def observe(conn: Connection) -> tuple[Seen, ...]:
    """Look at every floating IP of the project: its mark, and what it serves.

    Safe to repeat: reads only.
    """
    with translated("listing the project's floating IPs"):
        project = conn.current_project_id
        ips = list(conn.network.ips(project_id=project))
        used = {ip.port_id for ip in ips} - {None}
        ports = {port.id: port for port in conn.network.ports(project_id=project)} if used else {}
        servers = {server.id: server.name for server in conn.compute.servers()} if used else {}
        return settled([_seen(ip, ports.get(ip.port_id), servers) for ip in ips])


def find_marked(conn: Connection, site: str) -> list[FloatingIP]:
    """Every address that carries the site's mark, spare ones too.

    Safe to repeat: reads only.
    """
    return [result_of(ip, "kept") for ip in observe(conn) if ip.mark is not None and ip.mark.site == site]


def ensure_reserved(
    conn: Connection,
    site: Site,
    *,
    master: bool,
    report: Report,
    confirm: Callable[[Role], Confirm] = lambda role: unplanned,
) -> Addresses:
    """Reserve the addresses that the site needs, each marked with the site and its role.

    Safe to repeat: an address with the site's mark for a role is used again, and a second one that we allocated for it
    is given back where it serves nothing. The request that allocates carries the mark, so that neither a crash nor a
    lost answer leaves an address that nobody knows.

    Args:
        master: whether the master needs an address of ours.
        confirm: called for each role before the first one is touched: `create`, or `change` of that address.

    Raises:
        RefusedError: the quota is used up, the external network is unknown, or an address asked for cannot be used.
        NotOursError: an address asked for serves something else; the hint says what to change.
    """
    network_id = external_network_id(conn, site.network.external_network)
    wanted = site.network.floating_ips
    roles: dict[Role, str] = {
        "master": wanted.master if master else "none",
        "jupyterhub": wanted.jupyterhub,
        "dask_gateway": wanted.dask_gateway,
    }
    seen = observe(conn)
    # All decisions come before the first act: a refusal leaves nothing behind.
    choices = {
        role: choose(seen, site=site.name, role=role, wanted=address, network_id=network_id)
        for role, address in roles.items()
        if address != "none"
    }
    for role, choice in choices.items():
        if choice.use is None:
            confirm(role)("create", "")
        elif choice.use.mark != choice.mark:
            confirm(role)("change", choice.use.address)
    got = {role: _carry_out(conn, choice, network_id, report) for role, choice in choices.items()}
    for left in (left for choice in choices.values() for left in choice.left):
        report(f"releasing {left.address}, which a first run that was stopped allocated twice")
        with translated(f"releasing {left.address}"):
            conn.network.delete_ip(left.id, ignore_missing=True)
    return Addresses(**_settled(conn, site.name, got))


def settle_duplicates(conn: Connection, site: Site, addresses: Addresses) -> Addresses:
    """Give back an address that this run allocated although another first run had allocated one for the same role.

    Safe to repeat: each run gives back only what it made itself, and all runs agree on which address stays.
    """
    return Addresses(**_settled(conn, site.name, {role: ip for role, ip in addresses if ip is not None}))


def associate_master(conn: Connection, floating_ip: FloatingIP, master: Master) -> FloatingIP:
    """Put the reserved address on the master.

    Safe to repeat: an address that is there already is left alone.

    Raises:
        NotOursError: the address serves something else by now.
        RefusedError: the master has another address already.
    """
    seen = _look(conn, floating_ip.id, floating_ip.address)
    if seen.port_id == master.port_id:
        return result_of(seen, "kept")
    if seen.port_id is not None:
        raise NotOursError(
            f"{seen.address} is reserved for the master and serves {seen.serves or 'port ' + seen.port_id}",
            "disassociate it there, or choose another address for network.floating_ips.master",
        )
    if master.floating_address is not None:
        raise RefusedError(
            f"{master.name} has the address {master.floating_address} already, and {seen.address} is reserved for it",
            f"disassociate {master.floating_address} from it, then run again",
        )
    with translated(f"associating {seen.address} with {master.name}"):
        conn.network.update_ip(floating_ip.id, port_id=master.port_id)
    seen = _look(conn, floating_ip.id, floating_ip.address)
    if seen.port_id != master.port_id:
        raise ServiceError(f"Neutron was asked to put {seen.address} on {master.name}, and shows it elsewhere")
    return result_of(seen, "changed")


def adopt_master(conn: Connection, site: Site, master: Master) -> FloatingIP:
    """Mark the address that Magnum itself gave the master as ours: never released by us, since Magnum does so.

    Safe to repeat: a mark that is there is left alone.

    Raises:
        NotOursError: the address belongs to another site.
    """
    seen = next((ip for ip in observe(conn) if ip.address == master.floating_address), None)
    if seen is None:
        raise ServiceError(f"Nova shows {master.floating_address} on {master.name}, Neutron has no such floating IP")
    if seen.mark is None:
        return write_mark(conn, seen, Mark(site.name, "master", "given"))
    if seen.mark.site != site.name:
        raise NotOursError(f"{seen.address} on {master.name} is marked as an address of site {seen.mark.site!r}")
    return result_of(seen, "kept")


def set_firewall(conn: Connection, floating_ip: FloatingIP, state: Literal["", "asked", "open"]) -> FloatingIP:
    """Remember on the address that its firewall was asked to open, or was seen open; "" takes the question back.

    Safe to repeat: the mark is written only where it differs.
    """
    seen = _look(conn, floating_ip.id, floating_ip.address)
    if seen.mark is None:
        raise NotOursError(
            f"{seen.address} does not carry the site's mark any more", "run provision again: it marks or replaces it"
        )
    if seen.mark.firewall == state:
        return result_of(seen, "kept")
    return write_mark(conn, seen, replace(seen.mark, firewall=state))


def external_network_id(conn: Connection, name: str) -> str:
    """The id of the external network of that name or id.

    Raises:
        RefusedError: there is none; the hint lists those that there are.
    """
    with translated("looking for external networks"):
        networks = list(conn.network.networks(is_router_external=True))
    found = next((network.id for network in networks if name in (network.name, network.id)), None)
    if found is None:
        there = ", ".join(sorted(network.name for network in networks)) or "none"
        raise RefusedError(
            f"network.external_network: no external network {name!r}", f"the project's external networks: {there}"
        )
    return str(found)


def _settled(conn: Connection, site: str, got: dict[Any, FloatingIP]) -> dict[Any, FloatingIP]:
    """Replace each address that has an elder twin by that twin, and release it."""
    mine = {role: ip for role, ip in got.items() if ip.action == "created"}
    if not mine:
        return got
    seen = observe(conn)
    twins = {role: twin for role, ip in mine.items() if (twin := elder_twin(seen, site=site, mine=ip)) is not None}
    for role in twins:
        with translated(f"releasing {mine[role].address}, allocated twice for {role}"):
            conn.network.delete_ip(mine[role].id, ignore_missing=True)
    return got | {role: result_of(twin, "kept") for role, twin in twins.items()}


def _carry_out(conn: Connection, choice: Choice, network_id: str, report: Report) -> FloatingIP:
    for old in choice.retired:
        assert old.mark is not None
        report(f"{old.address} was the {old.mark.role} address until now; kept as spare")
        write_mark(conn, old, replace(old.mark, role="spare"))
    if choice.use is not None:
        if choice.use.tagged and choice.use.mark == choice.mark:
            return result_of(choice.use, "kept")
        return write_mark(conn, choice.use, choice.mark)
    return allocate(conn, choice.mark, network_id, report)


def allocate(conn: Connection, mark: Mark, network_id: str, report: Report) -> FloatingIP:
    """Allocate an address that says from its first moment on whose it is.

    Raises:
        RefusedError: the quota is used up.
    """
    what = mark.reserved_for or mark.role
    with translated(f"allocating a floating IP for {what}", hint=_QUOTA_HINT):
        ip = conn.network.create_ip(floating_network_id=network_id, description=description_of(mark))
    report(f"allocated {ip.floating_ip_address} for {what}")
    return write_mark(conn, _seen(ip, None, {}), mark, "created")


def write_mark(conn: Connection, seen: Seen, mark: Mark, action: Action = "changed") -> FloatingIP:
    """Make an address say this; tags of others stay.

    Safe to repeat: the same is written again.
    """
    with translated(f"marking {seen.address} as {mark.role} of {mark.site}"):
        ip = conn.network.get_ip(seen.id)
        tags = tags_with(mark, ip.tags)
        conn.network.set_tags(ip, tags)
    return result_of(replace(seen, mark=mark, tags=tuple(tags)), action)


def _look(conn: Connection, floating_ip_id: str, address: str) -> Seen:
    with translated(f"looking at {address}"):
        try:
            ip = conn.network.get_ip(floating_ip_id)
        except sdk_errors.NotFoundException as error:
            raise RefusedError(
                f"{address} was released while it was in use", "run provision again: it reserves another"
            ) from error
        port = conn.network.get_port(ip.port_id) if ip.port_id else None
        servers: dict[str, str] = {}
        if port is not None and (port.device_owner or "").startswith("compute:"):
            servers[port.device_id] = conn.compute.get_server(port.device_id).name
    return _seen(ip, port, servers)


def _seen(ip: Any, port: Any, servers: dict[str, str]) -> Seen:
    tags = tuple(ip.tags or ())
    return Seen(
        id=ip.id,
        address=ip.floating_ip_address,
        network_id=ip.floating_network_id,
        created_at=ip.created_at or "",
        port_id=ip.port_id,
        serves=what_serves(port.device_owner, port.device_id, port.name, servers) if port is not None else None,
        status=ip.status or "",
        description=ip.description or "",
        tags=tags,
        mark=read_mark(tags, ip.description),
        tagged=read_mark(tags, None) is not None,
    )


def what_serves(device_owner: str | None, device_id: str | None, port_name: str | None, servers: dict[str, str]) -> str:
    """Say in words what a port belongs to."""
    owner = device_owner or ""
    if owner.startswith("compute:"):
        return f"server {servers.get(device_id or '', device_id or 'unknown')}"
    if owner == "Octavia":
        return f"load balancer {(port_name or '').removeprefix('octavia-lb-')}"
    return f"port {port_name or device_id or 'without a name'}{f' of {owner}' if owner else ''}"


def result_of(seen: Seen, action: Action) -> FloatingIP:
    """An address with a mark, as stages hand it on."""
    assert seen.mark is not None
    mark = seen.mark
    return FloatingIP(
        id=seen.id,
        address=seen.address,
        role=mark.role,
        origin=mark.origin,
        firewall=mark.firewall,
        port_id=seen.port_id,
        action=action,
    )
