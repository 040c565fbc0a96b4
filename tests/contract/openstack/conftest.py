"""The same on both sides: a project by a password and by an application credential, and another project."""

from __future__ import annotations

import os
from collections.abc import Iterator

import openstack
import pytest
from openstack.config import OpenStackConfig

from tests.contract.evidence import Evidence
from tests.contract.openstack import versions
from tests.contract.openstack.cloud import Project, Told
from tests.contract.openstack.magnum_side import built, magnum, magnum_names  # noqa: F401 (fixtures)
from tests.contract.openstack.network import Network
from tests.contract.openstack.servers import servers  # noqa: F401 (a fixture)
from tests.contract.transcript import Transcript
from tests.support.sandbox import running_sandbox


@pytest.fixture(scope="session")
def clouds(side: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, dict]]]:
    """The cloud's name, and all entries of its clouds.yaml."""
    if side == "real":
        name = os.environ.get("MAGNUMHUB_TEST_CLOUD")
        if not name:
            pytest.skip("MAGNUMHUB_TEST_CLOUD names no real cloud")
        # Wherever the clients look for it, with secure.yaml.
        yield name, OpenStackConfig().cloud_config["clouds"]
        return
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "state", dict(os.environ)) as sandbox:
        yield (
            "sandbox",
            OpenStackConfig(config_files=[sandbox.started["clouds_yaml"]], load_envvars=False).cloud_config["clouds"],
        )


def _project(clouds: tuple[str, dict[str, dict]], suffix: str, side: str, evidence: Evidence) -> Project:
    name, entries = clouds
    if name + suffix not in entries:
        what = {"": "the project", "-appcred": "its application credential", "-other": "another project"}[suffix]
        pytest.skip(f"clouds.yaml has no entry {name}{suffix} ({what})")
    return Project(side, openstack.connection.Connection(**entries[name + suffix]), evidence)


@pytest.fixture(scope="session")
def project(
    clouds: tuple[str, dict[str, dict]], side: str, evidence: Evidence, request: pytest.FixtureRequest
) -> Project:
    """The project that the tests work in."""
    project = _project(clouds, "", side, evidence)
    if request.config.getoption("--record"):
        versions.record(project)
    return project


@pytest.fixture(scope="session")
def appcred(clouds: tuple[str, dict[str, dict]], side: str, evidence: Evidence) -> Project:
    """The same project by a restricted application credential."""
    return _project(clouds, "-appcred", side, evidence)


@pytest.fixture(scope="session")
def other(clouds: tuple[str, dict[str, dict]], side: str, evidence: Evidence) -> Project:
    """A project that has nothing to do with it."""
    return _project(clouds, "-other", side, evidence)


@pytest.fixture
def names(clouds: tuple[str, dict[str, dict]], project: Project) -> dict[str, str]:
    """What differs between two clouds without meaning anything, and what must not be recorded."""
    name, entries = clouds
    known = {url: f"<{service}>" for service, url in project.roots.items()}
    for suffix, whose in (("-appcred", "ours"), ("-other", "theirs"), ("", "ours")):
        entry = entries.get(name + suffix, {"auth": {}})
        auth = entry["auth"]
        # A user and a project may well be called the same; their ids tell them apart.
        called = (auth.get("username"), auth.get("project_name"))
        known |= {text: f"<{whose}>" for text in called if text}
        known |= {entry["region_name"]: "<region>"} if "region_name" in entry else {}
        known |= {auth[field]: f"<{field}>" for field in ("password", "application_credential_secret") if field in auth}
    return known


@pytest.fixture
def told(project: Project, transcript: Transcript) -> Told:
    """The project, its answers written into the transcript."""
    return Told(project, transcript)


@pytest.fixture
def network(project: Project) -> Iterator[Network]:
    """The project's network; what a test makes in it is taken away afterwards."""
    network = Network(project)
    yield network
    network.clean()
