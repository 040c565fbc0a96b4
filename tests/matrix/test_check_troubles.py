"""What goes wrong on a site that worked: the check names the cause first, in one category, and leaves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sandbox import images
from tests.support import troubles
from tests.support.sandbox import Ran, Sandbox, wait_until

_LIMITS_S = {"scheduler": 20, "workers": 20, "notebook": 60, "benchmark": 60, "load_balancer": 20}
# Prefect's start, then the checks side by side, then the users' way with each of its waits at its limit; tidied up.
_CHECK_S = 240
_EXIT_CODES = {"Healthy": 0, "Degraded": 3, "Unhealthy": 1}
_LEFTOVERS = 50

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Working:
    """A provisioned site; `more` is its file with as many workers as a computation is to lack one of."""

    sandbox: Sandbox
    site: Path
    more: Path
    document: dict[str, Any]
    folder: Path

    def check(self, site: Path | None = None) -> Ran:
        ran = self.sandbox.magnumhub("check", site or self.site, "--json", timeout_s=_CHECK_S)
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran

    def ours(self) -> list[str]:
        """Pods that a check makes."""
        lines = self.sandbox.kubectl("get", "pods", "-A", "--no-headers").splitlines()
        made = ("dask-scheduler-", "dask-worker-", "jupyter-")
        return [name for name in (line.split()[1] for line in lines) if name.startswith(made)]

    def assert_healthy(self) -> None:
        ran = self.check()
        assert (ran.exit_code, ran.document["level"], ran.document["findings"]) == (0, "Healthy", []), ran
        assert self.ours() == []


@pytest.fixture(scope="module")
def working(running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Working]:
    running_sandbox.reset()
    sites = []
    for workers in (2, 5):
        health = {"workers": workers, "array_size": 2000, "chunk": 200}
        folder = tmp_path_factory.mktemp("site")
        sites.append(running_sandbox.site_with(folder, {"health": health, "limits_s": _LIMITS_S}))
    ran = running_sandbox.magnumhub("provision", sites[0], "--json")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    yield Working(running_sandbox, *sites, ran.document, tmp_path_factory.mktemp("own"))


@dataclass(frozen=True)
class Case:
    """A trouble, and what the check has to say of it.

    more_workers: checked with five. again: checked once more when the trouble is over; where it is not, the next
    trouble would not come first if this one stayed.
    """

    make: Callable[[Working], AbstractContextManager[Any]]
    category: str
    level: str = "Unhealthy"
    more_workers: bool = False
    again: bool = False


def _on(trouble: Callable[..., AbstractContextManager[Any]], *arguments: Any) -> Callable[..., Any]:
    return lambda working: trouble(working.sandbox, *arguments)


CASES = {
    "hub down": Case(_on(troubles.hub_down), "workload", again=True),
    "gateway API down": Case(_on(troubles.gateway_down), "workload"),
    "singleuser too old": Case(_on(troubles.old_singleuser), "compatibility"),
    "scheduler never starts": Case(_on(troubles.scheduler_never_starts), "workload"),
    "no workers": Case(_on(troubles.no_workers), "workload"),
    "node full": Case(_on(troubles.room_for, 5), "capacity", "Degraded", more_workers=True),
    "scheduler image without dask-gateway": Case(_on(troubles.scheduler_without_dask_gateway), "image"),
    "wrong sum": Case(_on(troubles.wrong_sum), "result"),
    "EXTERNAL-IP changed": Case(_on(troubles.external_ip_changed), "address", again=True),
    "release pending": Case(_on(troubles.upgrade_pending), "release", "Degraded", again=True),
    "certificate expired": Case(_on(troubles.certificate_expired), "expiry"),
    "API unreachable": Case(_on(troubles.api_unreachable), "service", again=True),
    "packets dropped": Case(
        lambda working: troubles.packets_dropped(working.sandbox, working.document["addresses"]["jupyterhub"]),
        "address",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_trouble_is_named_first_and_over_when_it_is_over(working: Working, case: Case) -> None:
    with case.make(working):
        ran = working.check(working.more if case.more_workers else None)
    assert_named(ran, case.category, case.level)
    wait_until(lambda: not working.ours(), 60, "nothing of the check is left")
    if case.again:
        working.assert_healthy()


def test_numpy_1_on_the_workers_is_named_with_the_pin(working: Working) -> None:
    try:
        images.build(images.FOLDER / "pangeo-notebook-numpy-1.26.txt")
    except images.NoPythonError as error:
        pytest.skip(f"the image numpy-1.26 {error}")
    with troubles.old_numpy_on_workers(working.sandbox):
        ran = working.check()
    assert_named(ran, "versions", "Unhealthy")
    first = ran.document["findings"][0]
    assert "1.26" in first["summary"] and "numpy==2" in first["remedy"]
    assert working.ours() == []


def test_a_worker_that_is_killed_while_it_computes_is_told(working: Working) -> None:
    with troubles.worker_killed(working.sandbox) as killed:
        ran = working.check()
    assert killed, ran
    assert_named(ran, "workload", "Degraded")
    assert working.ours() == []


def test_revoked_credentials_are_named(working: Working) -> None:
    with troubles.credentials_revoked(working.sandbox, working.folder) as revoked:
        ran = replace(working, sandbox=revoked).check()
    assert_named(ran, "credentials", "Unhealthy")


def test_fifty_leftover_dask_clusters_are_told_and_swept(working: Working) -> None:
    password = (Path(working.sandbox.started["clouds_yaml"]).parent / "hub-password").read_text().strip()
    endpoints = working.document["endpoints"]
    with troubles.leftovers(endpoints["jupyterhub"], endpoints["dask_gateway"], password, _LEFTOVERS):
        ran = working.check()
    assert_named(ran, "leftover", "Degraded")
    assert str(_LEFTOVERS) in ran.document["findings"][0]["summary"]
    assert working.ours() == []
    working.assert_healthy()


def test_a_deleted_namespace_is_named_and_the_runbook_makes_it_anew(working: Working) -> None:
    with troubles.namespace_deleted(working.sandbox, working.site):
        ran = working.check()
    assert_named(ran, "release", "Unhealthy")
    working.assert_healthy()


def assert_named(ran: Ran, category: str, level: str) -> None:
    """The first finding has the category, and the site the level; each finding says what to do."""
    document = ran.document
    first = document["findings"][0]
    assert (first["category"], first["level"], document["level"]) == (category, level, level), ran
    assert all(finding["remedy"] for finding in document["findings"] if finding["level"] != "Healthy")
    assert ran.exit_code == _EXIT_CODES[level]
