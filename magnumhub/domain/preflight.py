"""Judges what a cloud says against what a site asks for: every problem at once, each with its remedy.

Unhealthy refuses, Degraded works but is unwise, Unknown cannot be told yet and is looked at again when it can be.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence

from magnumhub.domain.compat import judge
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.facts import CloudFacts, ClusterFacts
from magnumhub.domain.findings import Category, Finding, Level, worst_first
from magnumhub.domain.ground import Ground, wants_master_address
from magnumhub.domain.needs import needs, node_flavor, our_clusters, room
from magnumhub.domain.preflight_credential import CHECK, has_balancers, judge_credential, judge_services
from magnumhub.domain.preflight_site import judge_addresses, judge_clusters, judge_runner, judge_settings
from magnumhub.domain.spec import NEWEST, Site
from magnumhub.domain.templates import Template, choose_template

_UNITS = {"gigabytes": " GiB of volumes", "ram_mib": " MiB of memory", "floating_ips": " floating IPs"}

Rule = Callable[[Site, CloudFacts, Template | None], Iterator[Finding]]


def judge_preflight(site: Site, facts: CloudFacts, *, replace_failed: bool = False) -> list[Finding]:
    """Every problem that the cloud's word shows already, the worst first; nothing Unhealthy: provision may begin.

    Args:
        replace_failed: a cluster that failed to be created will be replaced, so that it is no problem.
    """
    template, refusal = template_of(site, facts, replace_failed=replace_failed)
    findings = [refusal] if refusal else []
    if facts.templates is None and not staying(facts, replace_failed=replace_failed):
        why = facts.unseen.get("templates", "nothing is known of them")
        remedy = "Have the credential allowed to list cluster templates: none can be chosen without."
        findings.append(_finding("Unhealthy", Category.NOT_FOUND, f"templates could not be looked at: {why}", remedy))
    findings += judge_clusters(site, facts, replace_failed=replace_failed)
    for rule in _RULES:
        findings += rule(site, facts, template)
    return worst_first(findings)


def template_of(
    site: Site, facts: CloudFacts, *, replace_failed: bool = False
) -> tuple[Template | None, Finding | None]:
    """The template of the cluster that is there and stays, else the one that will be chosen, else why there is none."""
    if facts.templates is None:
        return None, None
    ours = staying(facts, replace_failed=replace_failed)
    if ours is not None:
        return next((t for t in facts.templates if ours.template in (t.uuid, t.name)), None), None
    try:
        choice = choose_template(
            facts.templates,
            wanted=site.cluster.template,
            jupyterhub_chart=site.jupyterhub.chart.version,
            dask_gateway_chart=site.dask_gateway.chart.version,
        )
    except RefusedError as error:
        return None, _finding("Unhealthy", Category.NOT_FOUND, error.message, error.hint)
    return next(template for template in facts.templates if template.uuid == choice.uuid), None


def ground_of(site: Site, facts: CloudFacts, template: Template | None) -> Ground:
    """What later stages build on; judged before, so that there is a template or a cluster made from one."""
    if template is not None:
        return Ground(
            template=template.uuid,
            kubernetes_version=template.kubernetes_version,
            master_address=wants_master_address(site, template),
        )
    # The cluster is there and its template is gone: whatever address its master has by now stays the one.
    elder = our_clusters(facts.magnum_clusters)[0]
    return Ground(template=elder.template or "", kubernetes_version=None, master_address=False)


def staying(facts: CloudFacts, *, replace_failed: bool) -> ClusterFacts | None:
    """The site's cluster, unless there is none or it failed to be made and is to be replaced."""
    ours = our_clusters(facts.magnum_clusters)
    return next((c for c in ours if not (replace_failed and c.status == "CREATE_FAILED")), None)


def _credential(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    credential, is_new = facts.credential, not our_clusters(facts.magnum_clusters)
    if credential is not None and is_new:
        yield from judge_credential(credential, facts.project.name)


def _project(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    if site.project not in (facts.project.id, facts.project.name):
        summary = f"the credential of {site.cloud} works in project {facts.project.name}, not in {site.project}"
        yield _finding(
            "Unhealthy", Category.CREDENTIALS, summary, "Use a credential of that project, or change `project`."
        )


def _services(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    if facts.services is None:
        return
    yield from judge_services(facts.services)
    if has_balancers(facts.services):
        return
    if site.network.load_balancers == "external":
        summary = "the cloud has no load balancers; the cluster's own controller must give the addresses"
        yield _finding("Degraded", Category.CATALOG, summary, "The addresses are proven after the install.")
    else:
        summary = "the catalog has no load-balancer service, so that no Service would get its address"
        remedy = "Set network.load_balancers to external where the cluster brings a controller of its own."
        yield _finding("Unhealthy", Category.CATALOG, summary, remedy)


def _names(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    networks = [name for network in facts.external_networks or () for name in (network.name, network.id)]
    flavors = [name for flavor in facts.flavors or () for name in (flavor.name, flavor.id)]
    for field, kind, wanted, known, seen in (
        ("cluster.keypair", "keypair of this user", site.cluster.keypair, facts.keypairs or (), facts.keypairs),
        (
            "network.external_network",
            "external network",
            site.network.external_network,
            networks,
            facts.external_networks,
        ),
        ("cluster.node_flavor", "flavor", site.cluster.node_flavor, flavors, facts.flavors),
    ):
        if seen is not None and wanted is not None and wanted not in known:
            summary = f"{field}: there is no {kind} called {wanted}"
            yield _finding("Unhealthy", Category.NOT_FOUND, summary, _there_is(field, wanted, known))


def _quotas(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    for name, wanted in needs(site, facts, template).items():
        quota = facts.quotas.get(name)
        if quota is None or quota.free is None or wanted <= quota.free:
            continue
        what = _UNITS.get(name, " " + name)
        summary = f"{wanted}{what} are needed, {quota.free} are free of the project's quota of {quota.limit}"
        remedy = "Ask the cloud's support for more, give back what is not used, or make the site smaller."
        yield _finding("Unhealthy", Category.QUOTA, summary, remedy)


def _template(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    if template is None:
        return
    if template.driver == "capi" and site.access.via == "master":
        summary = f"{template.name} is for Cluster API, whose masters nobody can reach by ssh"
        yield _finding("Unhealthy", Category.CONFIGURATION, summary, "Set access.via to auto or kubeconfig.")
    if template.driver == "capi" and site.helm.run_on == "master":
        summary = f"helm.run_on is master, and {template.name} is for Cluster API: there is no ssh"
        yield _finding("Unhealthy", Category.CONFIGURATION, summary, "Set helm.run_on to auto or runner.")
    if site.cluster.master_count > 1 and template.master_lb_enabled is False:
        summary = f"{template.name} has no load balancer for masters, so that Magnum refuses more than one"
        yield _finding(
            "Unhealthy", Category.CONFIGURATION, summary, "Set cluster.master_count to 1, or another template."
        )
    wanted = next((n for n in facts.external_networks or () if site.network.external_network in (n.id, n.name)), None)
    if wanted and template.external_network and template.external_network not in (wanted.id, wanted.name):
        summary = f"{template.name} is connected to another external network than {site.network.external_network}"
        remedy = f"Set network.external_network to {template.external_network}, or choose another template."
        yield _finding("Unhealthy", Category.CONFIGURATION, summary, remedy)


def _capacity(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    flavor = node_flavor(site, facts, template)
    if flavor is None:
        return
    fits, worker = room(site, flavor), site.dask_gateway.worker
    of = f"{site.cluster.node_count} nodes {flavor.name} ({flavor.vcpus} cores, {flavor.ram_mib // 1024} GiB)"
    if fits.nodes == 0:
        summary = f"a worker of {worker.cores:g} cores and {worker.memory_gib:g} GiB fits on no node {flavor.name}"
        yield _finding(
            "Unhealthy", Category.CAPACITY, summary, "Make dask_gateway.worker smaller or the flavor larger."
        )
    elif fits.workers < site.health.workers:
        summary = f"{of} hold {fits.workers} of the benchmark's {site.health.workers} workers beside hub and notebook"
        remedy = f"Set cluster.node_count to {fits.nodes}, or health.workers to {max(1, fits.workers)}."
        yield _finding("Degraded", Category.CAPACITY, summary, remedy)


def _charts(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    version = facts.kubernetes_version or (template.kubernetes_version if template else None)
    if template is not None and version is None:
        summary = f"which Kubernetes {template.name} holds is unknown yet"
        yield _finding("Unknown", Category.COMPATIBILITY, summary, "It is looked at when the cluster answers.")
    if site.jupyterhub.chart.version != NEWEST:
        yield from judge("jupyterhub", site.jupyterhub.chart.version, kubernetes_version=version)
    if site.dask_gateway.chart.version != NEWEST:
        yield from judge("dask-gateway", site.dask_gateway.chart.version, kubernetes_version=version)


def _unseen(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    for what, why in facts.unseen.items():
        yield _finding("Unknown", Category.CATALOG, f"{what} could not be looked at: {why}")


def _on_site(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    yield from judge_addresses(site, facts, template)
    yield from judge_runner(site, facts, template)
    yield from judge_settings(site)


_RULES: tuple[Rule, ...] = (
    _project,
    _credential,
    _services,
    _names,
    _template,
    _charts,
    _on_site,
    _quotas,
    _capacity,
    _unseen,
)


def _there_is(field: str, wanted: str, known: Sequence[str]) -> str:
    if close := difflib.get_close_matches(wanted, known, n=1):
        return f"Set {field} to {close[0]}, perhaps."
    return f"Set {field} to what there is: {', '.join(known)}." if known else "There is nothing of the kind: make one."


def _finding(level: Level, category: Category, summary: str, remedy: str = "") -> Finding:
    return Finding(check=CHECK, level=level, category=category, summary=summary, remedy=remedy)
