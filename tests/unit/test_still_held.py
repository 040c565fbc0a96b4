"""A run that waited for the site goes on with the addresses that it began with, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from magnumhub.domain.errors import RefusedError, StalePlanError
from magnumhub.domain.results import FloatingIP, Part
from magnumhub.openstack.addresses import Seen
from magnumhub.openstack.floating_ips import result_of
from magnumhub.openstack.marks import Mark
from magnumhub.openstack.readdress import Move, still_held

HUB, SPARE = Mark("iris", "jupyterhub", "allocated"), Mark("iris", "spare", "allocated")


def ip(last: int, mark: Mark, *, on: str | None = None) -> Seen:
    return Seen(
        id=str(last), address=f"192.0.2.{last}", network_id="public", created_at="", port_id=on, mark=mark, tagged=True
    )


OLD, NEW = ip(1, HUB, on="hub-vip"), ip(2, replace(SPARE, reserved_for="jupyterhub"))
MOVE = Move(part="jupyterhub", new=result_of(NEW, "created"), old=result_of(OLD, "kept"))
BEGAN: dict[Part, FloatingIP] = {"jupyterhub": result_of(OLD, "kept")}


def held_now(*seen: Seen) -> tuple[dict[Part, FloatingIP], list[Move]]:
    return still_held(seen, site="iris", began_with=BEGAN, moves=[MOVE])


def test_what_is_as_it_was_goes_on_as_it_is_seen_now() -> None:
    now, left = held_now(replace(OLD, port_id=None), replace(NEW, port_id="hub-vip"))  # killed after it re-pointed
    assert (now["jupyterhub"].id, now["jupyterhub"].port_id) == ("1", None)
    (move,) = left
    assert (move.new.port_id, move.old) == ("hub-vip", now["jupyterhub"])


def test_what_an_earlier_try_committed_is_no_move_any_more() -> None:
    now, left = held_now(replace(OLD, mark=SPARE, port_id=None), replace(NEW, mark=HUB, port_id="hub-vip"))
    assert (now["jupyterhub"].id, left) == ("2", [])


def test_an_address_that_another_run_moved_is_refused() -> None:
    with pytest.raises(StalePlanError, match="address jupyterhub"):
        held_now(replace(OLD, mark=SPARE, port_id=None), NEW, ip(3, HUB, on="hub-vip"))


def test_an_address_that_somebody_released_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"192\.0\.2\.2 was released meanwhile"):
        held_now(OLD)
