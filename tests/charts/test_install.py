"""Each chart installed on a real API, upgraded to the folder's next, and taken away again.

Installed by `helm --wait`, as an operator would; everything else is done by the product's own functions.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from magnumhub.domain.compat import ChartName
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import service_names
from magnumhub.kube.client import Kube
from magnumhub.kube.crds import apply_crds
from magnumhub.kube.pods import wait_for_workloads
from magnumhub.kube.secrets import ensure_namespace
from magnumhub.kube.services import service_ports
from magnumhub.remote.access import Access
from magnumhub.remote.helm import Helm, prepare_helm
from magnumhub.remote.releases import ensure_release, find_release, uninstall
from magnumhub.remote.session import Reached
from sandbox.tools import executable
from tasks.releases import RELEASE_LABELS
from tests.charts.archives import Given, of_chart
from tests.charts.conftest import Partner, credentials, given, kubernetes_version
from tests.charts.deployment import RELEASES, keys_of, namespace_of
from tests.charts.site import ADDRESSES, composed, site, values_of

_DEADLINE_S = 120
# Installed, served, settled, upgraded, served and taken away, each with its own deadline; then the fixtures.
_TEST_S = 8 * _DEADLINE_S
_IS_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_PARTS: dict[ChartName, Any] = {"jupyterhub": "jupyterhub", "dask-gateway": "dask_gateway"}


def quiet(_: str) -> None:
    return


@pytest.fixture(scope="module")
def definitions(kube: Kube) -> Iterator[None]:
    """Takes away the custom resource definitions that the charts brought to this API, and no others."""
    before = _definitions(kube)
    yield
    brought = {crd["metadata"]["name"] for each in given() for crd in each.archive.crds()}
    for name in (brought & _definitions(kube)) - before:
        kube.extensions.delete_custom_resource_definition(name)


def _definitions(kube: Kube) -> set[str]:
    return {each.metadata.name for each in kube.extensions.list_custom_resource_definition().items}


@pytest.fixture(scope="module")
def installed_site(definitions: None, kube: Kube) -> Iterator[Site]:
    """A rich site in namespaces of its own, so that it disturbs nothing that is there."""
    mark = uuid.uuid4().hex[:6]
    classes = kube.plain(kube.storage.list_storage_class())["items"]
    kept = any(each["metadata"].get("annotations", {}).get(_IS_DEFAULT) == "true" for each in classes)
    storage = {} if kept else {"storage": {"kind": "ephemeral"}}
    made = site({"namespace": f"hub-{mark}"}, {"namespace": f"dask-{mark}"}, **storage)
    namespaces = [namespace_of(made, chart) for chart in RELEASES]
    for name in namespaces:
        ensure_namespace(kube, name, site=made.name)
    yield made
    for name in namespaces:
        kube.core.delete_namespace(name)


@pytest.fixture
def helm(kube: Kube, installed_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Helm]:
    """Leaves no release behind, also after a failure: the next chart's test would meet it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    access = Access(via="kubeconfig", api_server=credentials().server, ssh=None, helm_on="runner")
    spec = installed_site.helm.model_copy(update={"path": str(executable("helm"))})
    prepared = prepare_helm(Reached(access, kube, credentials(), None), spec, report=quiet)
    yield prepared
    for chart, release in RELEASES.items():
        uninstall(prepared, release, namespace_of(installed_site, chart), deadline_s=_DEADLINE_S, report=quiet)


@pytest.fixture
def helm_by_hand(tmp_path: Path) -> Callable[..., None]:
    path = tmp_path / "kubeconfig"
    path.write_text(credentials().as_kubeconfig())

    def run(*words: object, values: dict[str, Any]) -> None:
        command = [executable("helm"), *map(str, words), "--kubeconfig", path, "--values", "-"]
        done = subprocess.run(
            command, input=json.dumps(values), capture_output=True, text=True, timeout=_DEADLINE_S + 30
        )
        assert done.returncode == 0, done.stderr

    return run


@pytest.mark.timeout(_TEST_S)
def test_installed_then_upgraded_then_gone(
    fitting: Given,
    partner: Partner,
    kube: Kube,
    helm: Helm,
    helm_by_hand: Callable[..., None],
    installed_site: Site,
) -> None:
    release, namespace = RELEASES[fitting.chart], namespace_of(installed_site, fitting.chart)

    def values(chart: Given) -> dict[str, Any]:
        return values_of(chart.chart, composed(installed_site, keys_of(chart, partner(chart)), storage_class=None))

    def settle(chart: Given) -> str:
        apply_crds(kube, chart.archive.crds(), deadline_s=60)
        wanted = values(chart)
        return ensure_release(
            helm, release, namespace, chart.archive, wanted, deadline_s=_DEADLINE_S, report=quiet
        ).action

    apply_crds(kube, fitting.archive.crds(), deadline_s=60)
    where = ("--namespace", namespace, "--wait", "--timeout", f"{_DEADLINE_S}s")
    helm_by_hand("install", release, fitting.path, *where, values=values(fitting))
    _serves(kube, installed_site, fitting)
    assert settle(fitting) == "kept"

    following = _next_of(fitting)
    if following is not None:
        assert settle(following) == "changed"
        _serves(kube, installed_site, following)

    assert uninstall(helm, release, namespace, deadline_s=_DEADLINE_S, report=quiet) == "changed"
    assert find_release(helm, release, namespace) is None
    assert kube.apps.list_namespaced_deployment(namespace).items == []
    assert kube.core.list_namespaced_service(namespace).items == []


def _serves(kube: Kube, site_: Site, chart: Given) -> None:
    part = _PARTS[chart.chart]
    where = service_names(site_)[part]
    ours = f"{RELEASE_LABELS[part]}={RELEASES[chart.chart]}"
    wait_for_workloads(kube, where.namespace, selector=ours, deadline_s=_DEADLINE_S, report=quiet)
    service = kube.core.read_namespaced_service(where.name, where.namespace)
    assert service.spec.load_balancer_ip == ADDRESSES[part]
    ports = service_ports(kube, where.namespace, where.name)
    assert ports == ({"http": 80} if chart.chart == "jupyterhub" else {"web": 8000, "tcp": 8786})
    versions = {
        deployment.metadata.labels.get("helm.sh/chart") or deployment.metadata.labels.get("chart")
        for deployment in kube.apps.list_namespaced_deployment(where.namespace, label_selector=ours).items
    }
    assert versions == {f"{chart.chart}-{chart.version.replace('+', '_')}"}


def _next_of(chart: Given) -> Given | None:
    fitting = [each for each in of_chart(given(), chart.chart) if each.fits(kubernetes_version())]
    later = fitting[fitting.index(chart) + 1 :]
    return later[0] if later else None
