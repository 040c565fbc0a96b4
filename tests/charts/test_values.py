"""Our values in the charts' hands: accepted, and all that the product relies on is in what they render."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from magnumhub.domain.values import value_at
from magnumhub.domain.wiring import GATEWAY_RELEASE, HUB_RELEASE, endpoints, service_names
from tasks.releases import RELEASE_LABELS
from tests.charts.archives import Given
from tests.charts.configured import gateway_config, reader
from tests.charts.conftest import Partner
from tests.charts.deployment import Deployed, deploy, keys_of
from tests.charts.site import ADDRESSES, DUMMY, GITHUB, OIDC, TOKENS, composed, site, values_of

RICH: dict[str, Any] = {}
PLAIN: dict[str, Any] = {"hub": {"auth": DUMMY, "values": {}}, "gateway": {"values": {}}}
CERTIFICATE: dict[str, Any] = {
    "hub": {"auth": OIDC, "hostname": "hub.example.org", "https": {"kind": "secret", "secret_name": "hub-tls"}}
}
LETSENCRYPT: dict[str, Any] = {
    "hub": {
        "auth": GITHUB,
        "hostname": "hub.example.org",
        "https": {"kind": "letsencrypt", "contact_email": "admin@example.org"},
    },
    "storage": {"kind": "ephemeral"},
}
INSIDE: dict[str, Any] = {
    "hub": {"auth": OIDC, "hostname": "hub.example.org", "https": {"kind": "offload"}},
    "network": {"floating_ips": {"jupyterhub": ADDRESSES["jupyterhub"], "dask_gateway": "none"}},
}
SITES = {"rich": RICH, "plain": PLAIN, "certificate": CERTIFICATE, "letsencrypt": LETSENCRYPT, "inside": INSIDE}


@pytest.mark.parametrize("name", SITES)
def test_the_charts_own_schema_accepts_every_kind_of_site(set_up: Given, partner: Partner, name: str) -> None:
    addresses = {**ADDRESSES, "dask_gateway": None} if name == "inside" else ADDRESSES
    values = composed(site(**SITES[name]), keys_of(set_up, partner(set_up)), addresses=addresses)

    assert set_up.archive.refused(values_of(set_up.chart, values)) == []


@pytest.fixture(params=["rich", "plain", "certificate"])
def deployed(request: pytest.FixtureRequest, set_up: Given, partner: Partner) -> Deployed:
    return deploy(site(**SITES[request.param]), set_up, partner(set_up))


def test_what_they_render_is_what_the_product_relies_on(deployed: Deployed) -> None:
    """One test for all of it: rendering is what takes the time."""
    _services_carry_the_addresses_and_ports(deployed)
    _readiness_is_told_by_labels_that_are_there(deployed)
    _hub_and_gateway_know_the_same_token(deployed)
    _volumes_are_of_the_sites_class(deployed)


def _services_carry_the_addresses_and_ports(deployed: Deployed) -> None:
    ports = {}
    for role, rendered in (("jupyterhub", deployed.hub), ("dask_gateway", deployed.gateway)):
        where = service_names(deployed.site)[role]
        spec = rendered.one("Service", where.name)["spec"]
        assert where.namespace == rendered.namespace
        assert (spec["type"], spec["loadBalancerIP"]) == ("LoadBalancer", ADDRESSES[role])
        ports[role] = {port["name"]: port["port"] for port in spec["ports"]}
    host = deployed.site.jupyterhub.hostname
    web = value_at(deployed.values.dask_gateway, "traefik.service.ports.web.port", 80)
    assert endpoints(deployed.site, ADDRESSES, ports) == {
        "jupyterhub": f"https://{host}" if host else f"http://{ADDRESSES['jupyterhub']}",
        "dask_gateway": f"http://{ADDRESSES['dask_gateway']}" + ("" if web == 80 else f":{web}"),
    }


def _readiness_is_told_by_labels_that_are_there(deployed: Deployed) -> None:
    for rendered, key, release in (
        (deployed.hub, RELEASE_LABELS["jupyterhub"], HUB_RELEASE),
        (deployed.gateway, RELEASE_LABELS["dask_gateway"], GATEWAY_RELEASE),
    ):
        found = {
            each["metadata"]["name"]: (
                each["metadata"]["labels"].get(key),
                each["spec"]["template"]["metadata"]["labels"].get(key),
            )
            for each in rendered.of("Deployment")
        }
        assert len(found) >= 2
        assert set(found.values()) == {(release, release)}, found


def _hub_and_gateway_know_the_same_token(deployed: Deployed) -> None:
    api = deployed.gateway.one("Deployment", f"api-{GATEWAY_RELEASE}")
    (container,) = api["spec"]["template"]["spec"]["containers"]
    source = next(each["valueFrom"] for each in container["env"] if each["name"] == "JUPYTERHUB_API_TOKEN")
    reference = source["secretKeyRef"]
    secret = deployed.hub.secret("hub")
    assert deployed.gateway.secret(reference["name"])[reference["key"]] == TOKENS.gateway
    assert secret["hub.services.dask-gateway.apiToken"] == TOKENS.gateway
    assert secret["hub.services.magnumhub.apiToken"] == TOKENS.check


def _volumes_are_of_the_sites_class(deployed: Deployed) -> None:
    assert deployed.hub.one("PersistentVolumeClaim", "hub-db-dir")["spec"]["storageClassName"] == "standard"


@pytest.mark.parametrize("name", ["rich", "plain"])
def test_a_real_gateway_reads_all_of_it(gateway: Given, partner: Partner, tmp_path: Path, name: str) -> None:
    deployed = deploy(site(**SITES[name]), gateway, partner(gateway))

    image, map_name = reader(gateway).image, f"api-{GATEWAY_RELEASE}"
    found = gateway_config(deployed.gateway, map_name, tmp_path, image=image, token=TOKENS.gateway)

    knows_scopes = deployed.keys["dask-gateway"].knows("gateway.auth.jupyterhub.jupyterhubServiceName")
    assert found == {
        "authenticator": "JupyterHubAuthenticator",
        "api_url": "http://hub.jhub:8081/hub/api",
        "api_token": TOKENS.gateway,
        "service": "dask-gateway" if knows_scopes else "",
        "image": "quay.io/pangeo/pangeo-notebook:2026.10.02",
        "worker_cores": 0.5,
        "worker_memory": 1.5 * 2**30,
        "worker_threads": 2 if name == "rich" else 1,
        "scheduler_cmd": ["dask", "scheduler"],
        "worker_cmd": ["dask", "worker"],
        "idle_timeout": 900,
        "cluster_max_workers": 8,
        "image_asked_for": {"image": "x/y:1"},
    }
