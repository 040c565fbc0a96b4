"""A site whose users are at work moves to other addresses: asked is what is then, and nothing of theirs is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from magnumhub.domain.results import Part
from tests.support.redeployed_site import RedeployedSite, redeployed_site
from tests.support.sandbox import Ran, Sandbox
from tests.support.user_at_work import UserAtWork, user_at_work

OUTAGE_S = 2.0
"""The most that users may notice of an address that is re-pointed."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def site(running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> RedeployedSite:
    return redeployed_site(running_sandbox, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def user(site: RedeployedSite) -> Iterator[UserAtWork]:
    with user_at_work(site.url("jupyterhub", site.first["jupyterhub"]), site.password) as at_work:
        yield at_work


@pytest.fixture(autouse=True)
def afterwards(site: RedeployedSite, user: UserAtWork) -> Iterator[None]:
    """After each test: everything agrees, and the user has noticed nothing."""
    yield
    there = site.actual()
    user.assert_still_works(site.url("jupyterhub", there["jupyterhub"]))


def untouched(site: RedeployedSite, *options: str, exit_code: int = 1) -> Ran:
    """Redeploy so; the cloud has to be as it was."""
    before = site.sandbox.mutations()
    ran = site.redeploy(*options, exit_code=exit_code)
    assert site.sandbox.mutations() == before
    return ran


def test_addresses_that_cannot_be_used_are_refused_together(site: RedeployedSite) -> None:
    other = site.sandbox.connect("sandbox-other").network
    outside = next(one for one in other.networks() if one.is_router_external)
    foreign = other.create_ip(floating_network_id=outside.id).floating_ip_address
    master = next(address for address, tags in site.allocated().items() if "role=master" in tags)
    ran = untouched(site, "--hub-floating-ip", foreign, "--dask-floating-ip", master)
    assert f"{foreign} is not a floating IP of this project" in ran.told()
    assert f"{master} is this site's master address" in ran.told()
    assert ran.error["hint"]


def test_an_address_that_the_other_part_keeps_is_refused(site: RedeployedSite) -> None:
    ran = untouched(site, "--hub-floating-ip", site.first["dask_gateway"])
    assert "move that part as well" in ran.told()


def test_a_file_that_pins_another_address_is_refused_with_the_line_to_change(
    site: RedeployedSite, tmp_path: Path
) -> None:
    pinned = {"network": {"floating_ips": {"jupyterhub": site.first["jupyterhub"]}}}
    path = site.sandbox.site_with(tmp_path, pinned)
    before = site.sandbox.mutations()
    ran = site.sandbox.magnumhub("redeploy", path, "--hub-floating-ip", "fresh", "--json")
    assert ran.exit_code == 2, ran.stdout + ran.stderr
    (problem,) = ran.error["problems"]
    assert problem["field"] == "network.floating_ips.jupyterhub"
    assert "`jupyterhub: auto`" in problem["expected"]
    assert site.sandbox.mutations() == before


def test_what_is_kept_is_not_touched(site: RedeployedSite) -> None:
    document = untouched(site, exit_code=0).document
    assert set(document["outage_s"].values()) == {None}
    assert {release["revision"] for release in document["releases"].values()} == {1}


def test_only_said(site: RedeployedSite) -> None:
    document = untouched(site, "--hub-floating-ip", "fresh", "--dry-run", exit_code=0).document
    rows = {change["resource"]: change for change in document["changes"]}
    assert rows["address jupyterhub"]["action"] == "change"
    assert rows["address jupyterhub"]["users_notice"]
    assert rows["address dask_gateway"]["action"] == "keep"


def test_a_fresh_address_and_a_given_one(site: RedeployedSite) -> None:
    given = site.give()
    document = site.redeploy("--hub-floating-ip", "fresh", "--dask-floating-ip", given).document
    there = moved(site, document)
    assert there["dask_gateway"] == given
    assert there["jupyterhub"] not in site.first.values()
    assert site.allocated()[given] == "origin=given role=dask_gateway site=heat"
    assert site.roles() == {"master": 1, "jupyterhub": 1, "dask_gateway": 1, "spare": 2}
    status = site.sandbox.magnumhub("status", site.path, "--json")
    assert status.exit_code == 0, status.stderr
    assert there["jupyterhub"] in str(status.document)


def test_a_swap(site: RedeployedSite) -> None:
    before = site.actual()
    hub, dask = before["jupyterhub"], before["dask_gateway"]
    document = site.redeploy("--hub-floating-ip", dask, "--dask-floating-ip", hub).document
    assert moved(site, document) == {"jupyterhub": dask, "dask_gateway": hub}


def test_back_to_the_first_ones_with_the_others_released(site: RedeployedSite) -> None:
    hub, dask = site.first["jupyterhub"], site.first["dask_gateway"]
    before = site.actual()
    options = ("--hub-floating-ip", hub, "--dask-floating-ip", dask, "--old-addresses", "release")
    assert moved(site, site.redeploy(*options).document) == site.first
    # Allocated for the site: released. Given to it: nobody's mark any more.
    left = site.allocated()
    assert before["dask_gateway"] not in left
    assert left[before["jupyterhub"]] == ""
    assert site.roles() == {"master": 1, "jupyterhub": 1, "dask_gateway": 1, "none": 1}


def moved(site: RedeployedSite, document: dict[str, Any]) -> dict[Part, str]:
    """Where the parts are now, which is what the run says and has cost users no more than a moment."""
    there = site.actual()
    assert {part: document["addresses"][part] for part in there} == there
    assert document["health"] is None or document["health"]["level"] == "Healthy"
    assert document["outage_s"].keys() == there.keys()
    assert all(0 <= seconds < OUTAGE_S for seconds in document["outage_s"].values()), document["outage_s"]
    site.plan_says_nothing_to_do()
    return there
