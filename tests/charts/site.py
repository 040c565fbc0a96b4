"""A rich site, and the values that are composed from it for any pair of charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.compat import ChartName
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import parse_site
from magnumhub.domain.wiring import ChartPair, Tokens, Values, compose_values, secret_refs

ADDRESSES = {"jupyterhub": "127.0.2.10", "dask_gateway": "127.0.2.11"}
TOKENS = Tokens(gateway="gateway-" + "7" * 40, check="check-" + "8" * 40)
SECRET = {"env": "MAGNUMHUB_CHARTS_SECRET"}

OIDC = {
    "kind": "oidc",
    "client_id": "hub",
    "client_secret": SECRET,
    "authorize_url": "https://login.example.org/authorize",
    "token_url": "https://login.example.org/token",
    "userdata_url": "https://login.example.org/userinfo",
    "username_claim": "preferred_username",
    "scope": ["openid", "profile"],
    "allow": "all",
    "admins": ["ann"],
}
GITHUB = {"kind": "github", "client_id": "hub", "client_secret": SECRET, "allowed_organizations": ["lab"]}
DUMMY = {"kind": "dummy", "password": SECRET, "allow": ["ann", "bob"], "admins": ["ann"]}

HUB_VALUES = {
    "cull": {"timeout": 7200},
    "hub": {"extraConfig": {"greeting": "c.JupyterHub.template_vars = {'announcement': 'hello'}"}},
    "proxy": {"secretToken": SECRET, "service": {"annotations": {"example.org/kept": "yes"}}},
    "singleuser": {
        "extraEnv": {"GREETING": "hello"},
        "memory": {"guarantee": "512M", "limit": "2G"},
        "networkPolicy": {"egress": [{"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}]},
        "profileList": [{"display_name": "Small", "description": "a small one", "default": True}],
    },
}
GATEWAY_VALUES = {
    "gateway": {"extraConfig": "c.KubeClusterConfig.worker_threads = 2", "loglevel": "DEBUG"},
    "traefik": {"service": {"ports": {"web": {"port": 8000}, "tcp": {"port": 8786}}, "annotations": {"a": "b"}}},
}


def site(hub: Mapping[str, Any] | None = None, gateway: Mapping[str, Any] | None = None, **parts: Any) -> Site:
    """A site with much in it; parts replace what it has."""
    return parse_site(
        {
            "name": "charts",
            "cloud": "iris",
            "project": "iris-jupyter",
            "cluster": {"keypair": "default"},
            "network": {"floating_ips": ADDRESSES},
            "storage": {"kind": "dynamic", "class": "default", "home_gib": 5},
            "helm": {"version": "4.1.4", "source": "upload"},
            "image": {"name": "quay.io/pangeo/pangeo-notebook", "tag": "2026.10.02"},
            "jupyterhub": {"auth": OIDC, "values": HUB_VALUES, **(hub or {})},
            "dask_gateway": {
                "idle_timeout_s": 900,
                "worker": {"cores": 0.5, "memory_gib": 1.5, "per_cluster_max": 8},
                "values": GATEWAY_VALUES,
                **(gateway or {}),
            },
            **parts,
        }
    )


def composed(
    of: Site,
    keys: Mapping[ChartName, ChartKeys],
    *,
    addresses: Mapping[str, str | None] = ADDRESSES,
    storage_class: str | None = "standard",
) -> Values:
    """Both charts' values, as provision composes them."""
    return compose_values(
        of,
        addresses=addresses,
        secrets={str(ref): "a-secret-of-the-site" for ref in secret_refs(of)},
        tokens=TOKENS,
        charts=ChartPair(hub=keys["jupyterhub"], gateway=keys["dask-gateway"]),
        storage_class=storage_class,
    )


def values_of(chart: ChartName, values: Values) -> dict[str, Any]:
    return values.jupyterhub if chart == "jupyterhub" else values.dask_gateway
