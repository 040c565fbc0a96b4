"""What provision and redeploy will do to a site, a row for each resource, from what was seen (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from magnumhub.domain.facts import AddressFacts, CloudFacts, ClusterFacts
from magnumhub.domain.findings import Finding
from magnumhub.domain.hub_upgrade import refused_downgrade
from magnumhub.domain.needs import address_of, our_clusters, roles_wanted
from magnumhub.domain.plan import UNSETTLED, Change, Plan, PlanAction
from magnumhub.domain.results import Part, Release
from magnumhub.domain.spec import ChartSpec, DynamicStorage, Site
from magnumhub.domain.templates import Template
from magnumhub.domain.value_changes import content_digest, value_changes
from magnumhub.domain.wiring import RELEASES, service_names

OldAddresses = Literal["keep", "release"]

_RESTARTS: dict[Part, str] = {
    "jupyterhub": "the hub restarts, for some seconds nobody can log in; running notebooks go on",
    "dask_gateway": "the gateway restarts; running Dask clusters go on",
}
_IMAGE = "singleuser.image."


@dataclass(frozen=True)
class ReleaseFacts:
    """A release as it is installed, beside what it would become.

    changes: how its values would change. digest: of what is installed. wanted_app: the version of what the wanted chart
    installs; empty: unknown. is_whole: the Service that users come by is there.
    """

    installed: Release
    wanted_version: str
    changes: tuple[str, ...]
    digest: str
    wanted_app: str = ""
    is_whole: bool = True


@dataclass(frozen=True)
class SiteInside:
    """What was seen inside the cluster.

    storage: what is to be done about the StorageClass, and why it is refused. releases: those installed, by part.
    nodes: the row about their number.
    """

    storage: Literal["use", "create", "refuse"] = "create"
    storage_reason: str = ""
    releases: Mapping[Part, ReleaseFacts] = field(default_factory=dict)
    nodes: Change | None = None


@dataclass(frozen=True)
class Moves:
    """Which public addresses a redeploy moves: `fresh` or an address by part, and what becomes of the old ones."""

    wishes: Mapping[Part, str] = field(default_factory=dict)
    old_addresses: OldAddresses = "keep"


def release_facts(
    installed: Release,
    values: Mapping[str, Any],
    *,
    wanted_version: str,
    wanted_app: str,
    wanted_values: Mapping[str, Any],
    secrets: Sequence[str],
    is_whole: bool,
) -> ReleaseFacts:
    """Compare what is installed with what is wanted.

    Args:
        values: that the release was given.
        secrets: what must not show.
    """
    changes = value_changes(values, wanted_values, secrets=secrets)
    digest = content_digest(installed.version, values)
    return ReleaseFacts(installed, wanted_version, changes, digest, wanted_app, is_whole)


def unjudged(installed: Release) -> ReleaseFacts:
    """A release that nobody can compare with anything, as something stands in the way."""
    return ReleaseFacts(installed, installed.version, (), "")


def plan_changes(
    site: Site,
    facts: CloudFacts,
    *,
    findings: Sequence[Finding],
    template: Template | None,
    template_reason: str,
    magnum_cluster: ClusterFacts | None,
    inside: SiteInside | None,
    moves: Moves,
) -> Plan:
    """What would be done, from what was seen; nothing but `keep`: nothing.

    Args:
        findings: preflight's; each Unhealthy one blocks.
        template: of the cluster that is there, or the one that will be chosen; None where there is none.
        template_reason: why that one.
        magnum_cluster: the site's, if it is there and stays.
        inside: None where there is a cluster and it could not be looked into.
    """
    blocked = [
        Change(resource=f"preflight {f.category.value}", action="blocked", reason=f"{f.summary}. {f.remedy}".strip())
        for f in findings
        if f.level == "Unhealthy"
    ]
    rows = [
        *_addresses(site, facts, template, inside, moves),
        _cluster(site, magnum_cluster, template, template_reason),
        *_nodes(magnum_cluster, inside),
        _storage(site, inside),
        *(_release(part, site, inside) for part in RELEASES),
    ]
    return Plan(site=site.name, changes=(*blocked, *rows))


def _addresses(
    site: Site, facts: CloudFacts, template: Template | None, inside: SiteInside | None, moves: Moves
) -> Iterator[Change]:
    if template is not None and template.floating_ip_enabled and site.network.floating_ips.master == "auto":
        action: PlanAction = "keep" if our_clusters(facts.magnum_clusters) else "create"
        yield Change(resource="address master", action=action, reason="Magnum gives it one, which is adopted")
    for role in roles_wanted(site, template):
        address = address_of(site, role, facts.floating_ips)
        wish = next((wish for part, wish in moves.wishes.items() if part == role), "keep")
        if address is not None and wish not in ("keep", address.address):
            yield _move(site, role, address, wish, moves.old_addresses)
        else:
            is_auto = site.network.load_balancers == "auto"
            serves = is_auto and inside is not None and role in inside.releases
            had = [ip for ip in facts.floating_ips or () if (ip.site, ip.role) == (site.name, role) and ip != address]
            yield _address(site, role, address, had, serves=serves)


def _address(
    site: Site, role: str, address: AddressFacts | None, had: Sequence[AddressFacts], *, serves: bool
) -> Change:
    resource, wanted = f"address {role}", getattr(site.network.floating_ips, role)
    if address is None:
        notice = "waits for the firewall's approval" if site.network.ingress.approval == "ask" else ""
        new = f"a new one of {site.network.external_network}" if wanted == "auto" else wanted
        return Change(resource=resource, action="create", reason=new, users_notice=notice)
    if (address.site, address.role) == (site.name, role):
        if serves and _is_astray(site, role, address):
            there = f"serves {address.serves}" if address.serves else "serves nothing"
            reason = f"{address.address} {there}: it is put on its load balancer again"
            notice = "who uses the address that is there now needs this one"
            return Change(resource=resource, action="change", reason=reason, users_notice=notice, basis=address.address)
        return Change(resource=resource, action="keep", reason=f"{address.address} carries the site's mark")
    reason = f"{address.address} is marked as the site's"
    notice = f"another address than {had[0].address}; a second or two without an answer" if had else ""
    return Change(resource=resource, action="change", reason=reason, users_notice=notice, basis=address.address)


def _is_astray(site: Site, role: str, address: AddressFacts) -> bool:
    """Whether an address of an installed release is not on its load balancer: a redeploy was stopped half-way."""
    of_a_service, service = "load balancer kube_service_", service_names(site)[role]
    if address.serves is None:
        return True
    ours = f"_{service.namespace}_{service.name}"
    return address.serves.startswith(of_a_service) and not address.serves.endswith(ours)


def _move(site: Site, role: str, address: AddressFacts, wish: str, old_addresses: OldAddresses) -> Change:
    to = f"a new one of {site.network.external_network}" if wish == "fresh" else wish
    # What the site was given is not ours to release, whatever is asked.
    then = "is given back" if old_addresses == "release" else "stays reserved"
    notice = "another address; a second or two without an answer, running notebooks go on"
    reason = f"{address.address} becomes {to}; the old one {then}"
    return Change(
        resource=f"address {role}", action="change", reason=reason, users_notice=notice, basis=address.address
    )


def _cluster(site: Site, ours: ClusterFacts | None, template: Template | None, reason: str) -> Change:
    resource = f"cluster {site.name}"
    if ours is not None:
        return Change(resource=resource, action="keep", reason=f"{ours.uuid} is {ours.status}")
    if template is None:
        return Change(resource=resource, action="blocked", reason="there is no template to make it from")
    size = f"{site.cluster.master_count} master and {site.cluster.node_count} nodes"
    return Change(resource=resource, action="create", reason=f"{size} from {template.name}: {reason}")


def _nodes(ours: ClusterFacts | None, inside: SiteInside | None) -> Iterator[Change]:
    """Nothing of a cluster that is yet to be made: it is made with as many as the site asks for."""
    if inside is not None and inside.nodes is not None:
        yield inside.nodes
    elif ours is not None:
        yield Change(resource="nodes", action="keep", reason="they could not be looked at", basis=UNSETTLED)


def _storage(site: Site, inside: SiteInside | None) -> Change:
    if not isinstance(site.storage, DynamicStorage):
        notice = "files and accounts vanish when a pod restarts"
        return Change(resource="storage", action="keep", reason="ephemeral: no volumes", users_notice=notice)
    name = f"class {site.storage.storage_class}"
    if inside is None:
        return Change(resource="storage", action="keep", reason="it could not be looked at", basis=UNSETTLED)
    if inside.storage == "use":
        return Change(resource="storage", action="keep", reason=name)
    if inside.storage == "refuse":
        return Change(resource="storage", action="blocked", reason=inside.storage_reason)
    reason = f"{name}; made where the cluster has the Cinder driver and no class"
    return Change(resource="storage", action="create", reason=reason)


def _release(part: Part, site: Site, inside: SiteInside | None) -> Change:
    resource, restarts = f"release {RELEASES[part]}", _RESTARTS[part]
    chart: ChartSpec = getattr(site, part).chart
    if inside is None:
        reason = "what is installed could not be looked at"
        return Change(resource=resource, action="create", reason=reason, basis=UNSETTLED)
    found = inside.releases.get(part)
    if found is None:
        return Change(resource=resource, action="create", reason=f"chart {chart.version}")
    installed = found.installed
    has_database = part == "jupyterhub" and isinstance(site.storage, DynamicStorage)
    if has_database and (refused := refused_downgrade(installed.app_version, found.wanted_app)):
        return Change(resource=resource, action="blocked", reason=refused)
    if installed.status != "deployed":
        reason = f"it is {installed.status}"
        return Change(
            resource=resource,
            action="change",
            reason=reason,
            users_notice=restarts,
            values=found.changes,
            basis=UNSETTLED,
        )
    why = []
    if found.wanted_version != installed.version:
        why.append(f"chart {installed.version} becomes {found.wanted_version}")
    if found.changes:
        why.append("1 value differs" if len(found.changes) == 1 else f"{len(found.changes)} values differ")
    if not found.is_whole:
        why.append("its Service is gone")
    if not why:
        reason = f"chart {installed.version}, revision {installed.revision}"
        return Change(resource=resource, action="keep", reason=reason, basis=found.digest)
    image = any(line.startswith(_IMAGE) for line in found.changes)
    notice = f"{restarts}; new notebook servers have the new image" if image else restarts
    reason = ", ".join(why)
    return Change(
        resource=resource,
        action="change",
        reason=reason,
        users_notice=notice,
        values=found.changes,
        basis=found.digest,
    )
