"""A notebook's pod, as the real KubeSpawner makes it from the chart's own code, and whom it may talk to."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from magnumhub.domain.values import canonical
from tests.charts.archives import Given
from tests.charts.configured import hub_config
from tests.charts.conftest import Partner
from tests.charts.deployment import Deployed, deploy
from tests.charts.network import Network, Outside, Pod
from tests.charts.site import DUMMY, TOKENS, site

USE_THE_GATEWAY = "access:services!service=dask-gateway"
SITES: dict[str, dict[str, Any]] = {
    "rich": {},
    "plain": {"hub": {"auth": DUMMY, "values": {}}, "gateway": {"values": {}}},
}


@pytest.fixture(params=SITES)
def deployed(request: pytest.FixtureRequest, set_up: Given, partner: Partner) -> Deployed:
    return deploy(site(**SITES[request.param]), set_up, partner(set_up))


@pytest.fixture(scope="module")
def seen() -> dict[tuple[str, str], dict[str, Any]]:
    return {}


@pytest.fixture
def config(
    deployed: Deployed, tmp_path: Path, kubeconfig: str, seen: dict[tuple[str, str], dict[str, Any]]
) -> dict[str, Any]:
    """Made once for a hub's chart and values: it takes seconds, and the gateway's version makes no difference."""
    hub = deployed.keys["jupyterhub"]
    key = hub.version, canonical(deployed.values.jupyterhub)
    if key not in seen:
        seen[key] = hub_config(deployed.hub, tmp_path, hub, kubeconfig=kubeconfig)
    return seen[key]


def test_a_notebook_reaches_dask_through_the_gateway_and_not_more(deployed: Deployed, config: dict[str, Any]) -> None:
    notebook = _pod(config["notebook"], deployed.hub.namespace)
    environment = _environment(config["notebook"])
    network = _network(deployed)

    for name in ("DASK_GATEWAY__ADDRESS", "DASK_GATEWAY__PROXY_ADDRESS"):
        traefik, port = _resolved(deployed, environment[name])
        assert traefik.labels["app.kubernetes.io/component"] == "traefik"
        assert network.allows(notebook, traefik, port), name
    assert environment["DASK_GATEWAY__AUTH__TYPE"] == "jupyterhub"
    # As Dask reads it: the kernel's environment fills in the braces.
    assert environment["DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE"] == "{JUPYTER_IMAGE_SPEC}"
    assert environment["JUPYTER_IMAGE_SPEC"] == "quay.io/pangeo/pangeo-notebook:2026.10.02"

    api, api_port = deployed.gateway.behind("api-dask-gateway", 8000)
    hub, hub_port = deployed.hub.behind("hub", 8081)
    proxy, proxy_port = deployed.hub.behind("proxy-api", 8001)
    assert network.allows(notebook, hub, hub_port)
    assert network.allows(hub, notebook, 8888)
    assert network.allows(hub, proxy, proxy_port)
    assert network.allows(notebook, Outside("151.101.1.69"), 443)
    assert not network.allows(notebook, api, api_port)
    assert not network.allows(notebook, proxy, proxy_port)
    assert not network.allows(notebook, Outside("169.254.169.254"), 80)
    assert not network.allows(api, notebook, 8888)


def test_the_gateway_reaches_the_hub_and_strangers_do_not(deployed: Deployed) -> None:
    network = _network(deployed)
    hub, port = deployed.hub.behind("hub", 8081)
    api, _ = deployed.gateway.behind("api-dask-gateway", 8000)
    stranger = Pod("elsewhere", {"app.kubernetes.io/name": "stranger"})

    assert network.allows(api, hub, port)
    assert not network.allows(stranger, hub, port)


def test_the_hub_serves_with_our_roles_and_services(deployed: Deployed, config: dict[str, Any]) -> None:
    assert config["roles"]["user"] == ["self", USE_THE_GATEWAY]
    assert USE_THE_GATEWAY in config["roles"]["server"]
    assert "tokens!user=magnumhub-check" in config["roles"]["magnumhub"]
    assert config["services"].items() >= {"dask-gateway": TOKENS.gateway, "magnumhub": TOKENS.check}.items()
    kind = deployed.site.jupyterhub.auth.kind
    assert config["authenticator"] == {"oidc": "generic-oauth", "dummy": "dummy"}[kind]
    if kind == "oidc":
        assert _environment(config["notebook"])["GREETING"] == "hello"


def _network(deployed: Deployed) -> Network:
    names = (deployed.hub.namespace, deployed.gateway.namespace, "elsewhere")
    policies = deployed.hub.policies() + deployed.gateway.policies()
    assert {each["metadata"]["name"] for each in policies} >= {"hub", "singleuser"}
    # Every namespace has this label: Kubernetes sets it.
    return Network(policies, {name: {"kubernetes.io/metadata.name": name} for name in names})


def _resolved(deployed: Deployed, url: str) -> tuple[Pod, int]:
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    service, _, namespace = parts.hostname.partition(".")
    assert namespace == deployed.gateway.namespace
    return deployed.gateway.behind(service, parts.port)


def _pod(manifest: dict[str, Any], namespace: str) -> Pod:
    (container,) = manifest["spec"]["containers"]
    return Pod(namespace, manifest["metadata"]["labels"], {p["name"]: p["containerPort"] for p in container["ports"]})


def _environment(manifest: dict[str, Any]) -> dict[str, str]:
    (container,) = manifest["spec"]["containers"]
    return {each["name"]: each.get("value", "") for each in container["env"]}
