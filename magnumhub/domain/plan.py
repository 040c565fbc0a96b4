"""What a flow will do to each resource, and what users will notice: told before anything is done, then carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from magnumhub.domain.errors import StalePlanError
from magnumhub.domain.facts import CloudFacts, ClusterFacts
from magnumhub.domain.findings import Finding
from magnumhub.domain.needs import address_of, our_clusters, roles_wanted
from magnumhub.domain.results import Release, Result
from magnumhub.domain.spec import NEWEST, ChartSpec, DynamicStorage, Site
from magnumhub.domain.templates import Template
from magnumhub.domain.wiring import GATEWAY_RELEASE, HUB_RELEASE

PlanAction = Literal["create", "keep", "change", "delete", "blocked"]


class Change(Result):
    """One row: what happens to a resource, why, and what users notice of it (empty: nothing).

    values: how the chart's values change, a line each, secrets masked.
    basis: what was seen when it was decided, so that it is known whether that still holds; in no document.
    """

    resource: str
    action: PlanAction
    reason: str
    users_notice: str = ""
    values: tuple[str, ...] = ()
    basis: str = ""


class Plan(Result):
    """All rows, in the order in which they are carried out; blocked ones first."""

    site: str
    changes: tuple[Change, ...]

    @property
    def would_change(self) -> bool:
        return any(change.action != "keep" for change in self.changes)

    @property
    def blocked(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.action == "blocked")

    def row(self, resource: str) -> Change | None:
        """What is said of a resource; None: nothing is."""
        return next((change for change in self.changes if change.resource == resource), None)

    def confirm(self, resource: str, action: PlanAction, *, basis: str = "") -> None:
        """Refuse an act that was not planned, or that was planned on what is not so any more.

        What has been done meanwhile (`keep`) is fine: an earlier try of this run did it.

        Args:
            action: what is to be done now, as things are now.
            basis: what that was decided on, in the words of the row.

        Raises:
            StalePlanError: somebody else has changed the site since; nothing was touched, and a new plan says what is.
        """
        if action == "keep":
            return
        row = self.row(resource)
        planned = row.action if row else "keep"
        if action != planned or (row and row.basis != basis):
            raise StalePlanError(resource, planned=planned, now=action)

    def document(self) -> dict[str, Any]:
        """The JSON document of `plan --json`."""
        return {"site": self.site, "changes": [change.model_dump(exclude={"basis"}) for change in self.changes]}


def plan_changes(
    site: Site,
    facts: CloudFacts,
    *,
    findings: list[Finding],
    template: Template | None,
    template_reason: str,
    releases: Mapping[str, Release] | None,
) -> Plan:
    """What provision would do, from what was seen.

    Args:
        findings: preflight's; each Unhealthy one blocks.
        template: of the cluster that is there, or the one that will be chosen; None where there is none.
        template_reason: why that one.
        releases: by name, as Helm reports them; None where the cluster could not be looked into.
    """
    blocked = [
        Change(resource=f"preflight {f.category.value}", action="blocked", reason=f"{f.summary}. {f.remedy}".strip())
        for f in findings
        if f.level == "Unhealthy"
    ]
    ours = next(iter(our_clusters(facts.magnum_clusters)), None)
    rows = [
        *_addresses(site, facts, template),
        _cluster(site, ours, template, template_reason),
        _storage(site, ours),
        _release(HUB_RELEASE, site.jupyterhub.chart, ours, releases, "the hub restarts; running notebooks go on"),
        _release(GATEWAY_RELEASE, site.dask_gateway.chart, ours, releases, "the gateway restarts; Dask clusters go on"),
    ]
    return Plan(site=site.name, changes=(*blocked, *rows))


def _addresses(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Change]:
    ask = site.network.ingress.approval == "ask"
    if template is not None and template.floating_ip_enabled and site.network.floating_ips.master == "auto":
        action: PlanAction = "keep" if our_clusters(facts.magnum_clusters) else "create"
        yield Change(resource="address master", action=action, reason="Magnum gives it one, which is adopted")
    for role in roles_wanted(site, template):
        address, wanted = address_of(site, role, facts.floating_ips), getattr(site.network.floating_ips, role)
        resource = f"address {role}"
        if address is None:
            notice = "waits for the firewall's approval" if ask else ""
            new = f"a new one of {site.network.external_network}" if wanted == "auto" else wanted
            yield Change(resource=resource, action="create", reason=new, users_notice=notice)
        elif address.site == site.name:
            yield Change(resource=resource, action="keep", reason=f"{address.address} carries the site's mark")
        else:
            yield Change(resource=resource, action="change", reason=f"{address.address} is marked as the site's")


def _cluster(site: Site, ours: ClusterFacts | None, template: Template | None, reason: str) -> Change:
    resource, wanted = f"cluster {site.name}", site.cluster.node_count
    if ours is None and template is None:
        return Change(resource=resource, action="blocked", reason="there is no template to make it from")
    if ours is None and template is not None:
        size = f"{site.cluster.master_count} master and {wanted} nodes"
        return Change(resource=resource, action="create", reason=f"{size} from {template.name}: {reason}")
    if ours is not None and ours.node_count not in (None, wanted):
        said = f"it has {ours.node_count} nodes and keeps them, the site asks for {wanted}"
        return Change(resource=resource, action="blocked", reason=f"{said}: provision does not resize a cluster")
    return Change(resource=resource, action="keep", reason=f"{ours.uuid} is {ours.status}" if ours else "")


def _storage(site: Site, ours: ClusterFacts | None) -> Change:
    if not isinstance(site.storage, DynamicStorage):
        notice = "files and accounts vanish when a pod restarts"
        return Change(resource="storage", action="keep", reason="ephemeral: no volumes", users_notice=notice)
    if ours is None:
        reason = f"class {site.storage.storage_class}; made where the cluster has the Cinder driver and no class"
        return Change(resource="storage", action="create", reason=reason)
    return Change(resource="storage", action="keep", reason=f"class {site.storage.storage_class}")


def _release(
    name: str, chart: ChartSpec, ours: ClusterFacts | None, releases: Mapping[str, Release] | None, restart: str
) -> Change:
    resource, installed = f"release {name}", (releases or {}).get(name)
    if installed is None:
        unseen = ours is not None and releases is None
        reason = "what is installed could not be looked at" if unseen else f"chart {chart.version}"
        return Change(resource=resource, action="create", reason=reason)
    if installed.status != "deployed":
        return Change(resource=resource, action="change", reason=f"it is {installed.status}", users_notice=restart)
    if chart.version not in (NEWEST, installed.version):
        reason = f"chart {installed.version} becomes {chart.version}"
        return Change(resource=resource, action="change", reason=reason, users_notice=restart)
    reason = f"chart {installed.version}, revision {installed.revision}; values are compared when it is carried out"
    return Change(resource=resource, action="keep", reason=reason)
