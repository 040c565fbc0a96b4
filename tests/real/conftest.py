"""The whole runbook on real services; what is not real is said in the report at the end.

    MAGNUMHUB_TEST_CLOUD    an entry of clouds.yaml (OS_CLIENT_CONFIG_FILE): a project that is empty
    MAGNUMHUB_TEST_SSH_KEY  the private key of the project's keypair `default`; without it ssh's own keys are tried

Without the first nothing runs, and the run says so; with it, a run in which nothing ran is a failure. The project's
clusters need the sandbox's node and load balancer on their Kubernetes API (.ci/rig/cluster_hook.py), as the images that
run here are the sandbox's. Whatever the tests made is deleted at their end; a project that is not empty before is not
touched.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml

from sandbox.chart_repository import create_app
from sandbox.sites import HELM_VERSION
from sandbox.tools import executable
from tests.real.project import Project

CLOUD, SSH_KEY = "MAGNUMHUB_TEST_CLOUD", "MAGNUMHUB_TEST_SSH_KEY"
WriteSite = Callable[..., Path]
"""(name of the site, part=what differs there, …) -> the site file."""
REPORT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not os.environ.get(CLOUD):
        terminalreporter.write_line(f"NOT RUN on real services: {CLOUD} is not set", red=True)
    for line in config.stash[REPORT]:
        terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get(CLOUD) and session.exitstatus == pytest.ExitCode.OK and not reporter.stats.get("passed"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the end of the run."""
    return pytestconfig.stash[REPORT]


@pytest.fixture(scope="session")
def cloud() -> str:
    """The entry of clouds.yaml; without one, nothing here runs."""
    if not os.environ.get(CLOUD):
        pytest.skip(f"{CLOUD} is not set")
    return os.environ[CLOUD]


@pytest.fixture(scope="module")
def project(cloud: str) -> Iterator[Project]:
    """The project, empty; what a file's tests left in it is deleted in the end."""
    project = Project(cloud)
    there = project.inventory()
    assert not there, f"the project of {CLOUD} is not empty: {there}"
    yield project
    project.delete_all()


@pytest.fixture(scope="session")
def charts() -> Iterator[str]:
    """The sandbox's chart repositories."""
    server = uvicorn.Server(uvicorn.Config(create_app(), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
        assert thread.is_alive(), "the chart repository did not start"
    host, port = server.servers[0].sockets[0].getsockname()
    yield f"http://{host}:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def write_site(project: Project, cloud: str, charts: str, tmp_path_factory: pytest.TempPathFactory) -> WriteSite:
    """Writes a site file as an operator does: nothing in it is special to these services."""
    folder = tmp_path_factory.mktemp("real")
    password = folder / "hub-password"
    password.write_text("of no use elsewhere\n")
    plain: dict[str, Any] = {
        "cloud": cloud,
        "project": project.name,
        "cluster": {"keypair": "default", "node_count": 2, "node_flavor": project.flavor(vcpus=4, ram_gib=8)},
        "network": {"external_network": project.external_network(), "load_balancers": "external"},
        "access": {"ssh_key": os.environ.get(SSH_KEY)},
        "storage": {"kind": "dynamic", "home_gib": 1},
        "helm": {"version": HELM_VERSION, "source": "upload", "path": str(executable("helm"))},
        "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
        "jupyterhub": {
            "chart": {"repo": f"{charts}/jupyterhub"},
            "auth": {"kind": "dummy", "password": {"file": str(password)}, "allow": "all"},
        },
        "dask_gateway": {"chart": {"repo": f"{charts}/dask-gateway"}},
        "health": {"workers": 2, "array_size": 1000, "chunk": 250},
    }

    def write(name: str, **changes: dict[str, Any]) -> Path:
        path = folder / f"{name}.yaml"
        site = plain | {part: plain[part] | values for part, values in changes.items()}
        path.write_text(yaml.safe_dump({"name": name, **site}, sort_keys=False))
        return path

    return write


@pytest.fixture(scope="session")
def environment(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The operator's, with a Prefect server that runs already and a home for what is remembered between runs."""
    home = tmp_path_factory.mktemp("home")
    return os.environ | {
        "PREFECT_API_URL": prefect_server,
        "PREFECT_HOME": str(home / "prefect"),
        "XDG_STATE_HOME": str(home / "state"),
    }
