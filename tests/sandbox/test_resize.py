"""A cluster that grows and shrinks, by the product's own adapters: what Nova, Magnum and Kubernetes have afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from magnumhub.domain.errors import DeadlineError, FailedError, RefusedError, TransientError
from magnumhub.domain.results import MagnumCluster
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import load_site
from magnumhub.kube import nodes
from magnumhub.kube.client import Kube, from_kubeconfig, kube_client
from magnumhub.kube.readiness import wait_for_nodes
from magnumhub.openstack import clusters, servers
from magnumhub.openstack.cloud import connect, magnum_client
from magnumhub.openstack.resize import resize
from magnumhub.openstack.survey import survey
from tests.sandbox.conftest import Sandbox, wait_until

POST = {"service": "magnum", "method": "POST", "path": "/actions/resize$", "times": 1}


def silent(line: str) -> None:
    """Nobody reads the progress."""


@dataclass(frozen=True)
class Sized:
    """A complete cluster of two nodes, and the clients of its cloud."""

    sandbox: Sandbox
    site: Site
    conn: Any
    magnum: Any
    uuid: str

    @property
    def magnum_cluster(self) -> MagnumCluster:
        found = clusters.find(self.magnum, self.site.name)
        assert found is not None
        return found

    def resize(self, node_count: int, *, deadline_s: float = 30, going: tuple[str, ...] = ()) -> MagnumCluster:
        named = servers.named(self.conn, going)
        assert len(named) == len(going)
        return resize(
            self.magnum,
            self.conn,
            self.magnum_cluster,
            node_count,
            nodes_to_remove=list(named.values()),
            deadline_s=deadline_s,
            report=silent,
        )

    def nodes(self) -> list[str]:
        """Nova's servers that are nodes."""
        masters = ("-master-", "-control-plane-")
        names = (server.name for server in self.conn.compute.servers())
        return sorted(name for name in names if not any(part in name for part in masters))

    def asked(self) -> int:
        return sum("/actions/resize" in mutation["path"] for mutation in self.sandbox.state()["mutations"])

    @contextmanager
    def kube(self) -> Iterator[Kube]:
        (there,) = self.sandbox.state()["clusters"]
        with kube_client(from_kubeconfig(Path(there["kubeconfig"]).read_text())) as kube:
            yield kube


@pytest.fixture
def sized(fresh: Sandbox) -> Callable[..., Sized]:
    def make(name: str = "heat") -> Sized:
        site = load_site(fresh.started["sites"][name])
        conn = connect(
            yaml.safe_load(Path(fresh.started["clouds_yaml"]).read_text())["clouds"][site.cloud], timeout_s=20
        )
        magnum = magnum_client(conn)
        facts = survey(conn, magnum, cluster_name=site.name)
        wanted = "kubernetes-v1.31.1" if site.cluster.template == "latest" else site.cluster.template
        template = next(template for template in facts.templates or () if template.name == wanted)
        started = clusters.start(magnum, site, template=template.uuid, report=silent)
        complete = clusters.wait(magnum, conn, started, deadline_s=60, report=silent)
        return Sized(fresh, site, conn, magnum, complete.uuid)

    return make


@pytest.mark.parametrize("name", ["heat", "heat_fip", "capi"])
def test_up_and_down_on_every_kind_of_cloud(sized: Callable[..., Sized], name: str) -> None:
    at = sized(name)
    two = at.nodes()
    addresses = len(at.sandbox.state()["floating_ips"])

    grown = at.resize(4)

    assert (grown.node_count, grown.status, grown.action) == (4, "UPDATE_COMPLETE", "changed")
    four = at.nodes()
    assert set(two) < set(four)
    assert len(four) == 4
    with at.kube() as kube:
        wait_for_nodes(kube, 4, deadline_s=30, report=silent)
        assert [load.name for load in nodes.node_loads(kube)] == four
        at.resize(2, going=(two[0], four[-1]))
        left = at.nodes()
        assert len(left) == 2
        if name != "capi":  # whose driver lets nobody choose
            assert set(left) == set(four) - {two[0], four[-1]}
        nodes.wait_until_gone(kube, set(four) - set(left), deadline_s=30, report=silent)
        assert [load.name for load in nodes.node_loads(kube)] == left
    assert len(at.sandbox.state()["floating_ips"]) == addresses
    assert at.resize(2).action == "kept"
    assert at.asked() == 2


def test_the_number_of_a_node_that_was_told_to_go_is_not_given_again(sized: Callable[..., Sized]) -> None:
    at = sized()
    at.resize(1, going=(at.nodes()[0],))
    at.resize(2)
    assert [name.rpartition("-")[2] for name in at.nodes()] == ["1", "2"]


def test_a_lost_answer_is_looked_for(sized: Callable[..., Sized]) -> None:
    at = sized()
    at.sandbox.faults(**POST, action="drop-after-commit")
    assert at.resize(3).node_count == 3
    assert at.asked() == 1


def test_a_request_that_never_arrived_may_be_made_again(sized: Callable[..., Sized]) -> None:
    at = sized()
    at.sandbox.faults(**POST, action="drop")
    with pytest.raises(TransientError):
        at.resize(3)
    assert len(at.nodes()) == 2
    assert at.resize(3).node_count == 3


def test_one_that_is_under_way_is_waited_for(sized: Callable[..., Sized]) -> None:
    at = sized()
    at.sandbox.faults(**POST | {"method": "ASYNC"}, action="delay", delay_s=2)
    with pytest.raises(DeadlineError, match="has not come to 3 nodes"):
        at.resize(3, deadline_s=0.5)
    assert at.resize(3).node_count == 3
    assert at.asked() == 1


def test_a_failure_is_told_in_magnums_words_and_may_be_tried_again(sized: Callable[..., Sized]) -> None:
    at = sized()
    words = "Resource UPDATE failed: Quota exceeded for instances: Requested 1, but already used 3 of 3 instances"
    at.sandbox.faults(**POST | {"method": "ASYNC"}, action="status", message=words)
    with pytest.raises(FailedError) as told:
        at.resize(3)
    assert words in told.value.message
    assert "higher quota" in told.value.hint
    assert at.resize(3).status == "UPDATE_COMPLETE"
    assert len(at.nodes()) == 3


def test_an_old_magnum_is_told_with_the_command_that_it_knows(sized: Callable[..., Sized]) -> None:
    at = sized()
    at.sandbox.faults(**POST, action="status", status=406)
    with pytest.raises(RefusedError) as told:
        at.resize(3)
    assert told.value.hint.startswith("`openstack coe cluster update heat replace node_count=3`")


def test_only_what_we_closed_is_opened_again(sized: Callable[..., Sized]) -> None:
    at = sized()
    first, second = at.nodes()
    with at.kube() as kube:
        wait_for_nodes(kube, 2, deadline_s=30, report=silent)
        kube.core.patch_node(first, {"spec": {"unschedulable": True}})  # as `kubectl cordon` does
        nodes.close(kube, [second, "gone-meanwhile"])
        assert [load.leaving for load in nodes.node_loads(kube)] == [False, True]
        nodes.reopen(kube, nodes.node_loads(kube))

        def cordoned() -> list[bool]:
            return [bool(node.spec.unschedulable) for node in kube.core.list_node().items]

        wait_until(lambda: sorted(cordoned()) == [False, True])
        assert [load.leaving for load in nodes.node_loads(kube)] == [False, False]
        assert bool(kube.core.read_node(first).spec.unschedulable)
