"""Which runs are dead, with literal values."""

from __future__ import annotations

import pytest

from magnumhub.domain.liveness import is_dead


@pytest.mark.parametrize(
    ("state", "silent_for_s", "dead"),
    [
        ("RUNNING", 90.0, True),
        ("PENDING", 165.0, True),  # its worker died before the run had begun
        ("PENDING", 16.0, False),  # it is being started
        ("PENDING", 89.0, False),  # the same on a busy machine
        ("RUNNING", 89.0, False),  # the server was away, and it is heard again
        ("PAUSED", 900.0, False),  # it waits for a person
        ("SCHEDULED", 900.0, False),  # it waits to be retried, or for a worker
        ("COMPLETED", 900.0, False),
        ("CRASHED", 900.0, False),  # it was marked already
    ],
)
def test_only_a_run_that_goes_on_in_silence_is_dead(state: str, silent_for_s: float, dead: bool) -> None:
    assert is_dead(state, silent_for_s, limit_s=90) is dead
