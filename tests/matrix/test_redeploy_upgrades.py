"""Charts go up across a major version of the hub, and back; what users cannot work with is undone by the run itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.redeployed_site import RedeployedSite, redeployed_site
from tests.support.sandbox import Sandbox
from tests.support.user_at_work import UserAtWork, user_at_work

OLDEST, OLD, NEW = "3.3.8", "4.1.0", "4.4.0"
"""Charts with the hubs 4.1.6, 5.2.1 and 5.5.0."""

NO_IMAGE = "pangeo/pangeo-notebook:not-there"
FIT = (0, 3)
"""Exit codes of a site that users can work with: hub 4 with an image of hub 5 is degraded."""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def site(running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> RedeployedSite:
    short = {"notebook": 90, "release": 180}
    chart = {"chart": {"version": OLDEST}}
    folder = tmp_path_factory.mktemp("site")
    return redeployed_site(running_sandbox, folder, fit=FIT, jupyterhub=chart, limits_s=short)


@pytest.fixture(scope="module")
def user(site: RedeployedSite) -> Iterator[UserAtWork]:
    with user_at_work(site.url("jupyterhub", site.first["jupyterhub"]), site.password) as at_work:
        yield at_work


@pytest.fixture(autouse=True)
def afterwards(site: RedeployedSite, user: UserAtWork) -> Iterator[None]:
    """After each test the same user's cell runs, and nothing is left to do."""
    yield
    user.assert_still_works(site.url("jupyterhub", site.actual()["jupyterhub"]))
    site.plan_says_nothing_to_do()


def test_a_move_and_an_upgrade_with_an_image_that_cannot_start_are_undone(site: RedeployedSite) -> None:
    before = site.actual()
    options = ("--hub-chart-version", NEW, "--image", NO_IMAGE, "--hub-floating-ip", "fresh")
    document = redeployed(site, *options, fit=(1,))
    assert site.actual() == before
    assert document["addresses"]["jupyterhub"] == before["jupyterhub"]
    assert site.roles() == {"master": 1, "jupyterhub": 1, "dask_gateway": 1, "spare": 1}
    assert document["releases"]["jupyterhub"]["version"] == OLDEST
    assert document["health"]["level"] == "Unhealthy"
    first, *_, last = document["health"]["findings"]
    assert "ImagePullBackOff" in first["summary"]
    assert f"rolled back to jupyterhub chart {OLDEST}" in last["summary"]
    assert hub_version(site) == "4.1.6"
    # Users can log in, and start what they started before.
    with user_at_work(site.url("jupyterhub", site.first["jupyterhub"]), site.password, name="bob"):
        pass


def test_up_across_a_major_version(site: RedeployedSite) -> None:
    document = redeployed(site, "--hub-chart-version", NEW)
    assert document["releases"]["jupyterhub"]["version"] == NEW
    assert hub_version(site) == "5.5.0"


def test_the_way_back_across_it_is_refused_by_the_plan(site: RedeployedSite) -> None:
    before = site.sandbox.mutations()
    ran = site.redeploy("--hub-chart-version", OLDEST, exit_code=1)
    assert "hub 4.1.6 does not start on the database of hub 5.5.0" in ran.told()
    assert site.sandbox.mutations() == before


def test_values_with_which_the_hub_does_not_start_are_undone(site: RedeployedSite) -> None:
    broken = json.dumps({"hub": {"image": {"tag": "not-there"}}})
    ran = site.sandbox.magnumhub("redeploy", site.path, "--json", "--hub-values", broken, timeout_s=800)
    assert ran.exit_code == 1, ran.stdout + ran.stderr
    assert "ImagePullBackOff" in ran.error["message"]
    assert f"rolled back to jupyterhub chart {NEW}" in ran.error["message"]
    assert hub_version(site) == "5.5.0"


def test_to_the_version_before_and_up_again(site: RedeployedSite) -> None:
    assert redeployed(site, "--hub-chart-version", OLD)["releases"]["jupyterhub"]["version"] == OLD
    assert hub_version(site) == "5.2.1"
    provisioned = site.sandbox.magnumhub("provision", site.path, "--json")  # it agrees, whatever the file says
    assert provisioned.document["releases"]["jupyterhub"]["version"] == OLD
    assert redeployed(site, "--hub-chart-version", NEW)["releases"]["jupyterhub"]["version"] == NEW


def redeployed(site: RedeployedSite, *options: str, fit: tuple[int, ...] = FIT) -> dict[str, Any]:
    ran = site.sandbox.magnumhub("redeploy", site.path, "--json", *options, timeout_s=800)
    assert ran.exit_code in fit, ran.stdout + ran.stderr
    return ran.document


def hub_version(site: RedeployedSite) -> str:
    status = site.sandbox.magnumhub("status", site.path, "--json").document
    (hub,) = (release for release in status["releases"] if release["name"] == "jupyterhub")
    return str(hub["app_version"])
