"""Which schedules have to be made, changed and removed, with literal values."""

from __future__ import annotations

import pytest

from magnumhub.domain.schedules import Nightly, ScheduleAction, decide_schedules, other_sites

FOUR = Nightly(cron="0 4 * * *", timezone="Europe/London")
FIVE = Nightly(cron="0 5 * * *", timezone="Europe/London")
ELSEWHERE = Nightly(cron="0 4 * * *", timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("wanted", "present", "actions"),
    [
        ({"lab": FOUR}, {}, {"lab": "created"}),
        ({"lab": FOUR}, {"lab": FOUR}, {"lab": "kept"}),
        ({"lab": FIVE}, {"lab": FOUR}, {"lab": "changed"}),
        ({"lab": ELSEWHERE}, {"lab": FOUR}, {"lab": "changed"}),
        ({"lab": FOUR}, {"lab": None}, {"lab": "changed"}),  # somebody made it an interval
        ({}, {"lab": FOUR}, {"lab": "removed"}),
        ({}, {}, {}),
        ({"b": FOUR, "a": FOUR}, {"c": FOUR}, {"a": "created", "b": "created", "c": "removed"}),
    ],
)
def test_each_site_has_its_schedule(
    wanted: dict[str, Nightly], present: dict[str, Nightly | None], actions: dict[str, ScheduleAction]
) -> None:
    decided = decide_schedules(wanted, present)
    assert {change.site: change.action for change in decided} == actions
    assert [change.site for change in decided] == sorted(actions)
    assert {change.site: change.nightly for change in decided if change.nightly} == wanted


def test_a_file_that_is_wrong_now_costs_no_schedule() -> None:
    changes = decide_schedules({}, {"lab": FOUR}, unreadable={"lab", "new"})
    assert [(change.site, change.action, change.nightly) for change in changes] == [
        ("lab", "unreadable", FOUR),
        ("new", "unreadable", None),
    ]


@pytest.mark.parametrize(
    ("ours", "present", "others"),
    [
        ({"heat"}, {"ox", "cam"}, ["cam", "ox"]),
        (set(), {"cam"}, ["cam"]),
        ({"cam", "heat"}, {"ox", "cam"}, []),  # one of ours has gone
        ({"heat"}, set(), []),
        (set(), set(), []),
    ],
)
def test_a_server_that_has_none_of_our_sites_is_told_from_ours(
    ours: set[str], present: set[str], others: list[str]
) -> None:
    assert other_sites(ours, present) == others
