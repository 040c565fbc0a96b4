"""Where a person opens the firewall: two runs wait, server and worker are restarted, one is granted and one refused."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.pages.deployments import Deployments
from tests.browser.pages.run import Run
from tests.browser.pictures import take
from tests.browser.serving import Serving

WAITS = "waits-for-approval"


def test_answers_given_after_a_restart_are_heeded(page: Page, serving: Serving) -> None:
    granted, refused = start(page, "granted"), start(page, "refused")
    for run, site in ((granted, "granted"), (refused, "refused")):
        run.reopen()
        run.reaches("Suspended")
        run.is_called(f"provision {site} (waits for approval)")
        run.is_tagged(WAITS)
    request = refused.artifact("ingress-refused")
    request.reads("To: cloud-support@example.org", *addresses(serving, "refused"))
    take(page, "artifact-ingress")

    serving.stop()
    serving.start()

    granted.reopen()
    question = granted.question()
    question.asks("The firewall of granted has to be opened", *addresses(serving, "granted"))
    question.is_not_taken("'granted' is a required property")
    question.grant()
    question.remark("ticket 4711")
    take(page, "question")
    question.answer()

    refused.reopen()
    question = refused.question()
    question.refuse()
    question.remark("ticket 4712: no")
    question.answer()
    refused.reaches("Refused")
    refused.says("ticket 4712: no")
    refused.says("magnumhub teardown refused")
    refused.is_not_tagged(WAITS)
    assert len(addresses(serving, "refused")) == 3, "they stay reserved"

    granted.reopen()
    granted.reaches("Healthy")
    granted.is_called("provision granted")
    granted.is_not_tagged(WAITS)


def start(page: Page, site: str) -> Run:
    page.reload()  # what is said of the run before goes, and with it the link to that one
    form = Deployments(page).go().open("provision").custom_run()
    form.choose("site", site)
    return form.submit()


def addresses(serving: Serving, site: str) -> list[str]:
    """The floating IPs that carry a site's mark."""
    marked = [ip for ip in serving.sandbox.state()["floating_ips"] if f"magnumhub:site={site}" in ip["tags"]]
    return [ip["floating_ip_address"] for ip in marked]
