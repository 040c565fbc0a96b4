"""The same on both sides: an API as its administrator, and a namespace for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.contract.evidence import Evidence
from tests.contract.kubernetes.client import Api, Told
from tests.contract.transcript import Transcript
from tests.support.kube_api import KubeAccess


@pytest.fixture(scope="session")
def api(kube: KubeAccess, side: str, evidence: Evidence) -> Iterator[Api]:
    """The API as its administrator."""
    asked = Api(side, kube, evidence)
    with asked.http:
        yield asked


@pytest.fixture
def names(kube: KubeAccess) -> dict[str, str]:
    """What differs between two clusters without meaning anything."""
    return {kube.server: "<server>"}


@pytest.fixture
def told(api: Api, transcript: Transcript) -> Told:
    """The API, its answers written into the transcript."""
    return Told(api, transcript)


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A namespace of this test."""
    name = f"contract-{uuid.uuid4().hex[:8]}"
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    api.call("DELETE", f"/api/v1/namespaces/{name}")
