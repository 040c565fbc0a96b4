"""Real charts on a real API: MAGNUMHUB_TEST_CHARTS is a folder of archives; the API is the contract suites' one.

Without the folder nothing is collected and one line says so. With it, a run in which nothing ran is a failure.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from magnumhub.domain.compat import ChartName
from magnumhub.domain.errors import RefusedError
from magnumhub.kube.client import Kube, KubeCredentials, from_kubeconfig, kube_client
from magnumhub.remote.charts import read_archive
from sandbox.chart_repository import packed_charts
from sandbox.tools import executable
from tests.charts.archives import CHARTS, Given, of_chart, other_chart, read_folder
from tests.charts.configured import READ_BY
from tests.support.instant_node import InstantNode
from tests.support.kube_api import named, real_api

FOLDER = os.environ.get("MAGNUMHUB_TEST_CHARTS")
Partner = Callable[[Given], Given]
_HERE = Path(__file__).parent
_RUNNING = ExitStack()


@cache
def sandboxs() -> set[tuple[str, str]]:
    """Chart and version of the sandbox's own."""
    names = [Path(name).name.removesuffix(".tgz") for name in packed_charts() if name.endswith(".tgz")]
    return {(chart, name.removeprefix(f"{chart}-")) for chart in CHARTS for name in names if name.startswith(chart)}


@cache
def given() -> list[Given]:
    return read_folder(Path(FOLDER)) if FOLDER else []


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    return True if not FOLDER and collection_path.is_relative_to(_HERE) else None


def pytest_configure() -> None:
    if not FOLDER:
        return
    if not named(os.environ):
        raise pytest.UsageError("MAGNUMHUB_TEST_CHARTS needs an API: MAGNUMHUB_TEST_KUBECONFIG or KUBEBUILDER_ASSETS")
    try:
        there = given()
    except RefusedError as error:
        raise pytest.UsageError(f"MAGNUMHUB_TEST_CHARTS: {error.message}") from error
    if not there:
        raise pytest.UsageError(f"MAGNUMHUB_TEST_CHARTS: {FOLDER} has no archive (*.tgz) of {' or '.join(CHARTS)}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not FOLDER and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK
    elif FOLDER and session.exitstatus == pytest.ExitCode.OK and not reporter.stats.get("passed"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure() -> None:
    _RUNNING.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not FOLDER:
        terminalreporter.write_line("skipped: real charts. MAGNUMHUB_TEST_CHARTS names no folder of chart archives")
    else:
        counts = ", ".join(f"{len(of_chart(given(), chart))} of {chart}" for chart in CHARTS)
        fitting = sum(each.fits(kubernetes_version()) for each in given())
        on = f"Kubernetes {kubernetes_version()}: {fitting} to be installed, {len(given()) - fitting} to be refused"
        terminalreporter.write_line(f"real charts in {FOLDER}: {counts}; on {on}")
        read = "; ".join(f"{label} by {image}" for label, image in READ_BY.items())
        terminalreporter.write_line(f"their code was read: {read or 'by nobody, as no such test ran'}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which archives a test is run for, by the name of its argument."""
    wanted: dict[str, tuple[str, Callable[[Given], bool]]] = {
        "chart": ("", lambda each: True),
        "set_up": ("of a version that values are composed for", lambda each: each.is_set_up),
        "gateway": ("of such a dask-gateway", lambda each: each.is_set_up and each.chart == "dask-gateway"),
        "twinned": ("of a version that the sandbox has", lambda each: (each.chart, each.version) in sandboxs()),
        "fitting": ("for this Kubernetes", lambda each: each.fits(kubernetes_version())),
        "refused": ("to be refused on this Kubernetes", lambda each: not each.fits(kubernetes_version())),
    }
    for name, (what, holds) in wanted.items():
        if name in metafunc.fixturenames:
            chosen = [pytest.param(each, id=each.label) for each in given() if holds(each)]
            none = pytest.param(None, id="none", marks=pytest.mark.skip(reason=f"the folder has no archive {what}"))
            metafunc.parametrize(name, chosen or [none])


@cache
def kubeconfig_file() -> Path:
    """Of the API, which is started where the environment names programs instead of one that runs."""
    folder = Path(_RUNNING.enter_context(tempfile.TemporaryDirectory()))
    environment = dict(os.environ)
    if path := environment.get("MAGNUMHUB_TEST_KUBECONFIG"):
        environment["MAGNUMHUB_TEST_KUBECONFIG"] = str(_flattened(path, folder))
    access = _RUNNING.enter_context(real_api(environment, folder))
    if not access.has_controllers:
        raise pytest.UsageError(
            "KUBEBUILDER_ASSETS has no kube-controller-manager and kube-scheduler: no pod gets ready"
        )
    if access.authority is not None:
        own = _RUNNING.enter_context(kube_client(from_kubeconfig(access.kubeconfig.read_text())))
        _RUNNING.callback(InstantNode(own.api_client, folder, access.authority).leave)
    return access.kubeconfig


def _flattened(kubeconfig: str, folder: Path) -> Path:
    """With its certificates inside, where it names files."""
    command = [executable("kubectl"), "--kubeconfig", kubeconfig, "config", "view", "--raw", "--flatten", "--minify"]
    path = folder / "flattened"
    path.write_text(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return path


@cache
def credentials() -> KubeCredentials:
    return from_kubeconfig(kubeconfig_file().read_text())


@cache
def kubernetes_version() -> str:
    """Of the API, such as v1.36.3."""
    with kube_client(credentials()) as client:
        return str(client.version.get_code().git_version)


@pytest.fixture(scope="session")
def kube() -> Iterator[Kube]:
    with kube_client(credentials()) as client:
        yield client


@pytest.fixture(scope="session")
def kubernetes() -> str:
    return kubernetes_version()


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    return str(kubeconfig_file())


@pytest.fixture(scope="session")
def sandbox_charts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Given]:
    """The sandbox's own charts, by name and version; the newest of each first."""
    folder = tmp_path_factory.mktemp("sandbox")
    packed = {}
    for name, content in packed_charts().items():
        if name.endswith(".tgz"):
            path = folder / Path(name).name
            path.write_bytes(content)
            archive = read_archive(content)
            chart = next(each for each in CHARTS if each == archive.name)
            packed[chart, archive.version] = Given(path, chart, archive)
    return packed


@pytest.fixture(scope="session")
def partner(sandbox_charts: dict[tuple[str, str], Given]) -> Partner:
    """What a chart is installed beside: the folder's newest of the other one, else the sandbox's."""

    @cache
    def of(chart: ChartName) -> Given:
        there = [each for each in of_chart(given(), other_chart(chart)) if each.is_set_up]
        return (
            there[-1] if there else next(each for each in sandbox_charts.values() if each.chart == other_chart(chart))
        )

    return lambda each: of(each.chart)
