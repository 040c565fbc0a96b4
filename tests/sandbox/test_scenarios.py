"""Scenarios that change what runs in clusters that are there, and leave them as they were."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.tools import executable
from tests.sandbox.conftest import Sandbox, create, finished, wait_until

Kubectl = Callable[..., str]
_IMAGE = "quay.io/nobody/nothing:1"


@pytest.fixture(scope="module")
def kubectl(running: Sandbox) -> Kubectl:
    """kubectl on a cluster of this module."""
    running.reset()
    magnum = running.magnum()
    finished(magnum, create(magnum).uuid)
    kubeconfig = running.state()["clusters"][0]["kubeconfig"]

    def call(*arguments: str, stdin: str | None = None) -> str:
        command = [str(executable("kubectl")), "--kubeconfig", kubeconfig, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, timeout=60).stdout

    return call


@pytest.fixture(autouse=True)
def undone(running: Sandbox) -> Any:
    yield
    running.faults(scenario=None)


def _deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": _IMAGE}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _nodes_ready(kubectl: Kubectl) -> bool:
    return all(line.split()[1] == "Ready" for line in kubectl("get", "nodes", "--no-headers").splitlines())


def test_an_api_shows_a_certificate_that_has_ended_and_then_a_good_one(running: Sandbox, kubectl: Kubectl) -> None:
    running.faults(scenario="certificate-expired")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        kubectl("get", "nodes")
    assert "certificate has expired" in refused.value.stderr
    running.faults(scenario=None)
    kubectl("run", "after", f"--image={_IMAGE}")
    waiting = "-o=jsonpath={.status.containerStatuses[0].state.waiting.reason}"
    wait_until(lambda: kubectl("get", "pod", "after", waiting) in ("ErrImagePull", "ImagePullBackOff"))
    assert _nodes_ready(kubectl), "the node went on"


@pytest.mark.parametrize(("scenario", "deployment"), [("hub-down", "hub"), ("gateway-broken", "api-dask-gateway")])
def test_a_deployment_is_stopped_and_comes_back(
    running: Sandbox, kubectl: Kubectl, scenario: str, deployment: str
) -> None:
    for name in (deployment, "proxy"):
        kubectl("apply", "-f=-", stdin=json.dumps(_deployment(name)))

    def replicas() -> dict[str, int]:
        items = json.loads(kubectl("get", "deployments", "-o=json"))["items"]
        return {item["metadata"]["name"]: item["spec"].get("replicas", 0) for item in items}

    running.faults(scenario=scenario)
    assert replicas() == {deployment: 0, "proxy": 2}
    wait_until(lambda: deployment not in kubectl("get", "pods", "-o=name"))
    running.faults(scenario=None)
    assert replicas() == {deployment: 2, "proxy": 2}
    kubectl("delete", "deployment", deployment, "proxy")


def test_dask_workers_run_another_image(running: Sandbox, kubectl: Kubectl) -> None:
    running.faults(scenario="version-skew")
    images = {}
    for name in ("dask-worker-1", "dask-scheduler-1"):
        kubectl("run", name, f"--image={_IMAGE}")
        images[name] = kubectl("get", "pod", name, "-o=jsonpath={.spec.containers[0].image}")
    assert images == {"dask-worker-1": "pangeo/pangeo-notebook:numpy-1.26", "dask-scheduler-1": _IMAGE}
