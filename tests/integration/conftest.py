"""Real things to adapt to: a Kubernetes API, Helm, and a machine with an ssh server, all in this test's process."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from magnumhub.domain.spec import HelmSpec
from magnumhub.kube.client import Kube, KubeCredentials, from_kubeconfig, kube_client
from magnumhub.remote.access import SSHTarget
from sandbox import tools
from sandbox.kube import KubeCluster
from tests.integration.kube_api import certificate_authority
from tests.integration.machine import Machine

T = TypeVar("T")


class Loop:
    """An event loop in a thread, for servers that tests speak to with blocking clients."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)


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
def machine(loop: Loop, tmp_path: Path, credentials: KubeCredentials) -> Iterator[Machine]:
    started = Machine(tmp_path / "machine", kubeconfig=credentials.as_kubeconfig())
    loop.run(started.start())
    yield started
    loop.run(started.stop())


@pytest.fixture
def target(machine: Machine) -> SSHTarget:
    return machine.target()


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The product's own folders, apart from the user's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def helm_spec() -> HelmSpec:
    return HelmSpec(version="4.1.4", source="upload", path=str(tools.executable("helm")))
