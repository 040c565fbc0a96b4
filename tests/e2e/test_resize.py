"""Nodes follow the site file up and down; who works meanwhile goes on working, and releases are left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checked_site import SMALL
from tests.support.sandbox import Ran, Sandbox, wait_until
from tests.support.user_at_work import UserAtWork, user_at_work

pytestmark = pytest.mark.timeout(900)
RESIZE = {"service": "magnum", "path": "/actions/resize$", "times": 1}


class ResizedSite:
    """A site whose number of nodes is changed in its file, and somebody who works on it."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self._folder = sandbox, folder
        self.hub_url = ""

    def file(self, node_count: int) -> Path:
        return self.sandbox.site_with(self._folder, {"health": SMALL, "cluster": {"node_count": node_count}})

    def provision(self, node_count: int) -> Ran:
        return self.sandbox.magnumhub("provision", self.file(node_count), "--json", timeout_s=500)

    def row(self, node_count: int) -> dict[str, str]:
        """What the plan says of the nodes."""
        plan = self.sandbox.magnumhub("plan", self.file(node_count), "--json").document
        return next(change for change in plan["changes"] if change["resource"] == "nodes")

    def nodes(self) -> dict[str, bool]:
        """Name -> whether it is Ready and takes pods."""
        found = json.loads(self.sandbox.kubectl("get", "nodes", "-o", "json"))["items"]
        return {
            node["metadata"]["name"]: not node["spec"].get("unschedulable")
            and any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])
            for node in found
        }

    def servers(self) -> set[str]:
        """What Nova has of the cluster's nodes."""
        return {server.name for server in self.sandbox.connect().compute.servers() if "-node-" in server.name}

    def revisions(self) -> dict[str, int]:
        return {release["name"]: release["revision"] for release in self.sandbox.state()["releases"]}

    def assert_has(self, node_count: int) -> None:
        """Nova, Magnum and Kubernetes agree, all nodes take pods, and the plan has nothing left to do."""
        assert self.nodes() == dict.fromkeys(self.servers(), True)
        assert len(self.servers()) == node_count
        (magnum_cluster,) = self.sandbox.state()["clusters"]
        assert magnum_cluster["node_count"] == node_count
        plan = self.sandbox.magnumhub("plan", self.file(node_count), "--exit-code")
        assert plan.exit_code == 0, plan.stdout + plan.stderr


@pytest.fixture(scope="module")
def resized(running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> ResizedSite:
    running_sandbox.reset()
    site = ResizedSite(running_sandbox, tmp_path_factory.mktemp("resized"))
    ran = site.provision(2)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    site.hub_url = ran.document["endpoints"]["jupyterhub"]
    return site


@pytest.fixture(scope="module")
def ann(resized: ResizedSite) -> Iterator[UserAtWork]:
    password = (Path(resized.sandbox.started["clouds_yaml"]).parent / "hub-password").read_text().strip()
    with user_at_work(resized.hub_url, password) as user:
        yield user


def test_up_and_down_again(resized: ResizedSite, ann: UserAtWork) -> None:
    revisions = resized.revisions()
    two = resized.servers()
    row = resized.row(3)
    assert (row["action"], row["reason"], row["users_notice"]) == ("change", "2 nodes, the site asks for 3", "")

    up = resized.provision(3)
    assert up.exit_code == 0, up.stdout + up.stderr
    assert {"name": "nodes", "action": "changed"}.items() <= stage(up, "nodes").items()
    resized.assert_has(3)
    assert two < resized.servers()
    ann.assert_still_works(resized.hub_url)

    row = resized.row(2)
    assert row["reason"].startswith("3 nodes, the site asks for 2: ")
    assert "notebook" not in row["users_notice"], "there is a node without one"
    down = resized.provision(2)
    assert down.exit_code == 0, down.stdout + down.stderr
    resized.assert_has(2)
    ann.assert_still_works(resized.hub_url)
    assert resized.revisions() == revisions


def stage(ran: Ran, name: str) -> dict[str, str]:
    return next(stage for stage in ran.document["stages"] if stage["name"] == name)


def test_a_resize_that_was_interrupted_is_gone_on_with(resized: ResizedSite, ann: UserAtWork) -> None:
    before = resizes(resized)
    resized.sandbox.fault(**RESIZE, method="ASYNC", action="delay", delay_s=4)
    running = resized.sandbox.start("provision", resized.file(3), "--json")
    wait_until(lambda: status(resized) == "UPDATE_IN_PROGRESS", 200, "Magnum is at work")
    running.kill()

    again = resized.provision(3)

    assert again.exit_code == 0, again.stdout + again.stderr
    resized.assert_has(3)
    assert resizes(resized) == before + 1, "what was under way was waited for"


def test_nodes_that_were_closed_before_a_kill_open_again(resized: ResizedSite, ann: UserAtWork) -> None:
    """Killed between closing a node and the answer to the request: the site may want its three nodes after all."""
    resized.sandbox.fault(**RESIZE, method="POST", action="hang")
    running = resized.sandbox.start("provision", resized.file(2), "--json")
    wait_until(lambda: False in resized.nodes().values(), 200, "a node is closed")
    running.kill()

    again = resized.provision(3)

    assert again.exit_code == 0, again.stdout + again.stderr
    resized.assert_has(3)


def test_an_answer_that_was_lost_is_not_asked_for_twice(resized: ResizedSite, ann: UserAtWork) -> None:
    before = resizes(resized)
    resized.sandbox.fault(**RESIZE, method="POST", action="drop-after-commit")
    ran = resized.provision(2)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    resized.assert_has(2)
    assert resizes(resized) == before + 1
    ann.assert_still_works(resized.hub_url)


def test_what_magnum_could_not_do_is_told_and_asked_for_again(resized: ResizedSite, ann: UserAtWork) -> None:
    words = "Resource UPDATE failed: No valid host was found. There are not enough hosts available."
    resized.sandbox.fault(**RESIZE, method="ASYNC", action="status", message=words)
    failed = resized.provision(3)
    assert failed.exit_code == 1, failed.stdout + failed.stderr
    assert words in failed.error["message"]
    assert "no room for these flavors" in failed.error["hint"]
    ann.assert_still_works(resized.hub_url)

    again = resized.provision(3)

    assert again.exit_code == 0, again.stdout + again.stderr
    resized.assert_has(3)


def test_what_cannot_be_changed_in_place_is_said(resized: ResizedSite) -> None:
    changes = {"health": SMALL, "cluster": {"node_count": 3, "docker_volume_size_gib": 26, "template": "latest"}}
    file = resized.sandbox.site_with(resized.file(3).parent, changes)
    plan = resized.sandbox.magnumhub("plan", file, "--json", "--exit-code")
    assert plan.exit_code == 0, plan.stdout + plan.stderr
    (said,) = [change for change in plan.document["changes"] if "docker_volume_size" in change["resource"]]
    assert said["action"] == "keep"
    assert "the site asks for 26, the cluster has 25: this cannot be changed in place" in said["reason"]


def status(resized: ResizedSite) -> str:
    (magnum_cluster,) = resized.sandbox.state()["clusters"]
    return str(magnum_cluster["status"])


def resizes(resized: ResizedSite) -> int:
    """How often Magnum was asked."""
    return sum("/actions/resize" in mutation["path"] for mutation in resized.sandbox.mutations())
