"""Addresses that move, against the sandbox's Neutron and Octavia: where each one is afterwards, also after failures."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from magnumhub.domain.errors import MagnumhubError, NotOursError, PreflightError, RefusedError, ServiceError
from magnumhub.domain.results import FloatingIP, Part
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import load_site
from magnumhub.domain.wiring import ServiceName, public_services
from magnumhub.openstack import floating_ips, readdress
from magnumhub.openstack.cloud import connect
from magnumhub.openstack.moves import misplaced
from magnumhub.openstack.readdress import Move
from tests.sandbox.conftest import Sandbox, wait_until

UUID = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"
_WHERE, _TAGS = "/floatingips/[^/]+$", "/floatingips/[^/]+/tags$"
PUT = {"service": "neutron", "method": "PUT", "path": _WHERE}

Targets = dict[Part, tuple[FloatingIP, str]]


def silent(line: str) -> None:
    pass


@dataclass
class Cloud:
    """A site whose two parts have load balancers in a cloud without Kubernetes."""

    sandbox: Sandbox
    site: Site
    conn: Any
    vips: dict[Part, str]
    old: dict[Part, FloatingIP]

    @property
    def services(self) -> dict[Part, ServiceName]:
        return public_services(self.site)

    def reserve(self, **wishes: str) -> list[Move]:
        return readdress.reserve(self.conn, self.site, wishes, silent)  # type: ignore[arg-type]

    def repoint(self, targets: Targets) -> None:
        readdress.repoint(self.conn, self.site, targets, silent)

    def commit(self, moves: list[Move], old: str = "keep") -> None:
        readdress.commit(self.conn, self.site, moves, old, silent)  # type: ignore[arg-type]

    def move(self, *, old: str = "keep", **wishes: str) -> list[Move]:
        moves = self.reserve(**wishes)
        self.repoint(self.targets(moves))
        self.commit(moves, old)
        return moves

    def targets(self, moves: list[Move]) -> Targets:
        return {move.part: (move.new, self.vips[move.part]) for move in moves}

    def on(self) -> dict[str, str | None]:
        """Which address is on each load balancer, as Neutron has it."""
        there = {ip["port_id"]: ip["floating_ip_address"] for ip in self.sandbox.state()["floating_ips"]}
        return {part: there.get(port) for part, port in self.vips.items()}

    def marked(self) -> dict[str, str]:
        """What each address's tags say."""
        listed = self.sandbox.state()["floating_ips"]
        return {ip["floating_ip_address"]: " ".join(tag.split(":", 1)[1] for tag in ip["tags"]) for ip in listed}

    def provision(self) -> dict[str, str]:
        """What a later provision does about addresses: they are found by their marks and put where they belong."""
        reserved = floating_ips.ensure_reserved(self.conn, self.site, master=False, report=silent)
        current: dict[Part, FloatingIP] = {
            "jupyterhub": reserved.jupyterhub,
            "dask_gateway": reserved.dask_gateway,
        }  # type: ignore[dict-item]
        ports = readdress.vip_ports(self.conn, UUID, self.services, current)
        self.repoint(misplaced(current, ports))
        return {part: address.address for part, address in current.items()}

    def changes(self) -> int:
        return len(self.sandbox.state()["mutations"])

    def address(self, part: Part) -> str:
        return self.old[part].address


@pytest.fixture
def cloud(fresh: Sandbox) -> Cloud:
    clouds = yaml.safe_load(Path(fresh.started["clouds_yaml"]).read_text())["clouds"]
    site = load_site(fresh.started["sites"]["heat"])
    conn = connect(clouds[site.cloud], timeout_s=5)
    subnet = inner_subnet(conn)
    vips: dict[Part, str] = {}
    for part, service in public_services(site).items():
        name = f"kube_service_{UUID}_{service.namespace}_{service.name}"
        vips[part] = conn.load_balancer.create_load_balancer(name=name, vip_subnet_id=subnet.id).vip_port_id
    reserved = floating_ips.ensure_reserved(conn, site, master=False, report=silent)
    assert reserved.dask_gateway is not None
    old: dict[Part, FloatingIP] = {"jupyterhub": reserved.jupyterhub, "dask_gateway": reserved.dask_gateway}
    for part, address in old.items():
        conn.network.update_ip(address.id, port_id=vips[part])
    return Cloud(fresh, site, conn, vips, old)


def inner_subnet(conn: Any) -> Any:
    return next(conn.network.subnets(ip_version=4, project_id=conn.current_project_id))


def given(cloud: Cloud, **fields: Any) -> Any:
    """An address that somebody allocated by hand."""
    network = next(n for n in cloud.conn.network.networks() if n.is_router_external)
    return cloud.conn.network.create_ip(floating_network_id=network.id, **fields)


def test_a_fresh_address_takes_over_and_the_old_one_is_kept_as_spare(cloud: Cloud) -> None:
    (move,) = cloud.move(jupyterhub="fresh")
    hub, dask = cloud.address("jupyterhub"), cloud.address("dask_gateway")
    assert cloud.on() == {"jupyterhub": move.new.address, "dask_gateway": dask}
    assert cloud.marked() == {
        move.new.address: "origin=allocated role=jupyterhub site=heat",
        hub: "origin=allocated role=spare site=heat",
        dask: "origin=allocated role=dask_gateway site=heat",
    }
    before = cloud.changes()
    assert cloud.provision() == {"jupyterhub": move.new.address, "dask_gateway": dask}
    assert cloud.reserve(jupyterhub=move.new.address, dask_gateway="keep") == []
    assert cloud.changes() == before


def test_what_is_reserved_changes_nothing_that_users_reach(cloud: Cloud) -> None:
    before = cloud.on()
    (move,) = cloud.reserve(jupyterhub="fresh")
    assert cloud.on() == before
    assert cloud.marked()[move.new.address] == "for=jupyterhub origin=allocated role=spare site=heat"
    assert cloud.provision() == {part: address.address for part, address in cloud.old.items()}
    assert [again.new.address for again in cloud.reserve(jupyterhub="fresh")] == [move.new.address]


def test_an_allocation_whose_answer_was_lost_is_found_again(cloud: Cloud) -> None:
    cloud.sandbox.faults(service="neutron", method="POST", path="/floatingips$", times=1, action="drop-after-commit")
    with pytest.raises(MagnumhubError):
        cloud.reserve(jupyterhub="fresh")
    cloud.reserve(jupyterhub="fresh")
    assert len(cloud.marked()) == 3


def test_released_are_those_that_were_allocated_and_given_ones_lose_the_mark(cloud: Cloud) -> None:
    own = given(cloud).floating_ip_address
    cloud.move(jupyterhub=own, old="release")
    assert cloud.on()["jupyterhub"] == own
    assert cloud.address("jupyterhub") not in cloud.marked()
    assert cloud.marked()[own] == "origin=given role=jupyterhub site=heat"
    cloud.move(jupyterhub="fresh", old="release")
    assert cloud.marked()[own] == ""
    assert len(cloud.marked()) == 3


def test_a_swap_and_back(cloud: Cloud) -> None:
    hub, dask = cloud.address("jupyterhub"), cloud.address("dask_gateway")
    for wanted in ({"jupyterhub": dask, "dask_gateway": hub}, {"jupyterhub": hub, "dask_gateway": dask}):
        cloud.move(**wanted, old="release")
        assert cloud.on() == wanted
        assert cloud.provision() == wanted
        assert set(cloud.marked()) == {hub, dask}


def test_the_hub_gets_the_gateways_address_and_the_gateway_a_new_one(cloud: Cloud) -> None:
    hub, dask = cloud.address("jupyterhub"), cloud.address("dask_gateway")
    _, moved = cloud.move(jupyterhub=dask, dask_gateway="fresh", old="release")
    wanted = {"jupyterhub": dask, "dask_gateway": moved.new.address}
    assert (cloud.on(), cloud.provision(), set(cloud.marked())) == (wanted, wanted, set(wanted.values()))
    assert hub not in cloud.marked()


def test_refused_before_anything_changes(cloud: Cloud) -> None:
    other = cloud.sandbox.connect("sandbox-other")
    network = next(n for n in other.network.networks() if n.is_router_external)
    elsewhere = other.network.create_ip(floating_network_id=network.id).floating_ip_address
    port = cloud.conn.network.create_port(network_id=inner_subnet(cloud.conn).network_id)
    serving = given(cloud, port_id=port.id).floating_ip_address
    before = cloud.changes()
    with pytest.raises(PreflightError) as caught:
        cloud.reserve(jupyterhub=elsewhere, dask_gateway=serving)
    foreign, busy = caught.value.problems
    assert "not a floating IP of this project" in foreign.given
    assert f"{serving} serves port" in busy.given
    cloud.sandbox.faults(settings={"quota_floatingip": 3})
    with pytest.raises(PreflightError, match="the project's quota has room for 0"):
        cloud.reserve(jupyterhub="fresh")
    assert cloud.changes() == before


@pytest.mark.parametrize(
    ("action", "failing"),
    [("drop", 0), ("drop-after-commit", 0), ("drop-after-commit", 1), ("status", 1), ("drop-after-commit", 2)],
)
def test_a_request_that_fails_leaves_everything_as_it_was(cloud: Cloud, action: str, failing: int) -> None:
    before = cloud.on()
    hub, dask = cloud.address("jupyterhub"), cloud.address("dask_gateway")
    moves = cloud.reserve(jupyterhub=dask, dask_gateway=hub)
    status = {"status": 503, "message": "busy"} if action == "status" else {}
    cloud.sandbox.faults(**PUT, action=action, after=failing, times=1, **status)
    with pytest.raises(MagnumhubError):
        cloud.repoint(cloud.targets(moves))
    assert cloud.on() == before
    cloud.repoint(cloud.targets(moves))
    assert cloud.on() == {"jupyterhub": dask, "dask_gateway": hub}


def test_an_address_that_was_free_before_is_free_again(cloud: Cloud) -> None:
    before = cloud.on()
    moves = cloud.reserve(jupyterhub="fresh", dask_gateway="fresh")
    cloud.sandbox.faults(**PUT, action="status", status=500, after=3, times=1)
    with pytest.raises(MagnumhubError):
        cloud.repoint(cloud.targets(moves))
    assert cloud.on() == before
    assert all(ip.port_id is None for ip in cloud.conn.network.ips() if ip.id in {move.new.id for move in moves})


def test_what_cannot_even_be_put_back_is_said_and_mended_by_the_next_run(cloud: Cloud) -> None:
    before = cloud.on()
    moves = cloud.reserve(jupyterhub="fresh")
    cloud.sandbox.faults(**PUT, action="status", status=503, after=1)
    with pytest.raises(ServiceError, match="could not be put back") as caught:
        cloud.repoint(cloud.targets(moves))
    assert f"openstack floating ip set --port {cloud.vips['jupyterhub']} {cloud.old['jupyterhub'].id}" in str(
        caught.value
    )
    assert cloud.on()["jupyterhub"] is None
    cloud.sandbox.faults(scenario=None)
    cloud.provision()
    assert cloud.on() == before


def test_an_address_that_serves_something_else_by_now_is_not_taken_from_there(cloud: Cloud) -> None:
    moves = cloud.reserve(jupyterhub="fresh")
    port = cloud.conn.network.create_port(network_id=inner_subnet(cloud.conn).network_id)
    cloud.conn.network.update_ip(moves[0].new.id, port_id=port.id)
    before = cloud.on()
    with pytest.raises(NotOursError, match="serves port"):
        cloud.repoint(cloud.targets(moves))
    cloud.conn.network.delete_ip(moves[0].new.id)
    with pytest.raises(RefusedError, match="was released"):
        cloud.repoint(cloud.targets(moves))
    assert cloud.on() == before


def test_whoever_is_on_the_load_balancer_makes_room(cloud: Cloud) -> None:
    moves = cloud.reserve(jupyterhub="fresh")
    cloud.conn.network.update_ip(cloud.old["jupyterhub"].id, port_id=None)
    stranger = given(cloud, port_id=cloud.vips["jupyterhub"])
    cloud.repoint(cloud.targets(moves))
    assert cloud.on()["jupyterhub"] == moves[0].new.address
    assert cloud.conn.network.get_ip(stranger.id).port_id is None


def test_a_load_balancer_of_another_name_is_known_by_the_address_that_serves_it(cloud: Cloud) -> None:
    (move,) = cloud.reserve(jupyterhub="fresh")
    wanted: dict[Part, FloatingIP] = {"jupyterhub": move.new, "dask_gateway": cloud.old["dask_gateway"]}
    assert readdress.vip_ports(cloud.conn, "workload-0a1b2c", cloud.services, wanted) == cloud.vips
    cloud.conn.network.update_ip(cloud.old["jupyterhub"].id, port_id=None)
    told = readdress.vip_ports(cloud.conn, "workload-0a1b2c", cloud.services, wanted)
    assert told == {"dask_gateway": cloud.vips["dask_gateway"]}
    assert readdress.vip_ports(cloud.conn, UUID, cloud.services, wanted) == cloud.vips


def test_where_load_balancers_are_not_for_us_to_see_no_port_is_told(cloud: Cloud) -> None:
    cloud.sandbox.faults(service="octavia", method="GET", path="/loadbalancers$", status=403, message="policy")
    assert readdress.vip_ports(cloud.conn, UUID, cloud.services, cloud.old) == {}


def repointing_elsewhere(entry: dict[str, Any], site: Site, targets: Targets) -> None:
    readdress.repoint(connect(entry, timeout_s=60), site, targets, silent)


@pytest.mark.parametrize("done", [1, 2])
def test_killed_between_two_requests(cloud: Cloud, done: int) -> None:
    before, hub, dask = cloud.on(), cloud.address("jupyterhub"), cloud.address("dask_gateway")
    moves = cloud.reserve(jupyterhub=dask, dask_gateway=hub)
    kill_after(cloud, repointing_elsewhere, cloud.targets(moves), path=_WHERE, done=done)
    assert cloud.on() != before
    cloud.provision()
    assert cloud.on() == before
    cloud.move(jupyterhub=dask, dask_gateway=hub)
    assert cloud.on() == {"jupyterhub": dask, "dask_gateway": hub}


def committing_elsewhere(entry: dict[str, Any], site: Site, moves: list[Move], old: str) -> None:
    readdress.commit(connect(entry, timeout_s=60), site, moves, old, silent)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hub", "dask", "done", "old"),
    [
        ("dask", "hub", 1, "keep"),
        ("dask", "hub", 2, "keep"),
        ("dask", "hub", 3, "release"),
        ("dask", "fresh", 1, "keep"),
        ("dask", "fresh", 2, "release"),
        ("fresh", "fresh", 1, "release"),
        ("given", "keep", 1, "keep"),
        ("given", "keep", 0, "keep"),
    ],
)
def test_killed_while_marks_move(cloud: Cloud, hub: str, dask: str, done: int, old: str) -> None:
    named = {"hub": cloud.address("jupyterhub"), "dask": cloud.address("dask_gateway")}
    named["given"] = given(cloud).floating_ip_address
    moves = cloud.reserve(jupyterhub=named.get(hub, hub), dask_gateway=named.get(dask, dask))
    cloud.repoint(cloud.targets(moves))
    after = cloud.on()
    kill_after(cloud, committing_elsewhere, moves, old, path=_TAGS, done=done)
    found = cloud.provision()
    assert cloud.on() == found, "marks and load balancers agree"
    for part, address in found.items():
        assert address in (after[part], cloud.old[part].address)  # type: ignore[index]
        assert cloud.marked()[address].endswith(f"role={part} site=heat")
    again = {move.part: move.new.address for move in moves}
    cloud.move(**again)
    assert cloud.on() == after
    assert cloud.provision() == after


def kill_after(cloud: Cloud, program: Callable[..., None], what: Any, *more: Any, path: str, done: int) -> None:
    """Run in a process of its own that is killed when it has made so many changes; one that makes fewer is fine."""
    before = len(changes_of(cloud, path))
    clouds = yaml.safe_load(Path(cloud.sandbox.started["clouds_yaml"]).read_text())["clouds"]
    cloud.sandbox.faults(service="neutron", method="PUT", path=path, after=done, action="hang")
    arguments = (clouds[cloud.site.cloud], cloud.site, what, *more)
    process = multiprocessing.get_context("fork").Process(target=program, args=arguments)
    process.start()
    wait_until(lambda: not process.is_alive() or len(changes_of(cloud, path)) >= before + done)
    process.kill()
    process.join()
    cloud.sandbox.faults(scenario=None)


def changes_of(cloud: Cloud, path: str) -> list[dict[str, Any]]:
    return [change for change in cloud.sandbox.state()["mutations"] if re.search(path, change["path"])]
