"""The same on both sides: an API as its administrator, and a namespace for each test."""

from __future__ import annotations

import random
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
def told(api: Api, transcript: Transcript, namespace: str) -> Told:
    """The API, its answers written into the transcript."""
    return Told(api, transcript, namespace)


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A namespace of this test."""
    # Of letters that the cluster does not draw its own names from: those are made comparable by their looks.
    name = "contract-" + "".join(random.choices("aeiou013", k=10))
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    api.call("DELETE", f"/api/v1/namespaces/{name}")
