"""What provision would do, and why, before anybody lets it."""

from __future__ import annotations

from prefect import flow

from flows.naming import run_name
from flows.outcome import refusable
from magnumhub.domain.plan import Plan
from magnumhub.domain.spec_file import load_site
from tasks.charts import check_values
from tasks.plan import make_plan
from tasks.report import publish_plan
from tasks.sites import SiteName


@flow(name="plan", flow_run_name=run_name)
@refusable
def plan(site: SiteName) -> Plan:
    """Say for every resource whether provision would create, keep or change it, or is blocked; change nothing.

    Args:
        site: the site, by its name in deployments/sites; from a command line or Python also the path of its file.
    """
    prepared = make_plan(load_site(site))
    publish_plan(prepared.plan)
    if prepared.ground is not None:
        check_values(prepared.site, prepared.ground)
    return prepared.plan
