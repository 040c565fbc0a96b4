from __future__ import annotations

import pytest

from magnumhub.openstack.marks import (
    Mark,
    clusters_of,
    description_of,
    others_tags,
    read_mark,
    tags_remembering,
    tags_with,
)


def test_what_is_written_is_read_again() -> None:
    mark = Mark("iris-cam", "dask_gateway", "allocated", "asked")
    tags = tags_with(mark, [])
    assert tags == [
        "magnumhub:firewall=asked",
        "magnumhub:origin=allocated",
        "magnumhub:role=dask_gateway",
        "magnumhub:site=iris-cam",
    ]
    assert read_mark(tags, "") == mark


def test_tags_of_others_stay_and_old_words_of_ours_go() -> None:
    tags = tags_with(
        Mark("iris-cam", "spare", "given"), ["team=a", "magnumhub:role=jupyterhub", "magnumhub:firewall=open"]
    )
    assert tags == ["magnumhub:origin=given", "magnumhub:role=spare", "magnumhub:site=iris-cam", "team=a"]


def test_an_address_whose_tags_were_never_written_is_known_by_its_description() -> None:
    assert read_mark([], description_of(Mark("iris-cam", "master", "allocated"))) == Mark(
        "iris-cam", "master", "allocated"
    )


def test_what_an_address_is_reserved_for_is_read_from_tags_and_description() -> None:
    mark = Mark("iris-cam", "spare", "allocated", reserved_for="jupyterhub")
    assert tags_with(mark, []) == [
        "magnumhub:for=jupyterhub",
        "magnumhub:origin=allocated",
        "magnumhub:role=spare",
        "magnumhub:site=iris-cam",
    ]
    assert read_mark(tags_with(mark, []), "") == mark
    assert read_mark([], description_of(mark)) == mark


def test_tags_win_over_the_description_of_an_address_that_moved_on() -> None:
    moved = tags_with(Mark("iris-cam", "spare", "allocated"), [])
    assert read_mark(moved, description_of(Mark("iris-cam", "jupyterhub", "allocated"))) == Mark(
        "iris-cam", "spare", "allocated"
    )


@pytest.mark.parametrize(
    ("tags", "description"),
    [
        ([], None),
        ([], "Floating IP for Kubernetes external service proxy-public from cluster kubernetes"),
        ([], "reserved by magnumhub for site=iris-cam role=printer"),
        (["team=a"], "ours, do not touch"),
        (["magnumhub:site=iris-cam", "magnumhub:role=master"], ""),
        (["magnumhub:site=iris-cam", "magnumhub:role=master", "magnumhub:origin=stolen"], ""),
    ],
)
def test_what_is_no_mark_of_ours(tags: list[str], description: str | None) -> None:
    assert read_mark(tags, description) is None


def test_tags_fit_in_an_old_neutron() -> None:
    longest = tags_with(Mark("x" * 40, "dask_gateway", "allocated", "asked"), [])
    assert max(len(tag) for tag in longest) <= 60


def test_which_clusters_an_address_remembers_outlasts_its_role() -> None:
    tags = tags_remembering(["uuid-2"], tags_remembering(["uuid-1"], ["team=a"]))
    moved = tags_with(Mark("iris-cam", "spare", "allocated"), tags)
    assert clusters_of(moved) == {"uuid-1", "uuid-2"}
    assert read_mark(moved, "") == Mark("iris-cam", "spare", "allocated")
    assert others_tags(moved) == ["team=a"]
