"""What a teardown takes away and what it keeps, decided before anything is touched, and judged by what is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from magnumhub.domain.errors import InputError, Problem, RefusedError
from magnumhub.domain.holdings import ClaimedVolume, Holdings, Inside, OwnAddress, OwnVolume
from magnumhub.domain.plan import Change, Plan
from magnumhub.domain.results import Release, Result
from magnumhub.domain.spec import DynamicStorage, Site
from magnumhub.domain.wiring import HUB_RELEASE

Homes = Literal["keep", "delete"]


class Item(Result):
    """A thing of the cloud. name: as people know it; reason and remedy: why it is kept or left, and what to do."""

    kind: str
    id: str
    name: str = ""
    reason: str = ""
    remedy: str = ""


class Teardown(Result):
    """How a teardown ended: what is gone, what stays on purpose, and what is left although it should be gone."""

    site: str
    deleted: tuple[Item, ...]
    kept: tuple[Item, ...]
    left: tuple[Item, ...]
    duration_s: float

    def document(self) -> dict[str, Any]:
        """The JSON document of `teardown --json`."""
        return {
            "site": self.site,
            "deleted": [item.model_dump(include={"kind", "id"}) for item in self.deleted],
            "kept": [item.model_dump(exclude={"remedy"}) for item in self.kept],
            "left": [item.model_dump() for item in self.left],
            "duration_s": self.duration_s,
        }


def refuse_unconfirmed(site: str, confirm: str | None, homes: str | None) -> None:
    """Stop unless the site's name was given once more, and what becomes of users' homes.

    Raises:
        InputError: either is missing or wrong; no call was made.
    """
    problems = []
    if confirm != site:
        problems.append(Problem("confirm", confirm or "nothing", f"{site}, the name of the site that is torn down"))
    if homes not in ("keep", "delete"):
        problems.append(Problem("homes", homes or "nothing", "keep or delete: what becomes of users' homes"))
    if problems:
        raise InputError(f"teardown of {site} is not confirmed", problems)


def refuse_blocked(plan: Plan) -> None:
    """Stop where the plan has rows that are blocked.

    Raises:
        RefusedError: says each, and nothing was touched.
    """
    if plan.blocked:
        told = "; ".join(f"{change.resource}: {change.reason}" for change in plan.blocked)
        raise RefusedError(f"teardown of {plan.site} is blocked: {told}", "nothing was touched")


def may_hold_something(status: str) -> bool:
    """Whether a Magnum cluster in that state can be looked into: one that was never complete has nothing in it."""
    return status not in ("CREATE_IN_PROGRESS", "CREATE_FAILED", "DELETE_IN_PROGRESS")


def plan_teardown(site: Site, homes: Homes, holdings: Holdings, inside: Inside) -> Plan:
    """What teardown would do, in the order in which it does it.

    Args:
        holdings: what the cloud has of the site.
        inside: what its cluster has; empty where there is none, or none that can hold anything.
    """
    rows = [
        *(_volume(volume, homes) for volume in inside.volumes),
        *(_release(release, inside) for release in inside.releases),
        _clusters(site, homes, holdings, inside),
        *_balancers(holdings),
        *_lone_volumes(homes, holdings, inside),
        *_addresses(holdings),
    ]
    blocked = [row for row in rows if row.action == "blocked"]
    return Plan(site=site.name, changes=(*blocked, *(row for row in rows if row.action != "blocked")))


def confirm_planned(planned: Plan, now: Plan) -> None:
    """Refuse to go on where what is there asks for more than what was planned.

    Raises:
        RefusedError: something is blocked by now.
        StalePlanError: somebody else has changed the site since.
    """
    refuse_blocked(now)
    for row in now.changes:
        planned.confirm(row.resource, row.action, basis=row.basis)


def judge_teardown(
    site: str, homes: Homes, *, before: Holdings, inside: Inside, after: Holdings, duration_s: float
) -> Teardown:
    """What became of everything that was there, told by what is there now.

    Args:
        before, inside: what the teardown began with; of Cinder's volumes also those that only Kubernetes knew as ours.
        after: what the cloud has now, with everything of `before` that is still there.
    """
    there = {item.id for item in _items(after)}
    marked = {address.id for address in after.addresses if address.marked}
    gone = [item for item in _items(before) if item.id not in there]
    if not after.magnum_clusters:
        gone += [Item(kind="release", id=f"{r.namespace}/{r.name}", name=r.name) for r in inside.releases]
    # Of another driver than Cinder's, or where the catalog has no Cinder: Kubernetes' word is all that there is.
    elsewhere = [v for v in inside.volumes if v.handle not in {volume.id for volume in before.volumes}]
    kept = [_kept_volume(volume) for volume in after.volumes if homes == "keep"]
    kept += [
        Item(kind="volume", id=v.handle, name=v.claim, reason=f"{v.of}, {v.size}, of {v.driver or 'no driver'}")
        for v in elsewhere
        if homes == "keep" or not v.made_for_claim
    ]
    kept += [
        Item(kind="floating_ip", id=a.id, name=a.address, reason="it was given, and carries no mark any more")
        for a in after.addresses
        if a.id not in marked and a.origin == "given"
    ]
    return Teardown(
        site=site,
        deleted=tuple(gone),
        kept=tuple(kept),
        left=tuple(_left(site, homes, after)),
        duration_s=duration_s,
    )


def remembered(holdings: Holdings) -> bool:
    """Whether addresses still have to remember which cluster this was, since something of it is there."""
    return bool(holdings.magnum_clusters or holdings.balancers or holdings.ports or holdings.servers)


def _volume(volume: ClaimedVolume, homes: Homes) -> Change:
    resource, what = f"volume {volume.claim}", f"{volume.of}, {volume.size}"
    if homes == "keep":
        return Change(resource=resource, action="keep", reason=f"{what}: stays in Cinder as {volume.handle}")
    if not volume.made_for_claim:
        return Change(resource=resource, action="keep", reason=f"{what}: somebody made it by hand, and it stays")
    notice = f"what is in it is lost for ever: {volume.of}"
    return Change(resource=resource, action="delete", reason=what, users_notice=notice, basis=volume.handle)


def _release(release: Release, inside: Inside) -> Change:
    if release.name == HUB_RELEASE:
        notice = f"the hub is gone{_and(inside.notebook_servers, 'notebook server', 'stop')}"
    else:
        notice = f"the gateway is gone{_and(inside.dask_clusters, 'Dask cluster', 'end')}"
    reason = f"chart {release.version}, revision {release.revision}, {release.status}"
    return Change(resource=f"release {release.name}", action="delete", reason=reason, users_notice=notice)


def _clusters(site: Site, homes: Homes, holdings: Holdings, inside: Inside) -> Change:
    resource = f"cluster {site.name}"
    if not holdings.magnum_clusters:
        return Change(resource=resource, action="keep", reason="there is none")
    told = " and ".join(f"{cluster.uuid} is {cluster.status}" for cluster in holdings.magnum_clusters)
    basis = " ".join(cluster.uuid for cluster in holdings.magnum_clusters)
    if not inside.unseen:
        return Change(resource=resource, action="delete", reason=told, basis=basis)
    if homes == "keep" and _may_have_homes(site, holdings):
        why = (
            f"{told}; homes are to be kept, and it cannot be looked into to find them and to set their volumes to"
            f" Retain: {inside.unseen}. Mend that, or take it down with homes=delete: volumes that are on none of its"
            " servers stay in the project then, and nothing says whose they are"
        )
        return Change(resource=resource, action="blocked", reason=why)
    nothing = "nothing was ever installed on it" if homes == "keep" else "volumes that are on none of its servers stay"
    return Change(
        resource=resource, action="delete", reason=f"{told}; {nothing}; not seen: {inside.unseen}", basis=basis
    )


def _may_have_homes(site: Site, holdings: Holdings) -> bool:
    """Whether a cluster that nobody can look into may have volumes that somebody wants.

    A hub has its address on a load balancer and its database on a volume. Where the cloud shows none of these, the
    provisioning ended before there was a hub, and a cluster whose deletion has begun keeps nobody from anything.
    """
    if not isinstance(site.storage, DynamicStorage):
        return False
    if all(not may_hold_something(c.status) or c.status == "DELETE_FAILED" for c in holdings.magnum_clusters):
        return False
    serving = [address for address in holdings.addresses if address.serves and address.role != "master"]
    return bool(holdings.balancers or holdings.ports or holdings.volumes or serving or holdings.unseen)


def _balancers(holdings: Holdings) -> Iterator[Change]:
    for balancer in holdings.balancers:
        reason = f"{balancer.id}, made for a Service; Octavia is asked for what the cluster does not take away itself"
        yield Change(resource=f"load balancer {balancer.name}", action="delete", reason=reason)
    for port in holdings.ports:
        reason = f"port {port.id}, made for a Service: the cluster has to take it away, the catalog has no Octavia"
        yield Change(resource=f"load balancer {port.name}", action="delete", reason=reason)


def _lone_volumes(homes: Homes, holdings: Holdings, inside: Inside) -> Iterator[Change]:
    """Of volumes that no cluster shows any more: an earlier teardown's, or of a cluster that nobody can look into."""
    shown = {volume.handle for volume in inside.volumes}
    for volume in holdings.volumes:
        if volume.id in shown:
            continue
        reason = f"{volume.of}, {volume.size_gib} GiB, of cluster {volume.cluster_uuid}"
        notice = "" if homes == "keep" else f"what is in it is lost for ever: {volume.of}"
        action: Literal["keep", "delete"] = "keep" if homes == "keep" else "delete"
        yield Change(resource=f"volume {volume.id}", action=action, reason=reason, users_notice=notice, basis=volume.id)


def _addresses(holdings: Holdings) -> Iterator[Change]:
    roles = [address.role for address in holdings.addresses]
    for address in sorted(holdings.addresses, key=lambda address: address.address):
        name = address.role if roles.count(address.role) == 1 and address.role != "spare" else address.address
        if address.origin == "given":
            action: Literal["change", "delete"] = "change"
            reason = f"{address.address} was given: it stays and loses the site's mark"
        else:
            action, reason = "delete", f"{address.address} was allocated for the site: it is released, last of all"
        yield Change(resource=f"address {name}", action=action, reason=reason, basis=address.address)


def _items(holdings: Holdings) -> Iterator[Item]:
    yield from (Item(kind="cluster", id=c.uuid, name=c.name) for c in holdings.magnum_clusters)
    yield from (Item(kind="server", id=s.id, name=s.name) for s in holdings.servers)
    yield from (Item(kind="load_balancer", id=b.id, name=b.name) for b in holdings.balancers)
    yield from (Item(kind="port", id=p.id, name=p.name) for p in holdings.ports)
    yield from (Item(kind="volume", id=v.id, name=v.name) for v in holdings.volumes)
    yield from (Item(kind="floating_ip", id=a.id, name=a.address) for a in holdings.addresses)


def _kept_volume(volume: OwnVolume) -> Item:
    return Item(kind="volume", id=volume.id, name=volume.name, reason=f"{volume.of}, {volume.size_gib} GiB")


def _left(site: str, homes: Homes, after: Holdings) -> Iterator[Item]:
    again = f"then run the teardown of {site} again"
    for cluster in after.magnum_clusters:
        faults = [f"{name}: {fault}" for name, fault in cluster.faults.items() if fault != cluster.status_reason]
        reason = "; ".join([f"Magnum says {cluster.status}", *filter(None, [cluster.status_reason]), *faults])
        remedy = f"ask the cloud's support with this reason, {again}"
        yield Item(kind="cluster", id=cluster.uuid, name=cluster.name, reason=reason, remedy=remedy)
    for server in after.servers:
        remedy = f"`openstack server show {server.id}` says what holds it"
        yield Item(kind="server", id=server.id, name=server.name, reason="it outlived its cluster", remedy=remedy)
    for balancer in after.balancers:
        remedy = f"`openstack loadbalancer delete --cascade {balancer.id}`, {again}"
        reason = f"Octavia says {balancer.status}"
        yield Item(kind="load_balancer", id=balancer.id, name=balancer.name, reason=reason, remedy=remedy)
    for port in after.ports:
        remedy = f"take away what has the port (`openstack port show {port.id}`), {again}"
        reason = "the port of a load balancer, in a cloud whose catalog has no Octavia"
        yield Item(kind="port", id=port.id, name=port.name, reason=reason, remedy=remedy)
    for volume in after.volumes if homes == "delete" else ():
        remedy = f"`openstack volume delete {volume.id}`"
        reason = f"Cinder says {volume.status}: {volume.of}"
        yield Item(kind="volume", id=volume.id, name=volume.name, reason=reason, remedy=remedy)
    for address in after.addresses:
        if address.marked:
            yield _left_address(address, after, again)
    for what, why in sorted(after.unseen.items()):
        yield Item(kind="unknown", id=what, reason=f"could not be looked at: {why}", remedy=f"look by hand, {again}")


def _left_address(address: OwnAddress, after: Holdings, again: str) -> Item:
    if remembered(after):
        reason = "it remembers which cluster this was, since something of that is left"
        remedy = f"see to the others, {again}"
    elif address.serves:
        reason = f"it serves {address.serves}, which is not the site's"
        remedy = f"disassociate it there if nobody needs it, {again}"
    else:
        reason, remedy = "Neutron has not let go of it", f"`openstack floating ip delete {address.address}`"
    return Item(kind="floating_ip", id=address.id, name=address.address, reason=reason, remedy=remedy)


def _and(number: int, what: str, do: str) -> str:
    if number == 0:
        return ""
    return f", and {number} {what}{f' {do}s' if number == 1 else f's {do}'}"
