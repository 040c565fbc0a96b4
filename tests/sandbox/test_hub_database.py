"""A step of the hub's major version and back, with real hubs: the copy of its database is what makes the way back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from magnumhub.kube.client import Kube, from_kubeconfig, kube_client
from magnumhub.kube.hub_database import copy_database, restore_database
from sandbox.chart_repository import packed_charts
from tests.sandbox.conftest import wait_until
from tests.sandbox.kube_rig import Rig
from tests.sandbox.node_rig import rig_with_real_nodes

NAMESPACE = "jhub"
COPY = "jupyterhub.sqlite.before-5.5.0"
BEFORE, AFTER = "0eee8c825d24", "4621fec11365"
"""The schemas of hub 4 and of hub 5."""


def silent(line: str) -> None:
    """Nobody reads the progress."""


class Installed:
    """A hub of the sandbox's chart and its database's file."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig, self._folder = rig, folder

    def helm(self, *arguments: str) -> None:
        self.rig.out("helm", *arguments, "--namespace", NAMESPACE)

    @property
    def file(self) -> Path:
        (found,) = self._folder.glob("volumes/*/jupyterhub.sqlite")
        return found

    def rows(self, query: str) -> list[str]:
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as database:
            return [str(value) for (value,) in database.execute(query)]

    def runs(self, version: str) -> None:
        """Wait until a hub of that version answers."""
        address = self.rig.core.read_namespaced_service("hub", NAMESPACE).spec.cluster_ip
        wait_until(lambda: httpx.get(f"http://{address}:8081/hub/api").json()["version"] == version, limit_s=120)

    def is_refused(self) -> bool:
        """Whether the hub's pod has ended with an error."""
        pods = self.rig.core.list_namespaced_pod(NAMESPACE, label_selector="component=hub").items
        statuses = [status for pod in pods for status in pod.status.container_statuses or []]
        return any(status.restart_count for status in statuses)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Installed]:
    for version in ("3.3.8", "4.4.0"):
        (tmp_path / f"{version}.tgz").write_bytes(packed_charts()[f"jupyterhub/jupyterhub-{version}.tgz"])
    with rig_with_real_nodes(tmp_path) as (rig, nodes):
        yield Installed(rig, nodes.folder)


@pytest.fixture
def kube(hub: Installed) -> Iterator[Kube]:
    with kube_client(from_kubeconfig(hub.rig.kubeconfig.read_text())) as kube:
        yield kube


@pytest.mark.timeout(400)
def test_a_major_step_and_back(hub: Installed, kube: Kube, tmp_path: Path) -> None:
    hub.helm("install", "jupyterhub", str(tmp_path / "3.3.8.tgz"), "--create-namespace")
    hub.runs("4.1.6")
    with closing(sqlite3.connect(hub.file)) as database, database:
        database.execute("insert into users (name, admin, cookie_id) values ('ada', 0, 'c')")

    for _ in range(2):
        copy = copy_database(kube, NAMESPACE, name_of_copy=COPY, deadline_s=60, report=silent)
        assert (copy.users, copy.schema) == (1, BEFORE)
    hub.helm("upgrade", "jupyterhub", str(tmp_path / "4.4.0.tgz"))
    hub.runs("5.5.0")
    assert hub.rows("select version_num from alembic_version") == [AFTER]
    assert copy_database(kube, NAMESPACE, name_of_copy=COPY, deadline_s=60, report=silent).schema == BEFORE

    hub.helm("rollback", "jupyterhub", "1")
    wait_until(hub.is_refused, limit_s=120)
    for _ in range(2):
        assert restore_database(kube, NAMESPACE, name_of_copy=COPY, deadline_s=60, report=silent).schema == BEFORE
    hub.runs("4.1.6")
    assert hub.rows("select name from users") == ["ada"]
    assert kube.batch.list_namespaced_job(NAMESPACE).items == []
