"""Findings: how they add up and in which order they are read."""

from __future__ import annotations

import pytest

from magnumhub.domain.findings import Category, Finding, Level, worst, worst_first


def finding(level: Level, summary: str) -> Finding:
    return Finding(check="hub", level=level, category=Category.SERVICE, summary=summary, remedy="look")


@pytest.mark.parametrize(
    ("levels", "whole"),
    [
        ([], "Skipped"),
        (["Skipped", "Healthy"], "Healthy"),
        (["Healthy", "Unknown"], "Unknown"),
        (["Unknown", "Degraded", "Healthy"], "Degraded"),
        (["Degraded", "Unhealthy", "Skipped"], "Unhealthy"),
    ],
)
def test_the_whole_is_as_bad_as_its_worst_part(levels: list[Level], whole: Level) -> None:
    assert worst(levels) == whole


def test_the_worst_is_read_first_and_equals_in_their_order() -> None:
    findings = [finding("Unknown", "a"), finding("Degraded", "b"), finding("Unhealthy", "c"), finding("Degraded", "d")]

    assert [f.summary for f in worst_first(findings)] == ["c", "b", "d", "a"]


def test_a_finding_as_a_document() -> None:
    assert finding("Degraded", "slow").model_dump(mode="json") == {
        "check": "hub",
        "level": "Degraded",
        "category": "service",
        "summary": "slow",
        "remedy": "look",
    }
