"""Twenty redeploys in a row: fresh addresses, given ones, a swap and back; each asked is actual, none is left over."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from magnumhub.domain.results import Part
from tests.support.redeployed_site import RedeployedSite, redeployed_site
from tests.support.sandbox import Sandbox
from tests.support.user_at_work import UserAtWork, user_at_work

COUNT = int(os.environ.get("MAGNUMHUB_TEST_REDEPLOYS", "20"))
REPOINTED_S = 2.0
RECREATED_S = 3.0
"""Beside the load balancer's own creation, which takes no time in a sandbox without delays."""
_REDEPLOY_S = 240

pytestmark = pytest.mark.timeout(600 + COUNT * _REDEPLOY_S)


@pytest.fixture(scope="module")
def site(running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> RedeployedSite:
    return redeployed_site(running_sandbox, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def user(site: RedeployedSite) -> Iterator[UserAtWork]:
    with user_at_work(site.url("jupyterhub", site.first["jupyterhub"]), site.password) as at_work:
        yield at_work


def test_redeploys_in_a_row(site: RedeployedSite, user: UserAtWork) -> None:
    given = site.give(), site.give()
    master = set(site.allocated()) - set(site.first.values()) - set(given)
    asked = [("fresh", "fresh"), given, given[::-1], given]
    for number in range(COUNT):
        before = set(site.allocated())
        hub, dask = asked[number % len(asked)]
        there = redeploy(site, hub, dask, limit_s=REPOINTED_S)
        if hub == "fresh":
            assert not before & set(there.values()), "they are new"
        else:
            assert tuple(there.values()) == (hub, dask)
        # Fresh ones are released by the redeploy after; given ones stay, whoever has them.
        assert set(site.allocated()) == master | set(given) | set(there.values())
        user.assert_still_works(site.url("jupyterhub", there["jupyterhub"]))
    site.plan_says_nothing_to_do()


def test_the_fall_back_where_load_balancers_are_not_for_us_to_see(site: RedeployedSite, user: UserAtWork) -> None:
    # openstacksdk asks at v2.0, the cluster's own controller at v2.
    site.sandbox.fault(
        service="octavia", method="GET", path="^/v2.0/lbaas", status=403, message="not allowed by policy"
    )
    before = site.actual()
    uids = site.service_uids()
    there = redeploy(site, "fresh", "fresh", limit_s=RECREATED_S)
    assert not set(before.values()) & set(there.values())
    assert not set(uids) & set(site.service_uids()), "the Services were made again"
    user.assert_still_works(site.url("jupyterhub", there["jupyterhub"]))


def redeploy(site: RedeployedSite, hub: str, dask: str, *, limit_s: float) -> dict[Part, str]:
    options = ("--hub-floating-ip", hub, "--dask-floating-ip", dask, "--old-addresses", "release")
    document = site.redeploy(*options).document
    print(f"{hub}, {dask}: {document['duration_s']:.0f} s, out for {document['outage_s']} s")
    there = site.actual()
    assert {part: document["addresses"][part] for part in there} == there
    assert document["health"]["level"] == "Healthy"
    assert all(seconds < limit_s for seconds in document["outage_s"].values()), document["outage_s"]
    return there
