"""Another address for the hub, asked for in the form."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page

from tests.browser.pages.deployments import Deployments
from tests.browser.pages.run import RUN_S
from tests.browser.pictures import take
from tests.browser.serving import Serving


def test_what_is_no_address_is_refused_in_the_form(page: Page) -> None:
    form = Deployments(page).go().open("redeploy").custom_run()
    form.choose("site", "heat")
    form.choose_kind("hub_floating_ip", "This one")
    form.helps("hub_floating_ip", "such as 192.0.2.7")
    form.type("hub_floating_ip", "the old one")
    form.is_refused("hub_floating_ip", "'the old one' is not valid")
    take(page, "form-refused")


@pytest.mark.usefixtures("provisioned")
def test_an_address_that_is_not_ours_is_refused_by_the_run_with_what_to_do(page: Page, serving: Serving) -> None:
    before = serving.sandbox.mutations()
    form = Deployments(page).go().open("redeploy").custom_run()
    form.choose("site", "heat")
    form.choose_kind("hub_floating_ip", "This one")
    form.type("hub_floating_ip", "192.0.2.7")
    run = form.submit()
    run.reaches("Refused")
    run.is_called("redeploy heat")
    run.says("192.0.2.7")
    assert serving.sandbox.mutations() == before


@pytest.mark.usefixtures("provisioned")
def test_the_hub_moves_to_a_fresh_address(page: Page, serving: Serving) -> None:
    old = hub_address(serving)
    form = Deployments(page).go().open("redeploy").custom_run()
    form.choose("site", "heat")
    form.choose_kind("hub_floating_ip", "A fresh one")
    take(page, "form-redeploy")
    run = form.submit()
    run.reaches("Healthy")
    run.is_called("redeploy heat")

    fresh = hub_address(serving)
    assert fresh != old
    summary = run.artifact("deployment-heat")
    summary.has_row("JupyterHub", fresh)
    [hub] = [link for link in summary.links() if fresh in link]
    assert httpx.get(hub, follow_redirects=True, timeout=RUN_S).is_success


def hub_address(serving: Serving) -> str:
    """The address that carries the mark of the site's hub."""
    marks = {"magnumhub:site=heat", "magnumhub:role=jupyterhub"}
    [address] = [ip for ip in serving.sandbox.state()["floating_ips"] if marks <= set(ip["tags"])]
    return str(address["floating_ip_address"])
