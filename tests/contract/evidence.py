"""Which answers were seen from which side, against what the sandbox says that it can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.contract.differences import Difference

Answer = tuple[str, str, int]
"""(service, route, status), the route as the sandbox's table has it: `GET /v2.0/ports/{id}`."""


@dataclass
class Evidence:
    """The answers of one run of the suite, by side."""

    seen: dict[str, set[Answer]] = field(default_factory=lambda: {"sandbox": set(), "real": set()})

    def add(self, side: str, service: str, route: str, status: int) -> None:
        """An answer was seen."""
        self.seen[side].add((service, route, status))


def unseen(claims: set[Answer], seen: set[Answer], listed: list[Difference]) -> list[Answer]:
    """What the sandbox can answer, was not seen and is not listed as a difference."""
    missing = sorted(claims - seen)
    return [answer for answer in missing if not any(difference.excuses(*answer) for difference in listed)]


def contradicted(seen: set[Answer], listed: list[Difference]) -> list[Answer]:
    """What is listed as an answer that need not be seen, and was seen."""
    return sorted(answer for answer in seen if any(difference.excuses(*answer) for difference in listed))


@dataclass
class Tally:
    """How the tests of one service ended, by side: (service, side) -> outcome -> number."""

    outcomes: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)

    def add(self, service: str, side: str, outcome: str) -> None:
        """A test ended."""
        counts = self.outcomes.setdefault((service, side), {"passed": 0, "failed": 0, "skipped": 0})
        counts[outcome] += 1


def missing_suites(required: list[str], outcomes: Mapping[tuple[str, str], Mapping[str, int]]) -> list[str]:
    """The services that have to be verified and of whose tests on the real one none passed, or some were skipped."""
    nothing = {"passed": 0, "skipped": 0}
    ran = {service: outcomes.get((service, "real"), nothing) for service in required}
    return [service for service, counts in ran.items() if not counts["passed"] or counts["skipped"]]
