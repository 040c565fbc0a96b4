from __future__ import annotations

from dataclasses import replace

import pytest

from magnumhub.domain.errors import InputError, PreflightError, Problem
from magnumhub.domain.results import FloatingIP, Part
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import parse_site
from magnumhub.openstack.addresses import Seen, held, settled
from magnumhub.openstack.marks import Mark
from magnumhub.openstack.moves import Decision, decide_moves, misplaced, refuse_pinned, repointing

HUB = Mark("iris", "jupyterhub", "allocated")
DASK = Mark("iris", "dask_gateway", "given", "open")
SPARE = Mark("iris", "spare", "allocated")
FOR_HUB = Mark("iris", "spare", "allocated", "asked", "jupyterhub")


def ip(last: int, mark: Mark | None = None, *, on: str | None = None, serves: str | None = None) -> Seen:
    return Seen(
        id=str(last),
        address=f"192.0.2.{last}",
        network_id="public",
        created_at=f"2026-11-25T10:00:{last:02}Z",
        port_id=on,
        serves=serves or (f"load balancer {on}" if on else None),
        mark=mark,
        tagged=mark is not None,
    )


A, B = ip(1, HUB, on="hub-vip"), ip(2, DASK, on="dask-vip")
FREE = ip(3)


def site(**floating_ips: str) -> Site:
    return parse_site(
        {
            "name": "iris",
            "cloud": "iris",
            "project": "p",
            "cluster": {"keypair": "default"},
            "network": {"floating_ips": floating_ips},
            "helm": {"version": "4.1.4", "source": "upload"},
            "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
            "jupyterhub": {"auth": {"kind": "dummy", "password": {"env": "HUB_PASSWORD"}, "allow": ["ann"]}},
            "dask_gateway": {},
        }
    )


def decide(*seen: Seen, hub: str = "keep", dask: str = "keep", left: int | None = 9) -> tuple[Decision, ...]:
    wishes: dict[Part, str] = {"jupyterhub": hub, "dask_gateway": dask}
    return decide_moves(seen, site=site(), wishes=wishes, network_id="public", left=left)


def refused(*seen: Seen, hub: str = "keep", dask: str = "keep", left: int | None = 9) -> tuple[Problem, ...]:
    with pytest.raises(PreflightError, match="nothing was changed") as caught:
        decide(*seen, hub=hub, dask=dask, left=left)
    assert all(problem.expected for problem in caught.value.problems)
    return caught.value.problems


def test_what_is_kept_or_asked_for_as_it_is_does_not_move() -> None:
    assert decide(A, B, FREE) == ()
    assert decide(A, B, hub=A.address, dask=B.address) == ()


def test_a_fresh_address_is_allocated_and_reserved_for_the_part() -> None:
    mark = Mark("iris", "spare", "allocated", reserved_for="jupyterhub")
    assert decide(A, B, FREE, hub="fresh") == (Decision("jupyterhub", None, mark, A),)


def test_fresh_takes_what_an_interrupted_redeploy_reserved_for_the_part() -> None:
    reserved = ip(4, FOR_HUB)
    assert decide(A, B, reserved, hub="fresh", left=0) == (Decision("jupyterhub", reserved, None, A),)
    (dask,) = decide(A, B, reserved, dask="fresh")
    assert dask.use is None
    # Killed after it was put on the load balancer: it is the same one still.
    serving = replace(reserved, port_id="hub-vip", serves="load balancer hub-vip")
    assert decide(replace(A, port_id=None, serves=None), B, ip(5, FOR_HUB), serving, hub="fresh")[0].use == serving


def test_fresh_does_not_take_what_the_other_part_asks_for_or_what_was_given() -> None:
    reserved = ip(4, FOR_HUB)
    hub, dask = decide(A, B, reserved, hub="fresh", dask=reserved.address)
    assert (hub.use, dask.use) == (None, reserved)
    assert dask.mark == Mark("iris", "spare", "allocated", "asked", "dask_gateway")
    given = ip(4, replace(FOR_HUB, origin="given"))
    assert decide(A, B, given, hub="fresh")[0].use is None


def test_a_free_address_is_given_and_a_spare_one_keeps_its_origin() -> None:
    assert decide(A, B, FREE, hub=FREE.address) == (
        Decision("jupyterhub", FREE, Mark("iris", "spare", "given", reserved_for="jupyterhub"), A),
    )
    spare = ip(4, replace(SPARE, firewall="open"))
    assert decide(A, B, spare, hub=spare.address)[0].mark == Mark("iris", "spare", "allocated", "open", "jupyterhub")


def test_a_swap_marks_nothing_before_it_is_done() -> None:
    assert decide(A, B, hub=B.address, dask=A.address) == (
        Decision("jupyterhub", B, None, A),
        Decision("dask_gateway", A, None, B),
    )


def test_after_a_run_that_was_killed_before_the_marks_moved_anything_may_be_asked_for() -> None:
    a, b = replace(A, port_id=None, serves=None), replace(B, port_id=None, serves=None)
    hub, dask = ip(4, FOR_HUB, on="hub-vip"), ip(5, replace(FOR_HUB, reserved_for="dask_gateway"), on="dask-vip")
    decided = decide(a, b, hub, dask, hub=dask.address, dask=hub.address)
    assert [(decision.use, decision.old) for decision in decided] == [(dask, a), (hub, b)]
    assert [decision.mark.reserved_for for decision in decided if decision.mark] == ["jupyterhub", "dask_gateway"]
    assert decide(a, b, hub, dask, hub=a.address, dask=b.address) == ()


def test_an_address_may_be_taken_from_a_part_that_moves_to_another() -> None:
    hub, dask = decide(A, B, hub=B.address, dask="fresh")
    assert (hub.use, dask.use, dask.old) == (B, None, B)


def test_a_part_without_an_address_gets_one() -> None:
    assert decide(A, dask="fresh")[0].old is None


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (None, "is not a floating IP of this project: it does not exist, or belongs to another project"),
        (replace(ip(9), network_id="other"), "is not on the site's external network public"),
        (ip(9, on="p", serves="server web"), "serves server web"),
        (ip(9, on="p", serves="load balancer of somebody"), "serves load balancer of somebody"),
        (ip(9, SPARE, on="p", serves="server web"), "serves server web"),
        (ip(9, FOR_HUB, on="p", serves="server web"), "serves server web"),
        (ip(9, SPARE, on="vip"), "serves load balancer vip"),
        (ip(9, replace(HUB, site="iris-ox")), "belongs to site 'iris-ox' as its jupyterhub address"),
        (ip(9, Mark("iris", "master", "given"), on="p", serves="server m"), "is this site's master address"),
        (ip(9, DASK, on="dask-vip"), "is this site's dask_gateway address, which does not move away"),
    ],
)
def test_an_address_that_cannot_be_the_hubs_is_refused(seen: Seen | None, says: str) -> None:
    (problem,) = refused(A, *([seen] if seen else []), hub="192.0.2.9")
    assert problem.field == "hub_floating_ip"
    assert problem.given.startswith(f"192.0.2.9 {says}")


def test_all_that_cannot_be_done_is_told_at_once() -> None:
    problems = refused(A, B, ip(9, on="p", serves="server web"), hub="192.0.2.9", dask="192.0.2.8")
    assert [problem.field for problem in problems] == ["hub_floating_ip", "dask_floating_ip"]


def test_fresh_addresses_need_room_in_the_quota() -> None:
    (problem,) = refused(A, B, hub="fresh", dask="fresh", left=1)
    assert problem.given == "2 new floating IPs are needed, and the project's quota has room for 1"
    assert len(decide(A, B, hub="fresh", dask="fresh", left=2)) == 2
    assert len(decide(A, B, hub="fresh", dask="fresh", left=None)) == 2


@pytest.mark.parametrize(
    ("file", "hub", "dask", "field", "says"),
    [
        ({"jupyterhub": A.address}, "fresh", "keep", "network.floating_ips.jupyterhub", "asks for a fresh one"),
        ({"jupyterhub": A.address}, FREE.address, "keep", "network.floating_ips.jupyterhub", "asks for 192.0.2.3"),
        ({"dask_gateway": "none"}, "keep", "fresh", "network.floating_ips.dask_gateway", "none"),
        ({}, "keep", "new", "dask_floating_ip", "new"),
        ({}, "2001:db8::1", "keep", "hub_floating_ip", "2001:db8::1"),
        ({}, FREE.address, FREE.address, "dask_floating_ip", "192.0.2.3, as for the hub"),
    ],
)
def test_wishes_that_contradict_the_file_or_one_another(
    file: dict[str, str], hub: str, dask: str, field: str, says: str
) -> None:
    with pytest.raises(InputError) as caught:
        refuse_pinned(site(**file), {"jupyterhub": hub, "dask_gateway": dask})
    (problem,) = caught.value.problems
    assert problem.field == field
    assert says in problem.given
    assert problem.expected


def test_wishes_that_agree_with_the_file() -> None:
    refuse_pinned(site(jupyterhub=A.address, dask_gateway="none"), {"jupyterhub": A.address, "dask_gateway": "keep"})
    refuse_pinned(site(jupyterhub=A.address), {"jupyterhub": "keep", "dask_gateway": "fresh"})


@pytest.mark.parametrize(
    ("where", "wanted", "steps"),
    [
        ({"a": "P"}, {"P": "a"}, []),
        ({"a": None}, {"P": "a"}, [("a", "P")]),
        ({"a": "P", "n": None}, {"P": "n"}, [("a", None), ("n", "P")]),
        # A swap: each port is without an address for the time of one request.
        ({"a": "P", "b": "Q"}, {"P": "b", "Q": "a"}, [("a", None), ("b", "P"), ("a", "Q")]),
        ({"a": None, "b": "Q"}, {"P": "b", "Q": "a"}, [("b", "P"), ("a", "Q")]),
        ({"a": None, "b": "P"}, {"P": "b", "Q": "a"}, [("a", "Q")]),
        # Both parts move: one after the other, not both at once.
        (
            {"a": "P", "b": "Q", "m": None, "n": None},
            {"P": "m", "Q": "n"},
            [("a", None), ("m", "P"), ("b", None), ("n", "Q")],
        ),
        # The hub gets the gateway's, the gateway a new one.
        ({"a": "P", "b": "Q", "n": None}, {"P": "b", "Q": "n"}, [("a", None), ("b", "P"), ("n", "Q")]),
        ({"a": "P", "x": "S"}, {"P": None}, [("a", None)]),
        ({"a": "P"}, {"P": None, "Q": "a"}, [("a", "Q")]),
        ({"a": None}, {"P": None}, []),
    ],
)
def test_the_order_of_requests(
    where: dict[str, str | None], wanted: dict[str, str | None], steps: list[tuple[str, str | None]]
) -> None:
    assert repointing(where, wanted) == steps


def test_an_address_that_is_not_on_its_load_balancer_is_put_back() -> None:
    def marked(part: Part, port_id: str | None) -> FloatingIP:
        return FloatingIP(id="1", address="192.0.2.1", role=part, origin="given", port_id=port_id)

    hub, dask = marked("jupyterhub", None), marked("dask_gateway", "dask-vip")
    addresses: dict[Part, FloatingIP] = {"jupyterhub": hub, "dask_gateway": dask}
    ports: dict[Part, str] = {"jupyterhub": "hub-vip", "dask_gateway": "dask-vip"}
    assert misplaced(addresses, ports) == {"jupyterhub": (hub, "hub-vip")}
    assert misplaced(addresses, {"dask_gateway": "dask-vip"}) == {}


def roles(*seen: Seen) -> dict[str, str]:
    """Which address has which part, as any run finds it."""
    there = settled(seen)
    found = {role: held(there, site="iris", role=role) for role in ("jupyterhub", "dask_gateway")}  # type: ignore[arg-type]
    return {role: one.id for role, one in found.items() if one is not None}


def going(one: Seen, role: str, reserved_for: str = "") -> Seen:
    assert one.mark is not None
    return replace(one, mark=replace(one.mark, role=role, reserved_for=reserved_for))


OLD, NEW = {"jupyterhub": "1", "dask_gateway": "2"}, {"jupyterhub": "2", "dask_gateway": "1"}


def test_marks_of_a_swap_are_read_as_before_it_or_as_after_it_at_every_moment() -> None:
    assert roles(going(A, "jupyterhub", "dask_gateway"), B) == OLD
    assert roles(going(A, "jupyterhub", "dask_gateway"), going(B, "dask_gateway", "jupyterhub")) == NEW
    assert roles(going(A, "dask_gateway"), going(B, "dask_gateway", "jupyterhub")) == NEW
    assert roles(going(A, "dask_gateway"), going(B, "jupyterhub")) == NEW


def test_marks_of_a_move_are_read_as_before_it_or_as_after_it_at_every_moment() -> None:
    n = ip(4, FOR_HUB)
    assert roles(A, B, n) == OLD
    assert roles(going(A, "spare"), B, n) == {"jupyterhub": "4", "dask_gateway": "2"}
    assert roles(going(A, "spare"), B, going(n, "jupyterhub")) == {"jupyterhub": "4", "dask_gateway": "2"}


def test_marks_of_a_chain_are_read_as_before_it_or_as_after_it_at_every_moment() -> None:
    n = ip(4, replace(FOR_HUB, reserved_for="dask_gateway"))
    after = {"jupyterhub": "2", "dask_gateway": "4"}
    b = going(B, "dask_gateway", "jupyterhub")
    assert roles(A, b, n) == OLD
    assert roles(going(A, "spare"), b, n) == after
    assert roles(going(A, "spare"), going(B, "jupyterhub"), n) == after


def test_a_mark_that_is_read_otherwise_than_it_says_is_to_be_written() -> None:
    assert settled([A, B]) == (A, B)
    (arrived,) = settled([ip(4, FOR_HUB)])
    assert arrived.mark == Mark("iris", "jupyterhub", "allocated", "asked")
    assert not arrived.tagged


def test_what_is_reserved_at_another_site_is_none_of_ours() -> None:
    other = ip(4, replace(FOR_HUB, site="iris-ox"))
    assert roles(A, B, other) == OLD
    assert roles(B, other) == {"dask_gateway": "2"}
