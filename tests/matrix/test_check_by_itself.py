"""Checks that nobody starts: the schedule does, and what they find reaches people once."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from tests.support.deployed import worker, workplace
from tests.support.notifications import Webhook, an_operator
from tests.support.prefect_client import using_server
from tests.support.sandbox import BIN, Sandbox, wait_until

ROOT = Path(__file__).parents[2]
EVERY_MINUTE = {"health": {"cron": "* * * * *", "timezone": "UTC", "workers": 1}}
_TOLD_S = 420
"""Two checks say so, each begins at a full minute, and one that is slow costs the next its turn."""


@pytest.fixture
def told(prefect_server: str, tmp_path: Path) -> Iterator[Webhook]:
    with (
        using_server(prefect_server, tmp_path / "client"),
        get_client(sync_client=True) as client,
        an_operator(client) as receiver,
    ):
        yield receiver


@pytest.mark.timeout(1800)
def test_a_scheduled_check_tells_once_of_a_hub_that_goes_and_comes_back(
    sandbox: Sandbox, told: Webhook, tmp_path: Path
) -> None:
    site = sandbox.site_with(tmp_path, EVERY_MINUTE)
    ran = sandbox.magnumhub("provision", site)
    assert ran.exit_code == 0, ran.stderr
    folder = workplace(tmp_path, site)
    shutil.copytree(ROOT / "deployments/automations", folder / "deployments/automations")
    deployed = subprocess.run(
        [str(BIN / "magnumhub"), "deploy"], cwd=folder, env=sandbox.environment, capture_output=True, text=True
    )
    assert deployed.returncode == 0, deployed.stderr
    assert "created heat * * * * * UTC" in deployed.stderr

    with worker(folder, sandbox.environment):
        sandbox.kubectl("scale", "deployment", "hub", "-n", "jhub", "--replicas=0")
        wait_until(lambda: told.subjects("heat is unhealthy"), _TOLD_S, "the hub's end is told")
        sandbox.kubectl("scale", "deployment", "hub", "-n", "jhub", "--replicas=1")
        wait_until(lambda: told.subjects("heat has recovered"), _TOLD_S, "its return is told")
    [message] = [message for message in told.arrived if message["subject"] == "heat is unhealthy"]
    assert "hub" in message["text"]
    assert "What to do: " in message["text"]

    # Without a worker the next one cannot run: that is told as well.
    wait_until(lambda: told.subjects("heat came to no verdict: Late"), 180, "the missed check is told")
    assert [subject for subject in told.subjects("heat ") if "no verdict" not in subject] == [
        "heat is unhealthy",
        "heat has recovered",
    ]
