"""Killed at any moment, a redeploy leaves what the next provision makes whole, and what it can itself go on from."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.redeployed_site import RedeployedSite, redeployed_site
from tests.support.sandbox import Sandbox
from tests.support.user_at_work import UserAtWork, user_at_work

POINTS = 10
_RUN_S = 300

pytestmark = pytest.mark.timeout(5 * _RUN_S)


@pytest.fixture(scope="module")
def site(running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> RedeployedSite:
    return redeployed_site(running_sandbox, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def user(site: RedeployedSite) -> Iterator[UserAtWork]:
    with user_at_work(site.url("jupyterhub", site.first["jupyterhub"]), site.password) as at_work:
        yield at_work


@pytest.fixture(scope="module")
def given(site: RedeployedSite) -> tuple[str, str]:
    return site.give(), site.give()


@pytest.fixture(scope="module")
def mutations(site: RedeployedSite, given: tuple[str, str]) -> int:
    """How many mutations a redeploy makes that is left alone."""
    before = len(site.sandbox.mutations())
    site.redeploy(*asking(given[0]))
    return len(site.sandbox.mutations()) - before


def asking(hub: str) -> tuple[str, ...]:
    return ("--hub-floating-ip", hub, "--dask-floating-ip", "fresh", "--old-addresses", "release")


@pytest.mark.parametrize("point", range(POINTS))
def test_killed_at_a_mutation(
    site: RedeployedSite, user: UserAtWork, given: tuple[str, str], mutations: int, point: int
) -> None:
    before = site.actual()
    hub = given[0] if before["jupyterhub"] == given[1] else given[1]
    kill_at(site, 1 + (mutations - 1) * point // POINTS, *asking(hub))

    ran = site.sandbox.magnumhub("provision", site.path, "--json", timeout_s=_RUN_S)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    there = site.actual()
    assert {part: ran.document["addresses"][part] for part in there} == there
    # A part has moved, or it has not: what serves is what the marks say.
    assert there["jupyterhub"] in (before["jupyterhub"], hub)
    assert all(f"role={part} " in site.allocated()[address] for part, address in there.items())
    site.plan_says_nothing_to_do()

    site.redeploy(*asking(hub))
    there = site.actual()
    assert there["jupyterhub"] == hub
    assert there["dask_gateway"] != before["dask_gateway"]
    assert site.roles() == {"master": 1, "jupyterhub": 1, "dask_gateway": 1, "none": 1}, site.allocated()
    user.assert_still_works(site.url("jupyterhub", hub))


def kill_at(site: RedeployedSite, nth: int, *options: str) -> None:
    before = len(site.sandbox.mutations())
    running = site.start_redeploy(*options)
    while len(site.sandbox.mutations()) - before < nth and not running.ended:
        time.sleep(0.02)
    assert not running.ended, running.result(timeout_s=10)
    running.kill()
