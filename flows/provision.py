"""The runbook, end to end: from a site file to a hub where a notebook computes on Dask."""

from __future__ import annotations

import time

from prefect import flow
from prefect.client.schemas.objects import State

from flows.approval import asking, await_ingress
from flows.naming import run_name
from flows.outcome import ended, refusable, timed
from flows.rollout import STAGES, roll_out
from magnumhub.domain.deployment import Deployment
from magnumhub.domain.spec_file import load_site
from tasks.access import open_master
from tasks.charts import check_values
from tasks.cluster import start_cluster, wait_for_cluster
from tasks.kubernetes import holding_site, wait_for_kubernetes
from tasks.live import live_progress
from tasks.moves import confirm_addresses
from tasks.network import reserve_addresses, settle_addresses
from tasks.overrides import remember_overrides
from tasks.plan import ground_to_act, make_plan, tell
from tasks.progress import recording
from tasks.report import publish_deployment, publish_plan
from tasks.sites import SiteName


@flow(name="provision", flow_run_name=run_name)
@refusable
def provision(site: SiteName, replace_failed: bool = False) -> Deployment | State[Deployment]:
    """Bring a site from nothing to a working JupyterHub with Dask, or from wherever it is to what its file says.

    Safe to repeat: it finds what is there and does only what is missing. It never deletes or replaces a cluster, but
    for one that Magnum failed to create, and that only when asked.

    Args:
        site: the site, by its name in deployments/sites; from a command line or Python also the path of its file.
        replace_failed: off: a cluster of this site that Magnum failed to create stays, and the run is refused;
            on: it is deleted, and a new one is made. A cluster that works is never deleted.
    """
    spec = load_site(site)
    started_s = time.monotonic()
    with asking(spec), live_progress(STAGES), recording() as stages:
        prepared = make_plan(spec, replace_failed=replace_failed)
        publish_plan(prepared.plan)
        spec, plan, ground = prepared.site, prepared.plan, ground_to_act(prepared)
        check_values(spec, ground)
        tell(plan)
        addresses = reserve_addresses(spec, ground, plan)
        magnum_cluster = start_cluster(spec, ground, plan, replace_failed=replace_failed)
        addresses = settle_addresses(spec, addresses)
        await_ingress(spec, addresses)  # the cluster goes on being created while somebody opens the firewall
        magnum_cluster = wait_for_cluster(spec, magnum_cluster)
        way = open_master(spec, magnum_cluster, addresses)
        magnum_cluster = wait_for_kubernetes(spec, magnum_cluster, way)
        with holding_site(spec, magnum_cluster, way):
            addresses, _ = confirm_addresses(spec, addresses, [])
            deployment = roll_out(spec, plan, magnum_cluster, way, addresses, moves=[])
            if prepared.is_outdated:
                remember_overrides(spec, magnum_cluster, way, prepared.overrides)
    deployment = timed(deployment, stages, started_s)
    publish_deployment(spec, deployment)
    return ended(deployment)
