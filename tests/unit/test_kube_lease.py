from __future__ import annotations

import pytest

from magnumhub.kube.lease import Holder, LeaseSeen, decide_lease, parse_holder

ME = Holder("runner:1", 10, "5000")
OTHER = "laptop:1/77/123"


@pytest.mark.parametrize(
    ("seen", "dead", "step"),
    [
        (None, False, "take"),
        (LeaseSeen("", 5, "1"), False, "take"),
        (LeaseSeen(str(ME), 5, "1"), False, "take"),
        (LeaseSeen(OTHER, 5, "1"), False, "wait"),
        (LeaseSeen(OTHER, 29, "1"), False, "wait"),
        (LeaseSeen(OTHER, 31, "1"), False, "take"),
        (LeaseSeen(OTHER, 5, "1"), True, "take"),
    ],
)
def test_who_may_have_it(seen: LeaseSeen | None, dead: bool, step: str) -> None:
    assert decide_lease(seen, ME, dead) == step


def test_a_holder_is_read_as_it_was_written() -> None:
    assert parse_holder(str(ME)) == ME


@pytest.mark.parametrize("identity", ["", "somebody", "host/x/y", "host/12/"])
def test_a_foreign_identity_is_no_process_of_ours(identity: str) -> None:
    assert parse_holder(identity) is None
