"""The same on both sides: helm and kubectl in a namespace of the test, with a chart to install."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract.helm.chart import write_chart
from tests.contract.helm.programs import Programs
from tests.contract.transcript import Transcript
from tests.support.kube_api import KubeAccess, admin

WIDGETS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.contract.example.org"


@pytest.fixture(scope="session")
def api(kube: KubeAccess) -> Iterator[httpx.Client]:
    """The API, to prepare and to clean up with."""
    if not kube.has_controllers:
        pytest.skip("nobody reconciles what is stored in this API")
    with admin(kube) as client:
        yield client
        client.delete(WIDGETS)


@pytest.fixture
def namespace(api: httpx.Client) -> Iterator[str]:
    """A namespace with a volume for the chart's claim."""
    # Of letters that the cluster does not draw its own names from: those are made comparable by their looks.
    name = "contract-" + "".join(random.choices("aeiou013", k=10))
    volume = {
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": "/contract"},
        },
    }
    api.post("/api/v1/namespaces", json={"metadata": {"name": name}}).raise_for_status()
    api.post("/api/v1/persistentvolumes", json=volume).raise_for_status()
    yield name
    api.delete(f"/api/v1/namespaces/{name}")
    api.delete(f"/api/v1/persistentvolumes/{name}")


@pytest.fixture
def names(kube: KubeAccess, namespace: str, tmp_path: Path) -> dict[str, str]:
    """What differs between two clusters without meaning anything."""
    return {
        namespace: "<namespace>",
        f"{namespace}-made": "<namespace>-made",
        kube.server: "<server>",
        str(tmp_path): "<tmp>",
    }


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, side: str) -> Path:
    """Where the programs keep what they know of this side's API."""
    return tmp_path_factory.mktemp(f"home-{side}")


@pytest.fixture
def programs(kube: KubeAccess, namespace: str, home: Path, transcript: Transcript, tmp_path: Path) -> Programs:
    return Programs(kube.kubeconfig, namespace, home, transcript, write_chart(tmp_path / "demo"))
