"""A sandbox without delays for all tests of this folder; what a test leaves in it, `fresh` takes away first."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import yaml
from magnumclient import client as magnum_client
from openstack.connection import Connection

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox as its user sees it."""

    started: dict[str, Any]

    @property
    def folder(self) -> Path:
        return Path(self.started["clouds_yaml"]).parent

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = httpx.get(self.started["control_url"] + "/state").raise_for_status().json()
        return state

    def faults(self, **body: Any) -> None:
        """A fault, `scenario=NAME`, `scenario=None` or `settings={…}`."""
        httpx.post(self.started["control_url"] + "/faults", json=body).raise_for_status()

    def reset(self) -> None:
        httpx.post(self.started["control_url"] + "/reset", timeout=60).raise_for_status()

    def connect(self, cloud: str = "sandbox", **different: str) -> Connection:
        """A connection as an entry of clouds.yaml says, with `different` values of its `auth`."""
        clouds = yaml.safe_load(Path(self.started["clouds_yaml"]).read_text())["clouds"]
        entry = clouds[cloud]
        return Connection(**entry | {"auth": entry["auth"] | different})

    def magnum(self, cloud: str = "sandbox") -> Any:
        return magnum_client.Client("1", session=self.connect(cloud).session, region_name="sandbox-region")


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m sandbox …`, which must succeed."""
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments], cwd=ROOT, check=True, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    started = command("up", "--state", str(folder), "--time-scale", "0")
    yield Sandbox(json.loads(started.stdout))
    command("down", "--state", str(folder))


@pytest.fixture
def fresh(running: Sandbox) -> Sandbox:
    """The sandbox as it is after `up`."""
    running.reset()
    return running


T = TypeVar("T")


def wait_until(look: Callable[[], T], *, limit_s: float = 30) -> T:
    """The first true value that `look` returns; what it raises counts as not yet."""
    deadline_s = time.monotonic() + limit_s
    last: object = None
    while time.monotonic() < deadline_s:
        try:
            if seen := look():
                return seen
            last = seen
        except Exception as error:
            last = error
        time.sleep(0.02)
    raise AssertionError(f"not within {limit_s} s; last seen: {last!r}")


WANTED = {"name": "a", "cluster_template_id": "kubernetes-v1.31.1", "keypair": "default", "node_count": 1}


def create(magnum: Any, **fields: Any) -> Any:
    return magnum.clusters.create(**WANTED | fields)


def finished(magnum: Any, uuid: str) -> Any:
    """The cluster once Magnum has ended creating it."""
    return wait_until(lambda: (seen := magnum.clusters.get(uuid)).status != "CREATE_IN_PROGRESS" and seen)
