"""From the run form to a hub that answers, and what a person reads afterwards."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.pages.deployments import Deployments
from tests.browser.pages.run import Run
from tests.browser.pictures import take
from tests.browser.serving import Serving


def test_every_flow_is_offered_and_every_site_in_its_form(page: Page) -> None:
    deployments = Deployments(page).go()
    acting, looking = ("plan", "provision", "redeploy", "teardown"), ("check_fleet", "check_health", "test_connection")
    assert deployments.names() == sorted([*acting, *looking, "mark_crashed"])
    form = deployments.open("provision").custom_run()
    form.offers("site", "capi", "granted", "heat", "heat-fip", "heat-private", "refused")
    take(page, "form-provision")
    form.is_refused("site", "'site' is a required property")


def test_a_run_is_watched_to_its_end(page: Page, provision_run: Run, serving: Serving) -> None:
    provision_run.is_called("provision heat")
    provision_run.is_tagged("healthy")
    provision_run.logs("verify: ", "Finished in state")
    take(page, "run-provision")
    assert [cluster["name"] for cluster in serving.sandbox.state()["clusters"] if cluster["name"] == "heat"] == ["heat"]


def test_the_plan_is_read_before_what_was_done(page: Page, provision_run: Run) -> None:
    plan = provision_run.artifact("plan-heat")
    plan.is_headed("Plan: heat")
    plan.reads("to create")
    plan.has_row("create", "cluster heat", "1 master and 2 nodes")
    plan.has_row("create", "release jupyterhub")
    take(page, "artifact-plan")


def test_the_summary_leads_to_a_hub_that_answers(page: Page, provision_run: Run) -> None:
    summary = provision_run.artifact("deployment-heat")
    summary.is_headed("Healthy: heat")
    summary.has_row("jupyterhub", "4.4.0")
    summary.has_row("JupyterHub", "127.")
    take(page, "artifact-deployment")
    links = summary.links()
    assert len(links) == 2, "the hub's and the gateway's"
    assert all(page.request.get(link).ok for link in links), links
