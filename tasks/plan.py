"""The plan: from one look at the cloud and, where there is a cluster, into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from prefect import task

from blocks.cloud import Cloud, cloud_of
from blocks.secrets import resolve
from magnumhub.domain.errors import PreflightError, Problem, RefusedError
from magnumhub.domain.facts import CloudFacts
from magnumhub.domain.findings import Finding
from magnumhub.domain.ground import Ground
from magnumhub.domain.needs import address_of, our_clusters
from magnumhub.domain.nodes import NodesSeen, nodes_row
from magnumhub.domain.overrides import Override, laid_over, replaced
from magnumhub.domain.plan import Plan
from magnumhub.domain.plan_rows import Moves, ReleaseFacts, SiteInside, plan_changes, release_facts, unjudged
from magnumhub.domain.preflight import ground_of, judge_preflight, staying, template_of
from magnumhub.domain.results import MagnumCluster, Part, Report, Result
from magnumhub.domain.spec import DynamicStorage, Site
from magnumhub.domain.templates import choose_template
from magnumhub.domain.wiring import RELEASES, Tokens, secret_refs
from magnumhub.kube.nodes import node_loads
from magnumhub.kube.readiness import kubernetes_version
from magnumhub.kube.releases import Record, installed_records
from magnumhub.kube.secrets import read_secret
from magnumhub.kube.storage import StorageDecision, observe_storage
from magnumhub.openstack import clusters
from magnumhub.openstack.moves import KEEP
from magnumhub.openstack.readdress import look_ahead
from magnumhub.openstack.survey import survey
from magnumhub.remote.runner import look_at_runner
from magnumhub.remote.session import Reached
from tasks.charts import archives_of, by_part, chosen_charts
from tasks.inside import look_into
from tasks.overrides import read_overrides
from tasks.policy import OBSERVE
from tasks.progress import Stage, stage
from tasks.values import TOKENS_SECRET, composed_values

_YET_TO_COME = "(a new one)"


class Prepared(Result):
    """What a run builds on.

    site: what is wanted: the file, and what redeploys asked for over it (overrides). ground: None where problems say
    why: they are what stands in the way, as preflight tells it.
    """

    site: Site
    plan: Plan
    ground: Ground | None
    overrides: tuple[Override, ...] = ()
    problems: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _Inside:
    """What the cluster says; the records and the tokens are secret."""

    kubernetes_version: str
    nodes: NodesSeen
    records: Sequence[Record]
    overrides: tuple[Override, ...]
    storage: StorageDecision | None
    tokens: Mapping[str, str] = field(repr=False)


@task(name="make plan", **OBSERVE)
def make_plan(
    site: Site,
    *,
    asked: tuple[Override, ...] = (),
    moves: Moves | None = None,
    replace_failed: bool = False,
) -> Prepared:
    """Say what will be done to each resource, and why, and what stands in the way.

    Safe to repeat: reads only.

    Args:
        asked: what a redeploy asks for over the site file; moves: which addresses it moves.

    Raises:
        PreflightError: an address that is to be moved to cannot be used; all of them at once.
        RefusedError: a chart is not to be had, or a secret is not where it should be.
    """
    with stage("preflight") as report:
        resolve(secret_refs(site))  # one that is missing is found now and not after the cluster was made
        moves = moves or Moves()
        with cloud_of(site) as cloud:
            if set(moves.wishes.values()) - {KEEP}:
                look_ahead(cloud.connection, site, moves.wishes)
            facts = survey(cloud.connection, cloud.magnum, cluster_name=site.name)
            facts = facts.model_copy(update={"runner": look_at_runner(site)})
            inside, unseen = _look_inside(site, cloud, facts, report)
            magnum_cluster = staying(facts, replace_failed=replace_failed)
            fixed = clusters.fixed_differences(cloud.magnum, site) if magnum_cluster else []
        overrides = replaced(inside.overrides if inside else (), asked)
        wanted = laid_over(site, overrides)
        if inside is not None:
            facts = facts.model_copy(update={"kubernetes_version": inside.kubernetes_version})
        findings = judge_preflight(wanted, facts, replace_failed=replace_failed)
        problems = tuple(finding for finding in findings if finding.level == "Unhealthy")
        _remark(findings, unseen, report)
        template, _ = template_of(wanted, facts, replace_failed=replace_failed)
        plan = plan_changes(
            wanted,
            facts,
            findings=findings,
            template=template,
            template_reason=_reason(wanted, facts) if template else "",
            magnum_cluster=magnum_cluster,
            inside=None if unseen else _compared(wanted, facts, inside, moves, is_possible=not problems),
            moves=moves,
        )
        plan = plan.model_copy(update={"changes": (*plan.changes, *fixed)})
        ground = None if problems else ground_of(wanted, facts, template)
        return Prepared(site=wanted, plan=plan, ground=ground, overrides=overrides, problems=problems)


def ground_to_act(prepared: Prepared) -> Ground:
    """What the run builds on, unless something stands in the way.

    Raises:
        PreflightError: lists every problem with its remedy; nothing was touched.
    """
    site, blocked = prepared.site, prepared.plan.blocked
    if prepared.ground is not None and not blocked:
        return prepared.ground
    problems = [Problem(f.category.value, f.summary, f.remedy) for f in prepared.problems]
    others = [row for row in blocked if not row.resource.startswith("preflight ")]
    problems += [Problem(row.resource, row.reason, "Change the site file, or what is there.") for row in others]
    raise PreflightError(f"{site.name} cannot be provisioned on {site.cloud} as things are", problems)


def refuse_nothing_there(site: Site, plan: Plan) -> None:
    """Stop where there is nothing yet that could be redeployed.

    Raises:
        RefusedError: there is no cluster, or a release of it is missing.
    """
    row = plan.row(f"cluster {site.name}")
    if row is not None and row.action == "create":
        raise RefusedError(f"there is no cluster {site.name} to redeploy", f"magnumhub provision {site.name} makes it")


def _look_inside(site: Site, cloud: Cloud, facts: CloudFacts, report: Report) -> tuple[_Inside | None, str]:
    """What the cluster says; None where there is none, or it could not be looked into: then with the reason."""
    if not our_clusters(facts.magnum_clusters):
        return None, ""
    found = clusters.find(cloud.magnum, site.name)
    if found is None:
        return None, "the cluster is gone"
    return look_into(site, cloud, found, partial(_inside, site, found), report)


def _inside(site: Site, magnum_cluster: MagnumCluster, there: Reached) -> _Inside:
    kube, namespace = there.kube, site.jupyterhub.namespace
    return _Inside(
        kubernetes_version=kubernetes_version(kube),
        nodes=NodesSeen(magnum_cluster, node_loads(kube)),
        records=installed_records(kube),
        overrides=read_overrides(site, kube),
        storage=observe_storage(kube, site.storage) if isinstance(site.storage, DynamicStorage) else None,
        tokens=read_secret(kube, namespace, TOKENS_SECRET) or {},
    )


def _compared(site: Site, facts: CloudFacts, inside: _Inside | None, moves: Moves, *, is_possible: bool) -> SiteInside:
    """What is installed beside what is wanted.

    Args:
        is_possible: nothing stands in the way, so that there are charts to compare with.
    """
    if inside is None:
        return SiteInside()
    ours = {part: _record(site, part, inside.records) for part in RELEASES}
    installed = {part: record for part, record in ours.items() if record is not None}
    storage = inside.storage or StorageDecision("use")
    releases: dict[Part, ReleaseFacts] = {}
    if installed and is_possible:
        chosen = chosen_charts(
            site,
            {record.release.name: record.release.version for record in installed.values()},
            facts.kubernetes_version,
        )
        tokens = Tokens(
            gateway=inside.tokens.get("gateway", _YET_TO_COME), check=inside.tokens.get("check", _YET_TO_COME)
        )
        archives = archives_of(site, by_part(chosen))
        values = composed_values(site, _addresses(site, facts, moves), archives, storage.name or None, tokens)
        releases = {
            part: release_facts(
                record.release,
                record.values,
                wanted_version=archives[part].version,
                wanted_app=archives[part].app_version or "",
                wanted_values=getattr(values, part),
                secrets=values.secrets,
            )
            for part, record in installed.items()
        }
    elif installed:
        releases = {part: unjudged(record.release) for part, record in installed.items()}
    return SiteInside(
        storage=storage.step,
        storage_reason=storage.reason,
        releases=releases,
        nodes=nodes_row(site, inside.nodes),
    )


def _record(site: Site, part: Part, records: Sequence[Record]) -> Record | None:
    where = RELEASES[part], getattr(site, part).namespace
    return next((record for record in records if (record.release.name, record.release.namespace) == where), None)


def _addresses(site: Site, facts: CloudFacts, moves: Moves) -> dict[str, str | None]:
    """What the Services will ask for."""
    addresses: dict[str, str | None] = {}
    for part in RELEASES:
        if getattr(site.network.floating_ips, part) == "none":
            addresses[part] = None
            continue
        has = address_of(site, part, facts.floating_ips)
        wish = moves.wishes.get(part, "keep")
        asked = (has.address if has else _YET_TO_COME) if wish == "keep" else wish
        addresses[part] = _YET_TO_COME if asked == "fresh" else asked
    return addresses


def _remark(findings: Sequence[Finding], unseen: str, report: Stage) -> None:
    for finding in findings:
        if finding.level != "Unhealthy":
            report.remark(f"{finding.level}: {finding.summary}")
    if unseen:
        report(unseen)


def _reason(site: Site, facts: CloudFacts) -> str:
    if our_clusters(facts.magnum_clusters):
        return "the cluster was made from it"
    choice = choose_template(
        facts.templates or (),
        wanted=site.cluster.template,
        jupyterhub_chart=site.jupyterhub.chart.version,
        dask_gateway_chart=site.dask_gateway.chart.version,
    )
    return choice.reason
