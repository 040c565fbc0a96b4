"""Real things to adapt to: a Kubernetes API, Helm, and a machine with an ssh server, all in this test's process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from magnumhub.domain.spec import HelmSpec
from magnumhub.kube.client import Kube, KubeCredentials, from_kubeconfig, kube_client
from magnumhub.remote.access import SSHTarget
from sandbox import tools
from sandbox.kube import KubeCluster
from tests.integration.kube_api import certificate_authority
from tests.support.loop import Loop
from tests.support.ssh import SandboxServer, target_of


@pytest.fixture(scope="session")
def loop() -> Loop:
    return Loop()


@pytest.fixture(scope="session")
def credentials(loop: Loop) -> Iterator[KubeCredentials]:
    """Of the API that MAGNUMHUB_TEST_KUBECONFIG names, else of one in this process."""
    if path := os.environ.get("MAGNUMHUB_TEST_KUBECONFIG"):
        yield from_kubeconfig(Path(path).read_text())
        return
    certificate, key = certificate_authority()
    api = KubeCluster(
        name="test",
        version="v1.31.1",
        ca_cert=certificate,
        ca_key=key,
        service_cidr="127.1.20.0/22",
        sans=["127.0.0.1"],
    )
    loop.run(api.start())
    port = loop.run(api.listen("127.0.0.1", 0))
    yield from_kubeconfig(api.kubeconfig(f"https://127.0.0.1:{port}", "admin", ["system:masters"]))
    loop.run(api.stop())


@pytest.fixture
def kube(credentials: KubeCredentials) -> Iterator[Kube]:
    with kube_client(credentials) as client:
        yield client


@pytest.fixture
def machine(loop: Loop, tmp_path: Path, credentials: KubeCredentials) -> Iterator[SandboxServer]:
    """A master with an administrator's kubeconfig; it is on."""
    folder = tmp_path / "machine"
    folder.mkdir()
    with closing(SandboxServer(folder, loop, credentials.as_kubeconfig())) as made:
        made.start()
        yield made


@pytest.fixture
def target(machine: SandboxServer) -> SSHTarget:
    return target_of(machine)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The product's own folders, apart from the user's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def helm_spec() -> HelmSpec:
    return HelmSpec(version="4.1.4", source="upload", path=str(tools.executable("helm")))
