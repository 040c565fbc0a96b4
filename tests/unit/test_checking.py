"""How one check runs: bounded, tried once more where that can help, never ended by an exception."""

from __future__ import annotations

import threading
import time

import pytest

from magnumhub.domain.checking import Checking, checked, concealed, look_once, may_pass, run_check, settled, skipped
from magnumhub.domain.errors import AuthenticationError, TransientError
from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.health import Checked


def quiet(line: str) -> None:
    """Progress that nobody reads."""


def finding(category: Category, level: Level = "Unhealthy") -> Finding:
    return Finding(check="hub", level=level, category=category, summary="it is so", remedy="do this")


def seen(*findings: Finding) -> Checked:
    return checked("hub", findings, duration_s=1, summary="all is well")


def test_a_check_tells_its_summary_and_its_facts() -> None:
    def look(check: Checking) -> None:
        check.summary = "JupyterHub 5.5.0"
        check.facts["version"] = "5.5.0"
        check.beside_s = 100

    found = look_once("hub", look)
    assert (found.check.level, found.check.summary, found.facts) == (
        "Healthy",
        "JupyterHub 5.5.0",
        {"version": "5.5.0"},
    )
    assert found.check.duration_s < 0, "time that belongs to other checks is not its own"


def test_an_error_of_ours_is_a_finding_with_its_hint() -> None:
    def look(check: Checking) -> None:
        raise AuthenticationError("Keystone said 401", "renew the credential")

    found = look_once("kubernetes", look)
    assert [(f.level, f.category, f.summary, f.remedy) for f in found.findings] == [
        ("Unhealthy", "credentials", "Keystone said 401", "Renew the credential.")
    ]


def test_an_error_that_nobody_foresaw_is_no_traceback_and_no_verdict() -> None:
    def look(check: Checking) -> None:
        raise KeyError("status")

    found = look_once("workloads", look)
    assert found.check.level == "Unknown"
    assert "KeyError" in found.check.summary
    assert "report it" in found.findings[0].remedy


def test_a_check_that_does_not_end_is_ended_at_its_limit() -> None:
    never = threading.Event()
    started = time.monotonic()
    # Credentials do not pass: there is no second try, so that the first one's limit is all that is waited for.
    found = run_check("expiry", lambda check: (never.wait(), None)[1], limit_s=0.2, report=quiet, pause_s=0.1)
    assert time.monotonic() - started < 5
    never.set()
    assert (found.check.level, found.findings[0].category) == ("Unhealthy", "service")
    assert "within 0 s" in found.check.summary


def test_what_may_pass_is_tried_once_more() -> None:
    tries = []

    def look(check: Checking) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise TransientError("no answer", "look again")
        check.summary = "answers"

    said: list[str] = []
    found = run_check("hub", look, limit_s=5, report=said.append, pause_s=0.1)
    assert (found.check.level, found.unsteady, len(tries)) == ("Healthy", True, 2)
    assert [(f.level, f.category) for f in found.findings] == [("Healthy", "service")]
    assert "no answer" in found.findings[0].summary
    assert "once more" in said[0]


def test_what_lasts_is_told_at_once() -> None:
    tries = []

    def look(check: Checking) -> None:
        tries.append(1)
        raise AuthenticationError("401")

    assert run_check("hub", look, limit_s=5, report=quiet).check.level == "Unhealthy"
    assert len(tries) == 1


def test_down_twice_is_down() -> None:
    found = settled(seen(finding(Category.SERVICE)), seen(finding(Category.SERVICE)))
    assert (found.check.level, found.unsteady, len(found.findings)) == ("Unhealthy", False, 1)


def test_a_second_try_that_could_not_be_made_is_no_success() -> None:
    found = settled(seen(finding(Category.WORKLOAD)), skipped("hub", "the hub does not answer"))
    assert (found.check.level, found.unsteady) == ("Skipped", False)


def test_what_a_service_quoted_is_concealed() -> None:
    quoted = Finding(
        check="workloads",
        level="Unhealthy",
        category=Category.WORKLOAD,
        summary="hub: ended 4 times | client_secret='s3cr3t-oidc'",
        remedy="look for s3cr3t-oidc",
    )
    told = concealed(checked("workloads", [quoted], duration_s=1, summary=""), ["s3cr3t-oidc"])
    assert "s3cr3t" not in told.model_dump_json()
    assert told.findings[0].summary == told.check.summary == "hub: ended 4 times | client_secret='***'"


def test_not_to_know_is_as_bad_as_the_check_says() -> None:
    def look(check: Checking) -> None:
        raise TransientError("Nova answered 503")

    assert run_check("quota", look, limit_s=5, report=quiet, unseen="Degraded").check.level == "Degraded"
    # Nobody is let in: that is never only a flaw.
    refused = look_once("quota", lambda check: (_ for _ in ()).throw(AuthenticationError("401")), "Degraded")
    assert refused.check.level == "Unhealthy"


@pytest.mark.parametrize(
    ("findings", "passes"),
    [
        ((), False),
        ((finding(Category.SERVICE, "Degraded"),), False),
        ((finding(Category.SERVICE),), True),
        ((finding(Category.ADDRESS), finding(Category.WORKLOAD)), True),
        ((finding(Category.WORKLOAD), finding(Category.VERSIONS)), False),
        ((finding(Category.RESULT),), False),
    ],
)
def test_which_failures_may_pass(findings: tuple[Finding, ...], passes: bool) -> None:
    assert may_pass([seen(*findings)]) is passes
