"""A Kubernetes API on each side, with a node that is the same on both: what kubernetes/ and helm/ share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from kubernetes import client, config

from sandbox.kube.certificates import Authority
from sandbox.openstack.certificates import make_ca
from tests.contract.transcript import RECORDED
from tests.sandbox.kube_rig import CA, Rig
from tests.support.instant_node import InstantNode
from tests.support.kube_api import SERVICE_CIDR, KubeAccess, named, real_api

_VERSION = RECORDED / "kubernetes" / "discovery" / "version.json"


@pytest.fixture(scope="session")
def kube(side: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeAccess]:
    """The API of this side; pods become ready, and Jobs complete, at once."""
    folder = tmp_path_factory.mktemp(f"kube-{side}")
    if side == "real" and not named(os.environ):
        pytest.skip("neither MAGNUMHUB_TEST_KUBECONFIG nor KUBEBUILDER_ASSETS names a real Kubernetes API")
    with ExitStack() as running:
        if side == "real":
            access = running.enter_context(real_api(os.environ, folder))
        else:
            access = _sandbox(running.enter_context(closing(_rig(folder))))
        _give_it_a_node(running, access, folder)
        yield access


def recorded_version() -> str:
    """The version of the API that was recorded, `v1.36.3`: the sandbox says that it is one of those."""
    return str(json.loads(_VERSION.read_text())[0]["body"]["gitVersion"])


def _rig(folder: Path) -> Rig:
    return Rig(folder, version=recorded_version(), service_cidr=SERVICE_CIDR)


def _sandbox(rig: Rig) -> KubeAccess:
    return KubeAccess(rig.server, CA[0], rig.kubeconfig, Authority(*CA))


def _give_it_a_node(running: ExitStack, access: KubeAccess, folder: Path) -> None:
    """An instant node, where there is no other."""
    api = running.enter_context(config.new_client_from_config(str(access.kubeconfig)))
    if not client.CoreV1Api(api).list_node().items:
        node = InstantNode(api, folder, access.authority or Authority(*make_ca("node")))
        running.callback(node.leave)
