"""A provisioned site for tests that only need one: from whichever test made it last, else made now."""

from __future__ import annotations

import pytest

from tests.support.sandbox import Sandbox


@pytest.fixture
def provisioned_sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox with its site `heat` provisioned and nothing else."""
    state = running_sandbox.state()
    deployed = {release["name"] for release in state["releases"] if release["status"] == "deployed"}
    if [site["name"] for site in state["clusters"]] != ["heat"] or deployed != {"jupyterhub", "dask-gateway"}:
        running_sandbox.reset()
        ran = running_sandbox.magnumhub("provision", running_sandbox.site("heat"), "--json")
        assert ran.exit_code == 0, ran.stdout + ran.stderr
    return running_sandbox
