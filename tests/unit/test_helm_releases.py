from __future__ import annotations

from typing import Any

import pytest

from magnumhub.remote.jobs import JobState
from magnumhub.remote.releases import ReleaseSeen, decide_release, helm_words, recovery_revision, same

NOW = 10_000.0
NO_JOB = JobState("none")


def seen(status: str, version: str = "4.4.0", updated: float = NOW - 60) -> ReleaseSeen:
    return ReleaseSeen("jupyterhub", "jhub", 1, status, "jupyterhub", version, "5.5.0", updated)


def ended(at: float) -> JobState:
    return JobState("ended", 0, at)


@pytest.mark.parametrize(
    ("release", "same_values", "job", "step"),
    [
        (None, False, NO_JOB, "install"),
        (seen("deployed"), True, NO_JOB, "keep"),
        (seen("deployed"), True, ended(NOW - 59), "keep"),
        (seen("deployed"), False, NO_JOB, "upgrade"),
        (seen("deployed", "4.1.0"), True, NO_JOB, "upgrade"),
        (seen("failed"), True, NO_JOB, "upgrade"),
        (None, False, JobState("running"), "wait"),
        (seen("deployed"), True, JobState("running"), "wait"),
        (seen("pending-install"), False, JobState("running"), "wait"),
        (seen("pending-install"), False, JobState("died"), "recover"),
        (seen("pending-upgrade"), False, ended(NOW - 30), "recover"),
        (seen("pending-rollback"), False, ended(NOW - 30), "recover"),
        (seen("uninstalling"), False, JobState("died"), "finish_uninstall"),
    ],
)
def test_what_comes_next(release: ReleaseSeen | None, same_values: bool, job: JobState, step: str) -> None:
    decided = decide_release(release, version="4.4.0", same_values=same_values, job=job, now=NOW, term_s=900)
    assert decided.step == step


@pytest.mark.parametrize("job", [NO_JOB, ended(NOW - 3600)])
@pytest.mark.parametrize(("age_s", "step"), [(60, "wait"), (901, "recover")])
def test_a_helm_elsewhere_has_its_term(job: JobState, age_s: float, step: str) -> None:
    release = seen("pending-upgrade", updated=NOW - age_s)
    assert decide_release(release, version="4.4.0", same_values=True, job=job, now=NOW, term_s=900).step == step


@pytest.mark.parametrize(
    ("statuses", "revision"),
    [
        (["pending-install"], 1),
        (["superseded", "deployed", "pending-upgrade"], 2),
        (["superseded", "failed", "pending-upgrade"], 1),
        (["failed", "pending-upgrade"], 2),
    ],
)
def test_a_rollback_goes_to_the_last_revision_that_served(statuses: list[str], revision: int) -> None:
    history = [{"revision": number, "status": status} for number, status in enumerate(statuses, start=1)]
    assert recovery_revision(history) == revision


@pytest.mark.parametrize(
    ("asked", "found", "equal"),
    [
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}, True),
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": (1, 2)}, {"a": [1, 2]}, True),
        ({}, None, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": None}, {}, False),
        ({"a": {"b": 0.5}}, {"a": {"b": 0.5}}, True),
    ],
)
def test_values_are_compared_as_helm_knows_them(asked: dict[str, Any], found: Any, equal: bool) -> None:
    assert same(asked, found) is equal


def test_helms_own_words_are_kept_and_nothing_else() -> None:
    stderr = (
        'level=WARN msg="upgrade failed" name=demo error="pre-upgrade hooks failed"\n'
        "Error: UPGRADE FAILED: pre-upgrade hooks failed: resource Job/d/slow not ready. status: InProgress\n"
        "context deadline exceeded\n"
    )
    assert helm_words(stderr) == (
        "pre-upgrade hooks failed: resource Job/d/slow not ready. status: InProgress\ncontext deadline exceeded"
    )
