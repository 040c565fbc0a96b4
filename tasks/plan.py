"""What provision would do, from one look at the cloud and, where there is a cluster, into it."""

from __future__ import annotations

from prefect import task

from magnumhub.domain.facts import CloudFacts
from magnumhub.domain.needs import our_clusters
from magnumhub.domain.plan import Plan, plan_changes
from magnumhub.domain.preflight import judge_preflight, template_of
from magnumhub.domain.results import Release, Report
from magnumhub.domain.spec import Site
from magnumhub.domain.templates import choose_template
from tasks.policy import OBSERVE
from tasks.preflight import look_at_cloud
from tasks.progress import stage
from tasks.status import look


@task(name="make plan", **OBSERVE)
def make_plan(site: Site) -> Plan:
    """Say what provision would do to each resource, and why.

    Safe to repeat: reads only.
    """
    with stage("plan") as report:
        facts = look_at_cloud(site)
        template, _ = template_of(site, facts)
        return plan_changes(
            site,
            facts,
            findings=judge_preflight(site, facts),
            template=template,
            template_reason=_reason(site, facts) if template else "",
            releases=_releases(site, facts, report),
        )


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


def _releases(site: Site, facts: CloudFacts, report: Report) -> dict[str, Release] | None:
    """What is installed; None where nobody can look into the cluster, which the plan then says."""
    if not our_clusters(facts.magnum_clusters):
        return {}
    status = look(site, report)
    if status.unseen:
        report(status.unseen)
        return None
    return {release.name: release for release in status.releases}
