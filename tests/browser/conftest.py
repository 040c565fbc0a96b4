"""One sandbox, one `magnumhub serve` and one Chromium for the session; one site that was provisioned by clicks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.console import Console
from tests.browser.pages.deployments import Deployments
from tests.browser.pages.run import Run
from tests.browser.serving import Serving, own_environment, write_site
from tests.support.ports import free_port
from tests.support.sandbox import running_sandbox

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
_HERE = re.compile(r"^(http|ws)://127\.|^data:|^blob:")
_SEEN_S = 30
"""For what a click does to be seen in the page, on two busy cores."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail(
            f"{CHROMIUM} is not there: apt install chromium, or name another Chromium in CHROMIUM", pytrace=False
        )
    expect.set_options(timeout=_SEEN_S * 1000)
    with sync_playwright() as playwright:
        # Its own sandbox needs rights that a container rarely gives; it sees pages of this machine alone.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def serving(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The sandbox's sites, each checked at a time of its own, and two whose firewall a person opens."""
    home = tmp_path_factory.mktemp("home")
    with running_sandbox(home / "sandbox", own_environment(home)) as sandbox:
        write_site(sandbox, "heat", cron="16 3 * * *")
        write_site(sandbox, "granted", cron="17 3 * * *", asks=True)
        write_site(sandbox, "refused", cron="18 3 * * *", asks=True)
        serving = Serving(sandbox, free_port(), home / "serve.log")
        serving.start()
        try:
            yield serving
        finally:
            serving.stop()


@pytest.fixture
def page(chromium: Browser, serving: Serving) -> Iterator[Page]:
    """Prefect's UI, just opened."""
    with _opened(chromium, serving) as page:
        yield page


@pytest.fixture(scope="session")
def provisioned(chromium: Browser, serving: Serving) -> str:
    """The site heat, provisioned from the form and watched to its end; the address of the run's page."""
    with _opened(chromium, serving) as page:
        form = Deployments(page).go().open("provision").custom_run()
        form.choose("site", "heat")
        run = form.submit()
        run.reaches("Running")
        run.is_called("provision heat")
        run.reaches("Healthy")
        return run.url


@pytest.fixture
def provision_run(page: Page, provisioned: str) -> Run:
    page.goto(provisioned)
    return Run(page)


@contextmanager
def _opened(chromium: Browser, serving: Serving) -> Iterator[Page]:
    """A page that reaches this machine alone, and has told of no error of ours when it is closed."""
    context = chromium.new_context(base_url=serving.url, viewport={"width": 1280, "height": 900}, locale="en-US")
    context.set_default_timeout(_SEEN_S * 1000)
    context.route(lambda url: not _HERE.match(url), lambda route: route.abort())
    page = context.new_page()
    console = Console()
    console.listen(page)
    page.goto("/")
    yield page
    context.close()
    assert console.unknown == []
