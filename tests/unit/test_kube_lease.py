from __future__ import annotations

import pytest

from magnumhub.kube.lease import Holder, LeaseSeen, decide_lease, parse_holder

ME = Holder("runner:1", 10, "5000")
OTHER = "laptop:1/77/123"


@pytest.mark.parametrize(
    ("seen", "dead", "unchanged_s", "step"),
    [
        (None, False, 0, "take"),
        (LeaseSeen("", "1"), False, 0, "take"),
        (LeaseSeen(str(ME), "1"), False, 0, "take"),
        (LeaseSeen(OTHER, "1"), False, 0, "wait"),
        (LeaseSeen(OTHER, "1"), False, 29, "wait"),
        (LeaseSeen(OTHER, "1"), False, 31, "take"),
        (LeaseSeen(OTHER, "1"), True, 0, "take"),
    ],
)
def test_who_may_have_it(seen: LeaseSeen | None, dead: bool, unchanged_s: float, step: str) -> None:
    assert decide_lease(seen, ME, holder_is_dead=dead, unchanged_s=unchanged_s) == step


def test_a_holder_is_read_as_it_was_written() -> None:
    assert parse_holder(str(ME)) == ME


@pytest.mark.parametrize("identity", ["", "somebody", "host/x/y", "host/12/"])
def test_a_foreign_identity_is_no_process_of_ours(identity: str) -> None:
    assert parse_holder(identity) is None
