"""Which floating IP a role gets: decided from what the project has, without asking anybody (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from magnumhub.domain.errors import NotOursError, RefusedError
from magnumhub.domain.results import FloatingIP, Role
from magnumhub.openstack.marks import Mark


@dataclass(frozen=True)
class Seen:
    """A floating IP of the project, as Neutron shows it.

    serves: in words what its port belongs to ("server x", "load balancer y"); None when it serves nothing.
    created_at: as Neutron writes it; only compared.
    tagged: whether the mark is in the tags already, and not only in the description.
    """

    id: str
    address: str
    network_id: str
    created_at: str
    port_id: str | None = None
    serves: str | None = None
    status: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    mark: Mark | None = None
    tagged: bool = False


@dataclass(frozen=True)
class Choice:
    """What to do for a role.

    use: the address; None = allocate one.
    mark: what it shall say; equal to what it says when nothing is to be done.
    retired: addresses that had the role until now and become spare.
    left: addresses that we allocated for the role beside the one in use, and that serve nothing: to be released.
    """

    use: Seen | None
    mark: Mark
    retired: tuple[Seen, ...] = ()
    left: tuple[Seen, ...] = ()


def settled(seen: Sequence[Seen]) -> tuple[Seen, ...]:
    """Read marks of a redeploy that was stopped while it moved them: an address has the role that is reserved for it as
    soon as no other address of its site has it.

    Marks are written one after the other, so that a swap of two addresses or a move needs one write that decides:
    before it every run finds the old addresses, from it on the new ones.
    """
    going = [ip for ip in seen if ip.mark is not None and ip.mark.reserved_for]
    while True:
        taken = {(ip.mark.site, ip.mark.role) for ip in seen if ip.mark is not None and ip not in going}
        free = [ip for ip in going if ip.mark and (ip.mark.site, ip.mark.reserved_for) not in taken]
        if free == going:
            return tuple(_arrived(ip) if ip in going else ip for ip in seen)
        going = free


def precedence(ip: Seen) -> tuple[bool, str, str]:
    """Which of several addresses of a role counts: first one that serves, which is never given up, then the eldest."""
    return ip.port_id is None, ip.created_at, ip.id


def held(seen: Sequence[Seen], *, site: str, role: Role) -> Seen | None:
    """The address that has a role of a site; None where none has."""
    return _elder([ip for ip in seen if ip.mark is not None and (ip.mark.site, ip.mark.role) == (site, role)])


def serves_balancer(ip: Seen) -> bool:
    """Whether it serves a load balancer: one of Octavia, or the port that stands for one where there is no Octavia."""
    return (ip.serves or "").startswith(("load balancer ", "port kube_service_"))


def choose(seen: Sequence[Seen], *, site: str, role: Role, wanted: str, network_id: str) -> Choice:
    """Decide which address a role gets.

    Args:
        seen: every floating IP of the project.
        wanted: `auto`, or an address.
        network_id: the external network that the site names.

    Raises:
        RefusedError, NotOursError: the address asked for cannot be used; says why and what to change.
    """
    ours = [ip for ip in seen if ip.mark is not None and (ip.mark.site, ip.mark.role) == (site, role)]
    if wanted == "auto":
        use = _elder(ours)
        left = tuple(
            ip for ip in ours if ip != use and ip.port_id is None and ip.mark and ip.mark.origin == "allocated"
        )
        return Choice(use, use.mark if use and use.mark else Mark(site, role, "allocated"), left=left)
    use = _given(seen, site=site, role=role, wanted=wanted, network_id=network_id)
    mark = use.mark if use.mark is not None and use.mark.role == role else None
    origin = use.mark.origin if use.mark is not None else "given"
    return Choice(use, mark or Mark(site, role, origin), tuple(ip for ip in ours if ip.id != use.id))


def elder_twin(seen: Sequence[Seen], *, site: str, mine: FloatingIP) -> Seen | None:
    """Find the older address of the same role that another first run allocated; None when ours is the one that stays.

    Every run must come to the same answer, so the order is total: the time of allocation, then the id.
    """
    twins = (site, mine.role, "allocated")
    elder = _elder([ip for ip in seen if ip.mark and (ip.mark.site, ip.mark.role, ip.mark.origin) == twins])
    return None if elder is None or elder.id == mine.id else elder


def _arrived(ip: Seen) -> Seen:
    assert ip.mark is not None and ip.mark.reserved_for
    return replace(ip, mark=replace(ip.mark, role=ip.mark.reserved_for, reserved_for=""), tagged=False)


def _elder(candidates: Sequence[Seen]) -> Seen | None:
    return min(candidates, key=precedence, default=None)


def _given(seen: Sequence[Seen], *, site: str, role: Role, wanted: str, network_id: str) -> Seen:
    field = f"network.floating_ips.{role}"
    ip = next((ip for ip in seen if ip.address == wanted), None)
    if ip is None:
        raise RefusedError(
            f"{field}: {wanted} is not a floating IP of this project",
            f"allocate it in the project first, or set {field} to auto",
        )
    if ip.network_id != network_id:
        raise RefusedError(
            f"{field}: {wanted} is not on the site's external network",
            f"set network.external_network to the network of {wanted}, or choose another address",
        )
    if ip.mark is not None and ip.mark.site != site:
        raise NotOursError(
            f"{field}: {wanted} belongs to site {ip.mark.site!r} as its {ip.mark.role} address",
            f"choose another address, or take it from site {ip.mark.site!r} first",
        )
    if ip.mark is None and ip.port_id is not None:
        raise NotOursError(
            f"{field}: {wanted} serves {ip.serves or 'port ' + ip.port_id}",
            f"disassociate it there first, or choose an address that is free, or set {field} to auto",
        )
    if ip.mark is not None and ip.mark.role not in (role, "spare"):
        raise RefusedError(
            f"{field}: {wanted} is this site's {ip.mark.role} address already",
            "give each role an address of its own",
        )
    return ip
