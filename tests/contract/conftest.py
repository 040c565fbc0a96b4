"""Every test here runs twice: against the sandbox and against the real service, where the environment names one.

MAGNUMHUB_TEST_CLOUD      an entry of clouds.yaml (OS_CLIENT_CONFIG_FILE): real OpenStack services
MAGNUMHUB_TEST_KUBECONFIG a real Kubernetes API; or KUBEBUILDER_ASSETS, a folder with its programs
MAGNUMHUB_TEST_REQUIRE    services that have to be there, separated by commas: without them the run fails

A folder of tests is a service. `--record` writes the recorded answers anew from the real services.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract import claims, versions
from tests.contract.differences import ignored_fields, listed
from tests.contract.evidence import Evidence, Tally, contradicted, missing_suites, unseen
from tests.contract.kube_side import kube  # noqa: F401 - a fixture
from tests.contract.normalise import Normaliser
from tests.contract.transcript import Transcript, recorded_path

HERE = Path(__file__).parent
EVIDENCE, TALLY = pytest.StashKey[Evidence](), pytest.StashKey[Tally]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="write the recorded answers anew from the real services")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "not_recorded: all is asserted by value, there are no recorded answers")
    config.stash[EVIDENCE], config.stash[TALLY] = Evidence(), Tally()


@pytest.fixture(scope="session", params=["sandbox", "real"])
def side(request: pytest.FixtureRequest) -> str:
    """Which of the two this test runs against."""
    if request.config.getoption("--record") and request.param == "sandbox":
        pytest.skip("only the real services are recorded")
    return str(request.param)


@pytest.fixture(scope="session")
def evidence(request: pytest.FixtureRequest) -> Evidence:
    return request.config.stash[EVIDENCE]


@pytest.fixture
def transcript(request: pytest.FixtureRequest, side: str, names: dict[str, str]) -> Iterator[Transcript]:
    """What this test's service answers; at its end it has to agree with what was recorded.

    `names` is the service's own fixture: what it calls things -> the name both sides use for them.
    """
    path = recorded_path(request.node.path.relative_to(HERE), request.node.name, side)
    kept = Transcript(path, ignored_fields(), Normaliser(names))
    yield kept
    if request.node.get_closest_marker("not_recorded"):
        assert not kept.exchanges, "answers are told that nothing is compared with"
    elif request.node.stash.get(PASSED, False):
        kept.record() if request.config.getoption("--record") else kept.compare()


PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    report = yield
    if call.when == "call":
        item.stash[PASSED] = report.passed
    if HERE in item.path.parents and hasattr(item, "callspec") and "side" in item.callspec.params:
        side = item.callspec.params["side"]
        service = item.path.relative_to(HERE).parts[0]
        if call.when == "call" or report.outcome != "passed":
            item.config.stash[TALLY].add(service, side, report.outcome)
    return report


def _verdict(config: pytest.Config) -> list[str]:
    """What is wrong with the run as a whole."""
    required = [name for name in os.environ.get("MAGNUMHUB_TEST_REQUIRE", "").split(",") if name]
    outcomes = config.stash[TALLY].outcomes
    wrong = [f"{name}: not all of its tests ran on the real service" for name in missing_suites(required, outcomes)]
    if config.getoption("--record"):
        return wrong
    if config.getoption("keyword") or _part_of(config):
        told = "this was a part of the suite, so what was seen was not held against what the sandbox can answer"
        return [*wrong, told] if required else wrong
    for side, counted in (("sandbox", "the sandbox itself"), ("real", "the real service")):
        for service in claims.SERVICES:
            if not outcomes.get((service, side), {}).get("passed"):
                continue
            seen = config.stash[EVIDENCE].seen[side]
            for name, route, status in unseen(claims.of(service), seen, listed()):
                wrong.append(f"{name}: {route} {status} was not seen from {counted}")
    return wrong


def _part_of(config: pytest.Config) -> bool:
    """Whether only a part of the suite was asked for, or this process sees only a part of it."""
    whole = {HERE, HERE.parent}
    asked = {Path(argument).resolve() for argument in config.args}
    return not asked & whole or hasattr(config, "workerinput") or bool(config.getoption("numprocesses", None))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--record"):
        for (folder, side), counts in session.config.stash[TALLY].outcomes.items():
            if side == "real" and counts["passed"]:
                versions.record(folder)
    if session.exitstatus == pytest.ExitCode.OK and _verdict(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for (service, side), counts in sorted(config.stash[TALLY].outcomes.items()):
        told = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
        terminalreporter.write_line(f"contract {service}, {side}: {told}")
    for service, route, status in contradicted(config.stash[EVIDENCE].seen["real"], listed()):
        terminalreporter.write_line(f"contract {service}: {route} {status} is listed as not seen, but it was")
    for wrong in _verdict(config):
        terminalreporter.write_line(f"contract {wrong}", red=True)
