"""The plan: from one look at the cloud and, where there is a cluster, into it."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task

from blocks.cloud import cloud_of
from blocks.secrets import resolve
from blocks.ssh_key import ssh_key_of
from magnumhub.domain.errors import InputError, PreflightError, Problem, RefusedError
from magnumhub.domain.facts import CloudFacts, RunnerFacts
from magnumhub.domain.findings import Finding
from magnumhub.domain.ground import Ground
from magnumhub.domain.needs import our_clusters
from magnumhub.domain.overrides import Override, laid_over, replaced, still_counting
from magnumhub.domain.plan import Plan
from magnumhub.domain.plan_rows import Moves, plan_changes
from magnumhub.domain.preflight import ground_of, judge_preflight, staying, template_of
from magnumhub.domain.results import Result
from magnumhub.domain.spec import Site
from magnumhub.domain.templates import choose_template
from magnumhub.domain.wiring import secret_refs
from magnumhub.openstack import clusters
from magnumhub.openstack.moves import KEEP
from magnumhub.openstack.readdress import look_ahead
from magnumhub.openstack.survey import survey
from magnumhub.remote.runner import look_at_runner
from tasks.comparison import compared, look_inside
from tasks.policy import OBSERVE
from tasks.progress import Stage, stage


class Prepared(Result):
    """What a run builds on.

    site: what is wanted: the file, and what redeploys asked for over it (overrides). ground: None where problems say
    why: they are what stands in the way, as preflight tells it. is_outdated: not all that is kept of redeploys counts.
    """

    site: Site
    plan: Plan
    ground: Ground | None
    overrides: tuple[Override, ...] = ()
    is_outdated: bool = False
    problems: tuple[Finding, ...] = ()


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
            facts = facts.model_copy(update={"runner": _runner(site)})
            inside, unseen = look_inside(site, cloud, facts, report)
            magnum_cluster = staying(facts, replace_failed=replace_failed)
            fixed = clusters.fixed_differences(cloud.magnum, site) if magnum_cluster else []
        kept = inside.overrides if inside else ()
        overrides = replaced(still_counting(site, kept), asked)
        wanted = _laid_over(site, overrides)
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
            inside=None if unseen else compared(wanted, facts, inside, moves, is_possible=not problems),
            moves=moves,
        )
        plan = plan.model_copy(update={"changes": (*plan.changes, *fixed)})
        ground = None if problems else ground_of(wanted, facts, template)
        return Prepared(
            site=wanted,
            plan=plan,
            ground=ground,
            overrides=overrides,
            is_outdated=len(still_counting(site, kept)) < len(kept),
            problems=problems,
        )


def _runner(site: Site) -> RunnerFacts:
    """The runner's files, and the key where it is in a block: what is wrong with it is told with all other problems."""
    runner = look_at_runner(site)
    try:
        ssh_key_of(site)
    except RefusedError as error:
        return runner.model_copy(update={"ssh_key": error.message.removeprefix("access.ssh_key: ")})
    return runner


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


def _laid_over(site: Site, overrides: tuple[Override, ...]) -> Site:
    try:
        return laid_over(site, overrides)
    except InputError as error:
        fields = ", ".join(".".join(override.path) for override in overrides)
        raise RefusedError(
            f"what redeploys asked for ({fields}) and the site's file contradict one another: {error}",
            "say what is wanted of these fields in the site's file, or redeploy with other values for them",
        ) from error


def tell(plan: Plan) -> None:
    """Say what is going to be done, before any of it is."""
    with stage("plan") as report:
        for row in plan.changes:
            if row.action != "keep":
                notice = f" (users: {row.users_notice})" if row.users_notice else ""
                report.remark(f"{row.action} {row.resource}: {row.reason}{notice}")


def refuse_nothing_there(site: Site, plan: Plan) -> None:
    """Stop where there is nothing yet that could be redeployed.

    Raises:
        RefusedError: there is no cluster.
    """
    row = plan.row(f"cluster {site.name}")
    if row is not None and row.action == "create":
        raise RefusedError(f"there is no cluster {site.name} to redeploy", f"magnumhub provision {site.name} makes it")


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
