"""Which runs are dead, with literal values."""

from __future__ import annotations

import pytest

from magnumhub.domain.liveness import is_dead


@pytest.mark.parametrize(
    ("state", "silent_for_s", "dead"),
    [
        ("RUNNING", 90.0, True),
        ("RUNNING", None, True),
        ("RUNNING", 89.0, False),  # the server was away, and it is heard again
        ("PAUSED", 900.0, False),  # it waits for a person
        ("SCHEDULED", 900.0, False),  # it waits to be retried
        ("COMPLETED", 900.0, False),
    ],
)
def test_only_a_run_that_goes_on_in_silence_is_dead(state: str, silent_for_s: float | None, dead: bool) -> None:
    assert is_dead(state, silent_for_s, limit_s=90) is dead
