"""From a site to nothing of it: homes kept and found again, homes deleted; and what ends before anything is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.sandbox import Sandbox
from tests.support.teardowns import KINDS, assert_only, make_decoys, tear_down, there

pytestmark = pytest.mark.timeout(600)

NOTHING: dict[str, dict[str, object]] = {kind: {} for kind in KINDS}


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        (["--confirm", "heat-2", "--homes", "keep"], {"confirm"}),
        (["--homes", "keep"], {"confirm"}),
        (["--confirm", "heat"], {"homes"}),
        (["--confirm", "heat", "--homes", "burn"], {"homes"}),
        ([], {"confirm", "homes"}),
    ],
)
def test_what_is_not_confirmed_is_refused_before_any_call(
    running_sandbox: Sandbox, options: list[str], fields: set[str]
) -> None:
    nowhere = {"OS_CLIENT_CONFIG_FILE": "/nowhere/clouds.yaml", "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    cut_off = replace(running_sandbox, environment=running_sandbox.environment | nowhere)
    ran = cut_off.magnumhub("teardown", cut_off.site(), "--json", *options, timeout_s=60)
    assert ran.exit_code == 2, ran.stdout + ran.stderr
    problems = {problem["field"]: problem for problem in ran.error["problems"]}
    assert problems.keys() == fields
    assert all(problem["expected"] for problem in problems.values())


def test_homes_are_kept_and_known_until_somebody_deletes_them(sandbox: Sandbox) -> None:
    site = sandbox.site("heat")
    ran = sandbox.magnumhub("provision", site, "--json")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    decoys = make_decoys(sandbox, "heat")

    before = sandbox.mutations()
    plan = tear_down(sandbox, site, "keep", "--dry-run").document
    assert sandbox.mutations() == before
    rows = {change["resource"]: change["action"] for change in plan["changes"]}
    assert rows["volume jhub/claim-magnumhub-check"] == "keep"
    assert {rows[f"address {role}"] for role in ("master", "jupyterhub", "dask_gateway")} == {"delete"}
    assert {rows["cluster heat"], rows["release jupyterhub"], rows["release dask-gateway"]} == {"delete"}

    volumes = {key for key, volume in there(sandbox)["volumes"].items() if key not in decoys["volumes"]}
    torn_down = tear_down(sandbox, site, "keep").document
    assert torn_down["left"] == []
    assert {item["id"] for item in torn_down["kept"]} == volumes
    assert {item["reason"] for item in torn_down["kept"]} == {
        "the hub's database (jhub/hub-db-dir), 1 GiB",
        "home of magnumhub-check (jhub/claim-magnumhub-check), 1 GiB",
    }
    assert {item["kind"] for item in torn_down["deleted"]} == {
        "cluster",
        "server",
        "load_balancer",
        "floating_ip",
        "release",
    }
    assert_only(sandbox, decoys, torn_down["kept"])

    before = sandbox.mutations()
    again = tear_down(sandbox, site, "keep").document
    assert sandbox.mutations() == before
    assert (again["deleted"], again["kept"], again["left"]) == ([], torn_down["kept"], [])

    last = tear_down(sandbox, site, "delete").document
    assert {item["id"] for item in last["deleted"]} == volumes
    assert (last["kept"], last["left"]) == ([], [])
    assert_only(sandbox, decoys, [])


def test_nothing_is_left_of_a_cluster_api_site_whose_homes_are_deleted(sandbox: Sandbox) -> None:
    site = sandbox.site("capi")
    ran = sandbox.magnumhub("provision", site, "--json")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    torn_down = tear_down(sandbox, site, "delete").document
    assert (torn_down["kept"], torn_down["left"]) == ([], [])
    assert sum(item["kind"] == "volume" for item in torn_down["deleted"]) == 2
    assert there(sandbox) == NOTHING
