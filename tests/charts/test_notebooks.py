"""A notebook's pod, as the real KubeSpawner makes it from the chart's own code, and whom it may talk to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.charts.archives import Given
from tests.charts.configured import hub_config, reader
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
def seen() -> dict[str, dict[str, Any]]:
    return {}


@pytest.fixture
def config(
    set_up: Given, partner: Partner, tmp_path: Path, kubeconfig: str, seen: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Of the rich site; made once for a hub's version, as it takes seconds, and the gateway's makes no difference."""
    hub = set_up if set_up.chart == "jupyterhub" else partner(set_up)
    image = reader(hub).image
    if hub.version not in seen:
        rich = deploy(site(), set_up, partner(set_up))
        seen[hub.version] = hub_config(rich.hub, tmp_path, image=image, kubeconfig=kubeconfig)
    return seen[hub.version]


def test_a_notebook_reaches_dask_through_the_gateway_and_not_more(deployed: Deployed, config: dict[str, Any]) -> None:
    notebook = _pod(config["notebook"], deployed.hub.namespace)
    network = _network(deployed)

    for name in ("DASK_GATEWAY__ADDRESS", "DASK_GATEWAY__PROXY_ADDRESS"):
        address = deployed.values.jupyterhub["singleuser"]["extraEnv"][name]
        traefik, port = _resolved(deployed, address)
        assert traefik.labels["app.kubernetes.io/component"] == "traefik"
        assert network.allows(notebook, traefik, port), name

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


def test_the_hub_serves_with_our_roles_and_its_notebooks_find_dask(set_up: Given, config: dict[str, Any]) -> None:
    environment = _environment(config["notebook"])

    assert config["roles"]["user"] == ["self", USE_THE_GATEWAY]
    assert USE_THE_GATEWAY in config["roles"]["server"]
    assert "tokens!user=magnumhub-check" in config["roles"]["magnumhub"]
    assert config["services"].items() >= {"dask-gateway": TOKENS.gateway, "magnumhub": TOKENS.check}.items()
    assert config["authenticator"] == "generic-oauth"
    assert environment["DASK_GATEWAY__ADDRESS"] == "http://traefik-dask-gateway.dask-gateway:8000"
    assert environment["DASK_GATEWAY__PROXY_ADDRESS"] == "gateway://traefik-dask-gateway.dask-gateway:8786"
    assert environment["DASK_GATEWAY__AUTH__TYPE"] == "jupyterhub"
    assert environment["DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE"] == "quay.io/pangeo/pangeo-notebook:2026.10.02"
    assert environment["GREETING"] == "hello"


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
    """As a kubelet makes it: what refers to another variable gets its value, if that one comes before."""
    (container,) = manifest["spec"]["containers"]
    made: dict[str, str] = {}
    for each in container["env"]:
        made[each["name"]] = re.sub(r"\$\((\w+)\)", lambda found: made[found.group(1)], each.get("value") or "")
    return made
