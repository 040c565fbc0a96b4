"""The runbook backwards: from a site to nothing of it, with users' homes kept or deleted as was said."""

from __future__ import annotations

import time

from prefect import flow
from prefect.client.schemas.objects import State

from flows.naming import run_name
from flows.outcome import ended_teardown, refusable
from magnumhub.domain.plan import Plan
from magnumhub.domain.spec_file import load_site
from magnumhub.domain.teardown import Homes, Teardown, refuse_blocked, refuse_unconfirmed
from tasks.live import live_progress
from tasks.report import publish_plan, publish_teardown
from tasks.sites import SiteName
from tasks.teardown import (
    audit,
    delete_clusters,
    delete_what_stayed,
    empty_cluster,
    give_up_addresses,
    holding_if_there,
    remember_clusters,
    settle_volumes,
    survey_again,
    survey_site,
    wait_until_deleted,
)

_STAGES = (
    *("plan", "remember", "lease", "plan again", "volumes settled", "releases", "cluster delete", "cluster wait"),
    *("what stayed", "addresses", "audit"),
)


@flow(name="teardown", flow_run_name=run_name)
@refusable
def teardown(site: SiteName, confirm: str, homes: Homes, dry_run: bool = False) -> Teardown | Plan | State[Teardown]:
    """Take away all that a site has in the cloud: releases, load balancers, cluster, and last its addresses.

    Safe to repeat: it finds what is there and takes that away; what is gone already is fine. Nothing without the
    site's mark is touched, but for what its own cluster made.

    Args:
        site: the site, by its name in deployments/sites; from a command line or Python also the path of its file.
        confirm: the site's name, typed once more: everything of it is deleted.
        homes: what becomes of users' homes and the hub's database. keep: their volumes stay in the project, and are
            listed; delete: they are deleted for ever.
        dry_run: on: say what would be deleted, as the artifact plan-SITE, and change nothing.
    """
    spec, started_s = load_site(site), time.monotonic()
    refuse_unconfirmed(spec.name, confirm, homes)
    with live_progress(_STAGES):
        surveyed = survey_site(spec, homes)
        publish_plan(surveyed.plan)
        if dry_run:
            return surveyed.plan
        refuse_blocked(surveyed.plan)
        if surveyed.plan.would_change:
            remember_clusters(spec, surveyed)  # once Magnum has deleted them, nobody else knows their uuids
            with holding_if_there(spec, surveyed):
                surveyed = survey_again(spec, homes, surveyed.plan)
                settle_volumes(spec, homes, surveyed)
                empty_cluster(spec, homes, surveyed)
                delete_clusters(spec, surveyed)
            wait_until_deleted(spec, surveyed)
            delete_what_stayed(spec, homes, surveyed)
            give_up_addresses(spec, surveyed)
        torn_down = audit(spec, homes, surveyed, started_s)
    publish_teardown(torn_down)
    return ended_teardown(torn_down)
