"""Everything that would stop the runbook after an hour, found out in seconds and all at once."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task

from blocks.cloud import cloud_of
from blocks.secrets import resolve
from magnumhub.domain.errors import PreflightError, Problem
from magnumhub.domain.facts import CloudFacts
from magnumhub.domain.findings import Finding
from magnumhub.domain.ground import Ground, wants_master_address
from magnumhub.domain.needs import our_clusters
from magnumhub.domain.preflight import judge_preflight, template_of
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import secret_refs
from magnumhub.openstack.survey import survey
from magnumhub.remote.runner import look_at_runner
from tasks.policy import OBSERVE
from tasks.progress import stage


@task(name="check preflight", **OBSERVE)
def check_preflight(site: Site, *, replace_failed: bool = False) -> Ground:
    """Look at the cloud, refuse with every problem at once, and choose the template.

    Safe to repeat: reads only.

    Raises:
        PreflightError: lists every problem with its remedy; nothing was touched.
    """
    with stage("preflight") as report:
        resolve(secret_refs(site))  # a secret that is missing is found now and not after the cluster was made
        facts = look_at_cloud(site)
        findings = judge_preflight(site, facts, replace_failed=replace_failed)
        refuse(site, [finding for finding in findings if finding.level == "Unhealthy"])
        for finding in findings:
            report.remark(f"{finding.level}: {finding.summary}")
        return ground_of(site, facts, replace_failed=replace_failed)


def refuse(site: Site, findings: Sequence[Finding]) -> None:
    """Raise one error for all that stands in the way; nothing when there is nothing."""
    if findings:
        problems = [Problem(f.category.value, f.summary, f.remedy) for f in findings]
        raise PreflightError(f"{site.name} cannot be provisioned on {site.cloud} as things are", problems)


def look_at_cloud(site: Site) -> CloudFacts:
    """What the cloud says of the site's project, and how this machine is prepared, as plain values."""
    with cloud_of(site) as cloud:
        facts = survey(cloud.connection, cloud.magnum, cluster_name=site.name)
    return facts.model_copy(update={"runner": look_at_runner(site)})


def ground_of(site: Site, facts: CloudFacts, *, replace_failed: bool = False) -> Ground:
    """What later stages build on; judged before, so that there is a template or a cluster made from one."""
    template, _ = template_of(site, facts, replace_failed=replace_failed)
    if template is not None:
        return Ground(
            template=template.uuid,
            kubernetes_version=template.kubernetes_version,
            master_address=wants_master_address(site, template),
        )
    # The cluster is there and its template is gone: whatever address its master has by now stays the one.
    elder = our_clusters(facts.magnum_clusters)[0]
    return Ground(template=elder.template or "", kubernetes_version=None, master_address=False)
