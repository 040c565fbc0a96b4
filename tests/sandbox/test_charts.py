"""The sandbox's charts: packed the same each time, rendered by real helm, as strict and as named as the real ones."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.spec_file import parse_site
from magnumhub.domain.wiring import ChartPair, Tokens, compose_values
from magnumhub.remote.charts import read_archive
from sandbox import images, tools
from sandbox.chart_repository import create_app, packed_charts

ALL = [
    ("jupyterhub", "3.3.8", "4.1.6"),
    ("jupyterhub", "4.1.0", "5.2.1"),
    ("jupyterhub", "4.4.0", "5.5.0"),
    ("dask-gateway", "2025.4.0", "2025.4.0"),
    ("dask-gateway", "2026.3.0", "2026.3.0"),
]


@pytest.fixture(scope="module")
def helm() -> str:
    return str(tools.executable("helm"))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("charts")
    for path, content in packed_charts().items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(content)
    return root


@pytest.fixture(scope="module")
def render(helm: str, repository: Path):
    def run(chart: str, version: str, values: dict[str, Any], release: str | None = None, kube: str = "1.31.1") -> Any:
        """The resources by (kind, name), or helm's words when it refuses."""
        archive = str(repository / chart / f"{chart}-{version}.tgz")
        done = subprocess.run(
            [helm, "template", release or chart, archive, "--values", "-", "--namespace", "ns", "--kube-version", kube],
            input=json.dumps(values),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            return done.stderr
        resources = [each for each in yaml.safe_load_all(done.stdout) if each]
        return {(each["kind"], each["metadata"]["name"]): each for each in resources}

    return run


def test_packing_again_gives_the_same_digests() -> None:
    assert packed_charts() == packed_charts()


def test_the_repository_serves_what_its_index_says() -> None:
    async def get(*paths: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app()), base_url="http://charts") as client:
            return [await client.get(path) for path in paths]

    for chart, version, app_version in ALL:
        index, archive, missing = asyncio.run(
            get(f"/{chart}/index.yaml", f"/{chart}/{chart}-{version}.tgz", f"/{chart}/{chart}-9.9.9.tgz")
        )
        entries = yaml.safe_load(index.content)["entries"][chart]
        entry = next(each for each in entries if each["version"] == version)
        assert (entry["appVersion"], entry["urls"]) == (app_version, [f"{chart}-{version}.tgz"])
        assert entry["digest"] == hashlib.sha256(archive.content).hexdigest()
        assert missing.status_code == 404


@pytest.mark.parametrize(("chart", "version", "app_version"), ALL)
def test_helm_finds_no_fault(helm: str, repository: Path, chart: str, version: str, app_version: str) -> None:
    shutil.unpack_archive(repository / chart / f"{chart}-{version}.tgz", repository / version)
    done = subprocess.run([helm, "lint", "--strict", str(repository / version / chart)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_hubs_resources_are_named_as_in_the_runbook(render) -> None:
    resources = render("jupyterhub", "4.4.0", {})
    assert {name for kind, name in resources if kind == "Service"} == {"hub", "proxy-api", "proxy-public"}
    assert {name for kind, name in resources if kind == "Deployment"} == {"hub", "proxy"}
    assert ("PersistentVolumeClaim", "hub-db-dir") in resources
    pod = resources["Deployment", "hub"]["spec"]["template"]
    assert pod["metadata"]["labels"].items() >= {"app": "jupyterhub", "component": "hub"}.items()


@pytest.mark.parametrize(
    ("release", "service"),
    [
        ("dask-gateway", "traefik-dask-gateway"),
        ("d", "traefik-d-dask-gateway"),
        ("my-dask-gateway", "traefik-my-dask-gateway"),
    ],
)
def test_the_gateways_names_follow_the_release(render, release: str, service: str) -> None:
    assert ("Service", service) in render("dask-gateway", "2026.3.0", {}, release)


def test_every_image_is_one_of_the_sandboxs(render) -> None:
    for chart, version, _ in ALL:
        for (kind, _name), resource in render(chart, version, {}).items():
            if kind == "Deployment":
                reference = resource["spec"]["template"]["spec"]["containers"][0]["image"]
                assert images.requirements_file(reference), reference


def test_an_address_and_unprivileged_ports_reach_the_services(render) -> None:
    service = {
        "loadBalancerIP": "127.9.4.11",
        "disableHttpPort": True,
        "extraPorts": [{"name": "http", "port": 8080, "targetPort": "http"}],
    }
    spec = render("jupyterhub", "4.4.0", {"proxy": {"service": service}})["Service", "proxy-public"]["spec"]
    assert (spec["type"], spec["loadBalancerIP"], [port["port"] for port in spec["ports"]]) == (
        "LoadBalancer",
        "127.9.4.11",
        [8080],
    )
    service = {"spec": {"loadBalancerIP": "127.9.4.12"}, "ports": {"web": {"port": 8000}}}
    spec = render("dask-gateway", "2026.3.0", {"traefik": {"service": service}})["Service", "traefik-dask-gateway"][
        "spec"
    ]
    assert (spec["type"], spec["loadBalancerIP"], spec["ports"][0]["port"]) == ("LoadBalancer", "127.9.4.12", 8000)


@pytest.mark.parametrize(
    ("values", "ports", "component"),
    [
        ({"enabled": False}, {80: "http"}, "proxy"),
        ({"enabled": True, "type": "offload"}, {443: "http", 80: "http"}, "proxy"),
        ({"enabled": True, "type": "secret", "secret": {"name": "tls"}}, {443: "https", 80: "http"}, "proxy"),
        ({"enabled": True, "type": "letsencrypt", "hosts": ["hub.example"]}, {443: "https", 80: "http"}, "autohttps"),
    ],
)
def test_https_decides_the_public_ports(render, values: dict[str, Any], ports: dict[int, str], component: str) -> None:
    spec = render("jupyterhub", "4.4.0", {"proxy": {"https": values}})["Service", "proxy-public"]["spec"]
    assert {port["port"]: port["targetPort"] for port in spec["ports"]} == ports
    assert spec["selector"]["component"] == component


def test_other_namespaces_are_let_in_when_asked(render) -> None:
    values = {"hub": {"networkPolicy": {"interNamespaceAccessLabels": "accept"}}}
    policy = render("jupyterhub", "4.4.0", values)["NetworkPolicy", "hub"]["spec"]
    assert {"namespaceSelector": {"matchLabels": {"hub.jupyter.org/network-access-hub": "true"}}} in policy["ingress"][
        0
    ]["from"]


def test_the_gateways_token_is_only_in_its_secret(render) -> None:
    auth = {"type": "jupyterhub", "jupyterhub": {"apiToken": "s3cret-token", "apiUrl": "http://hub.jhub:8081/hub/api"}}
    resources = render("dask-gateway", "2026.3.0", {"gateway": {"auth": auth}})
    holders = [key for key, resource in resources.items() if "s3cret-token" in json.dumps(resource)]
    assert holders == []
    assert resources["Secret", "api-dask-gateway"]["data"] == {"jupyterhub-api-token": "czNjcmV0LXRva2Vu"}


@pytest.mark.parametrize(
    ("chart", "version", "values", "where"),
    [
        ("jupyterhub", "4.4.0", {"singleuser": {"storage": {"type": "sqlite-memory"}}}, "/singleuser/storage/type"),
        ("jupyterhub", "4.1.0", {"proxy": {"service": {"loadBalancerIp": "127.0.0.1"}}}, "/proxy/service"),
        ("jupyterhub", "4.4.0", {"hub": {"config": {"jupyterhub": {}}}}, "/hub/config"),
        ("dask-gateway", "2026.3.0", {"traefik": {"service": {"loadBalancerIP": "127.0.0.1"}}}, "/traefik/service"),
        (
            "dask-gateway",
            "2025.4.0",
            {"gateway": {"auth": {"jupyterhub": {"jupyterhubServiceName": "dask-gateway"}}}},
            "/gateway/auth/jupyterhub",
        ),
    ],
)
def test_what_the_real_schemas_refuse_is_refused(
    render, chart: str, version: str, values: dict[str, Any], where: str
) -> None:
    assert f"at '{where}'" in render(chart, version, values)


SITE = {
    "name": "site",
    "cloud": "c",
    "project": "p",
    "cluster": {"keypair": "default"},
    "helm": {"version": "4.1.4", "sha256": "0" * 64},
    "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
}
SECRET = {"env": "SECRET"}
OIDC = {
    "kind": "oidc",
    "client_id": "hub",
    "client_secret": SECRET,
    "authorize_url": "https://login.example/authorize",
    "token_url": "https://login.example/token",
    "userdata_url": "https://login.example/userinfo",
    "username_claim": "sub",
    "allow": "all",
}
DUMMY = {"kind": "dummy", "password": SECRET, "allow": ["ann"]}
GITHUB = {"kind": "github", "client_id": "hub", "client_secret": SECRET, "allowed_organizations": ["lab"]}


@pytest.mark.parametrize(
    ("hub_version", "gateway_version"), [("3.3.8", "2025.4.0"), ("4.1.0", "2025.4.0"), ("4.4.0", "2026.3.0")]
)
@pytest.mark.parametrize(
    ("https", "auth", "storage"),
    [
        ({"kind": "off"}, DUMMY, {"kind": "dynamic", "class": "default", "home_gib": 1}),
        ({"kind": "offload"}, GITHUB, {"kind": "ephemeral"}),
        ({"kind": "secret", "secret_name": "tls"}, OIDC, {"kind": "dynamic", "class": "fast", "home_gib": 1}),
        ({"kind": "letsencrypt", "contact_email": "a@example.org"}, OIDC, {"kind": "ephemeral"}),
    ],
)
def test_what_the_wiring_composes_is_accepted(
    render,
    repository: Path,
    hub_version: str,
    gateway_version: str,
    https: dict[str, Any],
    auth: dict[str, Any],
    storage: dict[str, Any],
) -> None:
    def keys(chart: str, version: str) -> ChartKeys:
        return read_archive((repository / chart / f"{chart}-{version}.tgz").read_bytes()).keys()

    hostname = None if https["kind"] == "off" else "hub.example.org"
    site = parse_site(SITE | {"storage": storage, "jupyterhub": {"https": https, "auth": auth, "hostname": hostname}})
    values = compose_values(
        site,
        addresses={"jupyterhub": "127.9.4.11", "dask_gateway": "127.9.4.12"},
        secrets={"env:SECRET": "s"},
        tokens=Tokens(gateway="g" * 32, check="c" * 32),
        charts=ChartPair(keys("jupyterhub", hub_version), keys("dask-gateway", gateway_version)),
        storage_class=storage.get("class"),
    )
    hub = render("jupyterhub", hub_version, values.jupyterhub)
    gateway = render("dask-gateway", gateway_version, values.dask_gateway)
    assert hub["Service", "proxy-public"]["spec"]["loadBalancerIP"] == "127.9.4.11"
    assert gateway["Service", "traefik-dask-gateway"]["spec"]["loadBalancerIP"] == "127.9.4.12"
    # Only the newer gateway asks for the scope of its service.
    told = "".join(gateway["ConfigMap", "api-dask-gateway"]["data"].values())
    assert ('"jupyterhubServiceName": "dask-gateway"' in told) is (gateway_version == "2026.3.0")


def test_a_too_old_kubernetes_is_refused(render) -> None:
    assert "requires kubeVersion: >=1.30.0-0" in render("dask-gateway", "2026.3.0", {}, kube="1.29.9")
