from __future__ import annotations

import pytest

from magnumhub.services.outage_process import longest_s


@pytest.mark.parametrize(
    ("probes", "longest"),
    [
        ([], 0.0),
        ([(1.0, True), (1.05, True)], 0.0),
        ([(1.0, True), (2.0, False), (3.0, False), (3.5, True), (4.0, True)], 1.5),
        ([(3.0, False), (1.0, True), (3.5, True), (2.0, False)], 1.5),  # answered out of order
        ([(1.0, False), (2.0, True), (3.0, False), (5.0, True)], 2.0),
        ([(1.0, True), (2.0, False)], 8.0),
        # Nothing was sent in between: nothing is known of that time, and nothing is claimed.
        ([(1.0, True), (7.0, True)], 0.0),
    ],
)
def test_the_longest_time_without_an_answer(probes: list[tuple[float, bool]], longest: float) -> None:
    assert longest_s(probes, until_s=10.0) == longest
