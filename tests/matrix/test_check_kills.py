"""Killed at any moment, a check leaves nothing that the next one does not sweep; told to stop, it leaves nothing."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.checked_site import CheckedSite, checked_site
from tests.support.sandbox import Ran, Running, Sandbox

_CHECK_S = 180
_STOP_S = 60
_NEIGHBOUR = "ann"
_PODS = "/namespaces/dask-gateway/pods"
_DASK_CLUSTERS = "/namespaces/dask-gateway/daskclusters"

pytestmark = pytest.mark.timeout(4 * _CHECK_S)


@dataclass
class Shared:
    """The site, and what is on it while no check runs: what somebody else uses."""

    site: CheckedSite
    theirs: Counter[str]


@pytest.fixture(scope="module")
def shared(running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    site = checked_site(running_sandbox, tmp_path_factory.mktemp("site"))
    with site.used_by(_NEIGHBOUR) as dask_cluster:
        theirs = site.left()
        told = " ".join(theirs)
        assert f"jupyter-{_NEIGHBOUR}" in told and dask_cluster.rpartition(".")[2] in told
        yield Shared(site, theirs)
        site.wait_until_left(theirs)


class Check:
    """A check under way, and what became of the site since it began."""

    def __init__(self, site: CheckedSite) -> None:
        self._sandbox = site.sandbox
        self._before = len(self._sandbox.mutations(by="workload"))
        self.running: Running = self._sandbox.start("check", site.path, "--json")

    def told(self, line: str) -> bool:
        return line in self.running.told

    def made(self, method: str, path: str, times: int = 1) -> bool:
        """Whether hub and gateway have asked Kubernetes for something."""
        since = self._sandbox.mutations(by="workload")[self._before :]
        asked = [change for change in since if change["method"] == method and re.search(path, change["path"])]
        return len(asked) >= times

    def follow_until(self, due: Callable[[Check], bool]) -> None:
        while not due(self):
            assert not self.running.ended, self.running.result(timeout_s=10)
            time.sleep(0.05)


# A Dask cluster of the check's has three pods: the scheduler's, and two workers'.
MOMENTS: dict[str, Callable[[Check], bool]] = {
    "site found": lambda check: check.told("site: ok"),
    "lease taken": lambda check: check.told("lease: ok"),
    "checks side by side": lambda check: check.told("check releases: ok"),
    "server requested": lambda check: check.made("POST", "/namespaces/jhub/pods$"),
    "submitted": lambda check: check.made("POST", f"{_DASK_CLUSTERS}$"),
    "scheduler started": lambda check: check.made("POST", "/ingressroutes$"),
    "workers requested": lambda check: check.made("POST", f"{_PODS}$", 3),
    "shutdown": lambda check: check.made("DELETE", _PODS),
    "server stopped": lambda check: check.made("DELETE", "/namespaces/jhub/pods"),
    "workers of the runner": lambda check: check.made("POST", f"{_PODS}$", 6),
}
# In the notebook, and on the runner early enough: one that comes while the check ends anyway changes nothing.
COMPUTING: dict[str, Callable[[Check], bool]] = {
    "in the notebook": MOMENTS["workers requested"],
    "on the runner": lambda check: check.made("POST", f"{_DASK_CLUSTERS}$", 2),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_moment(shared: Shared, moment: str) -> None:
    killed = Check(shared.site)
    killed.follow_until(MOMENTS[moment])
    killed.running.kill()
    ran = shared.site.sandbox.magnumhub("check", shared.site.path, "--json", timeout_s=_CHECK_S)
    assert_level(ran, "Healthy")
    shared.site.wait_until_left(shared.theirs)


@pytest.mark.parametrize("where", COMPUTING)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_told_to_stop(shared: Shared, number: signal.Signals, where: str) -> None:
    stopped = Check(shared.site)
    stopped.follow_until(COMPUTING[where])
    stopped.running.send(number)
    ran = stopped.running.result(timeout_s=_STOP_S)
    assert ran.exit_code == 1, ran
    assert ran.error["message"] == "interrupted"
    assert "Traceback" not in ran.stderr
    shared.site.wait_until_left(shared.theirs)


@pytest.mark.parametrize("command", ["check", "provision"])
def test_a_site_that_another_run_works_on_is_left_alone(shared: Shared, tmp_path: Path, command: str) -> None:
    sandbox = shared.site.sandbox
    # Something to do for a provision, which is then proven by a computation, as in a check.
    path = sandbox.site_with(tmp_path, {"dask_gateway": {"idle_timeout_s": 1700}, "health": {"workers": 1}})
    sandbox.fault(scenario="scheduler-never-starts")
    try:
        first = sandbox.start(command, path, "--json")
        while "lease: ok" not in first.told:
            assert not first.ended, first.result(timeout_s=10)
            time.sleep(0.1)
        second = sandbox.magnumhub("check", shared.site.path, "--json", timeout_s=_CHECK_S)
    finally:
        sandbox.fault(scenario=None)
    assert_level(second, "Skipped")
    assert "another run works on site heat" in second.document["checks"][0]["summary"]
    done = first.result(timeout_s=_CHECK_S)
    assert done.exit_code == 0, done
    assert_level(done, "Healthy")
    shared.site.wait_until_left(shared.theirs)


def assert_level(ran: Ran, level: str) -> None:
    """A check's document, or what a provision says of health, has the level."""
    assert ran.exit_code == 0, ran
    document = ran.document
    assert document.get("health", document)["level"] == level, ran
