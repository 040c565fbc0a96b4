"""Killed at any moment, teardown goes on from what is there: run again, nothing of ours is left but what is kept."""

from __future__ import annotations

import time

import pytest

from tests.support.sandbox import Sandbox
from tests.support.teardowns import assert_only, make_decoys, provision_until, tear_down, there

POINTS = 10

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("clean_run")]


@pytest.fixture(scope="module")
def clean_run(running_sandbox: Sandbox) -> int:
    """How many mutations a teardown makes that nobody kills."""
    running_sandbox.reset()
    provision_until(running_sandbox, running_sandbox.site(), "jupyterhub", "dask_gateway")
    before = len(running_sandbox.mutations())
    tear_down(running_sandbox, running_sandbox.site(), "keep")
    return len(running_sandbox.mutations()) - before


@pytest.mark.parametrize("point", range(POINTS))
def test_killed_at_a_mutation(sandbox: Sandbox, clean_run: int, point: int) -> None:
    homes = ("keep", "delete")[point % 2]
    provision_until(sandbox, sandbox.site(), "jupyterhub", "dask_gateway")
    volumes = set(there(sandbox)["volumes"])
    decoys = make_decoys(sandbox, "heat")
    due = len(sandbox.mutations()) + 1 + (clean_run - 1) * point // (POINTS - 1)
    running = sandbox.start("teardown", sandbox.site(), "--confirm", "heat", "--homes", homes, "--json")
    while len(sandbox.mutations()) < due and not running.ended:
        time.sleep(0.02)
    running.kill()
    torn_down = tear_down(sandbox, sandbox.site(), homes).document
    assert torn_down["left"] == []
    assert {item["id"] for item in torn_down["kept"]} == (volumes if homes == "keep" else set())
    assert_only(sandbox, decoys, torn_down["kept"])
