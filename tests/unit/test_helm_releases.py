from __future__ import annotations

from typing import Any

import pytest

from magnumhub.remote.helm import helm_words, is_about_a_lost_answer
from magnumhub.remote.jobs import JobState
from magnumhub.remote.releases import ReleaseSeen, decide_release, recovery_revision, same

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


@pytest.mark.parametrize(
    ("said", "is_lost"),
    [
        ('Kubernetes cluster unreachable: Get "https://127.0.0.1:6443/version": EOF', True),
        ('Patch "https://10.0.0.5:6443/api/v1/namespaces/jhub/services/hub": unexpected EOF', True),
        ("read tcp 10.0.0.5:50824->10.0.0.5:6443: read: connection reset by peer", True),
        ("dial tcp 10.0.0.5:6443: connect: connection refused", True),
        ("net/http: TLS handshake timeout", True),
        ('failed to create resource: services "hub" is forbidden: exceeded quota', False),
        ('cannot patch "hub" with kind Deployment: field is immutable', False),
    ],
)
def test_an_answer_that_was_lost_is_told_from_a_refusal(said: str, is_lost: bool) -> None:
    assert is_about_a_lost_answer(said) is is_lost
