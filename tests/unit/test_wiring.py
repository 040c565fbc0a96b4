"""Both charts' values, literally: who may talk to whom, with which token, at which address."""

from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import parse_site
from magnumhub.domain.values import canonical
from magnumhub.domain.wiring import (
    ChartPair,
    ServiceName,
    Tokens,
    Values,
    compose_values,
    endpoints,
    secret_refs,
    service_names,
)
from magnumhub.domain.wiring_gateway import gateway_proxy

ADDRESSES = {"jupyterhub": "192.0.2.10", "dask_gateway": "192.0.2.11"}
SECRETS = {"env:HUB_PASSWORD": "open-sesame", "env:CLIENT": "provider-secret", "file:~/proxy-token": "proxy-token"}
TOKENS = Tokens(gateway="gateway-token", check="check-token")


def charts(hub: str = "4.4.0", gateway: str = "2026.3.0", *, asks_for_scopes: bool = True) -> ChartPair:
    auth: dict[str, None] = {"apiToken": None, "apiUrl": None}
    if asks_for_scopes:
        auth["jupyterhubServiceName"] = None
    return ChartPair(hub=ChartKeys(hub, {}), gateway=ChartKeys(gateway, {"gateway": {"auth": {"jupyterhub": auth}}}))


NEWEST = charts()
OIDC = {
    "kind": "oidc",
    "client_id": "hub",
    "client_secret": {"env": "CLIENT"},
    "authorize_url": "https://login.example.org/authorize",
    "token_url": "https://login.example.org/token",
    "userdata_url": "https://login.example.org/userinfo",
    "username_claim": "preferred_username",
    "allow": "all",
}


def site(hub: dict[str, Any] | None = None, gateway: dict[str, Any] | None = None, **parts: Any) -> Site:
    dummy = {"kind": "dummy", "password": {"env": "HUB_PASSWORD"}, "allow": ["ann"]}
    return parse_site(
        {
            "name": "iris",
            "cloud": "iris",
            "project": "p",
            "cluster": {"keypair": "default"},
            "helm": {"version": "4.1.4", "source": "upload"},
            "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
            "jupyterhub": {"auth": dummy, **(hub or {})},
            "dask_gateway": gateway or {},
            **parts,
        }
    )


def composed(
    made: Site,
    *,
    addresses: dict[str, str | None] = ADDRESSES,  # type: ignore[assignment]
    pair: ChartPair = NEWEST,
    storage_class: str | None = None,
) -> Values:
    return compose_values(
        made, addresses=addresses, secrets=SECRETS, tokens=TOKENS, charts=pair, storage_class=storage_class
    )


def test_the_whole_of_a_hubs_values() -> None:
    assert composed(site()).jupyterhub == {
        "proxy": {
            "service": {"type": "LoadBalancer", "loadBalancerIP": "192.0.2.10"},
            "https": {"enabled": False},
        },
        "hub": {
            "config": {
                "JupyterHub": {"authenticator_class": "dummy"},
                "Authenticator": {"allow_all": False, "allowed_users": ["ann", "magnumhub-check"]},
                "DummyAuthenticator": {"password": "open-sesame"},
            },
            "db": {"type": "sqlite-pvc"},
            "services": {
                "dask-gateway": {"apiToken": "gateway-token"},
                "magnumhub": {"apiToken": "check-token"},
            },
            "loadRoles": {
                "user": {"scopes": ["self", "access:services!service=dask-gateway"]},
                "server": {
                    "scopes": [
                        "users:activity!user",
                        "access:servers!server",
                        "access:services!service=dask-gateway",
                    ]
                },
                "magnumhub": {
                    "services": ["magnumhub"],
                    "scopes": [
                        "admin:users!user=magnumhub-check",
                        "admin:servers!user=magnumhub-check",
                        "access:servers!user=magnumhub-check",
                        "list:users!user=magnumhub-check",
                        "tokens!user=magnumhub-check",
                        "read:hub",
                    ],
                },
            },
            "networkPolicy": {"interNamespaceAccessLabels": "accept"},
        },
        "singleuser": {
            "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
            "storage": {"type": "dynamic", "capacity": "10Gi"},
            "extraEnv": {
                "DASK_GATEWAY__ADDRESS": "http://traefik-dask-gateway.dask-gateway:80",
                "DASK_GATEWAY__PROXY_ADDRESS": "gateway://traefik-dask-gateway.dask-gateway:80",
                "DASK_GATEWAY__AUTH__TYPE": "jupyterhub",
                "DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE": "$(JUPYTER_IMAGE_SPEC)",
                "DASK_GATEWAY__PUBLIC_ADDRESS": "http://192.0.2.11",
            },
            "networkPolicy": {
                "egress": [
                    {
                        "to": [
                            {
                                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "dask-gateway"}},
                                "podSelector": {"matchLabels": {"app.kubernetes.io/component": "traefik"}},
                            }
                        ],
                        "ports": [{"protocol": "TCP", "port": 8000}, {"protocol": "TCP", "port": 8786}],
                    }
                ]
            },
        },
    }


def test_the_whole_of_a_gateways_values() -> None:
    worker = {"cores": 0.5, "memory_gib": 1.5, "per_cluster_max": 8}

    values = composed(site(gateway={"worker": worker, "idle_timeout_s": 900})).dask_gateway

    code = values["gateway"].pop("extraConfig")
    assert values == {
        "gateway": {
            "auth": {
                "type": "jupyterhub",
                "jupyterhub": {
                    "apiToken": "gateway-token",
                    "apiUrl": "http://hub.jhub:8081/hub/api",
                    "jupyterhubServiceName": "dask-gateway",
                },
            },
            "backend": {
                "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
                "worker": {
                    "cores": {"request": 0.5, "limit": 0.5},
                    "memory": {"request": "1.5G", "limit": "1.5G"},
                },
            },
        },
        "traefik": {"service": {"type": "LoadBalancer", "spec": {"loadBalancerIP": "192.0.2.11"}}},
    }
    lines = code["magnumhub"].splitlines()
    assert 'c.KubeClusterConfig.scheduler_cmd = ["dask", "scheduler"]' in lines
    assert 'c.KubeClusterConfig.worker_cmd = ["dask", "worker"]' in lines
    assert "c.KubeClusterConfig.idle_timeout = 900" in lines
    assert "c.KubeClusterConfig.cluster_max_workers = 8" in lines
    assert "default='pangeo/pangeo-notebook:2026.10.02'" in code["magnumhub"]
    compile(code["magnumhub"], "extraConfig", "exec")


@pytest.mark.parametrize("version", ["2025.4.0", "2026.3.0"])
def test_a_gateway_gets_only_the_keys_it_knows_whatever_its_version_is_called(version: str) -> None:
    values = composed(site(), pair=charts(gateway=version, asks_for_scopes=False))

    assert values.dask_gateway["gateway"]["auth"]["jupyterhub"] == {
        "apiToken": "gateway-token",
        "apiUrl": "http://hub.jhub:8081/hub/api",
    }


@pytest.mark.parametrize(
    ("version", "claim"),
    [
        ("2.0.0", "username_key"),
        ("3.0.0-0.dev.git.6120.hfc058e5", "username_key"),
        ("3.0.0", "username_claim"),
        ("3.0.0+site.1", "username_claim"),
        ("4.4.1-0.dev.git.7000.habcdef", "username_claim"),
    ],
)
def test_a_login_is_told_its_claim_by_the_name_it_knows(version: str, claim: str) -> None:
    config = composed(site({"auth": OIDC}), pair=charts(hub=version)).jupyterhub["hub"]["config"]

    told = {key: value for key, value in config["GenericOAuthenticator"].items() if key.startswith("username")}
    assert told == {claim: "preferred_username"}


def test_a_chart_knows_the_keys_of_its_values_yaml() -> None:
    keys = ChartKeys("1.0.0", {"hub": {"db": {"url": None}, "text": "x"}})

    assert [keys.knows(path) for path in ("hub.db.url", "hub.db.type", "hub.text.more", "proxy")] == [
        True,
        False,
        False,
        False,
    ]


def test_a_gateway_without_an_address_stays_inside() -> None:
    values = composed(
        site(network={"floating_ips": {"dask_gateway": "none"}}),
        addresses={"jupyterhub": "192.0.2.10", "dask_gateway": None},
    )

    assert values.dask_gateway["traefik"] == {"service": {"type": "ClusterIP"}}
    assert "DASK_GATEWAY__PUBLIC_ADDRESS" not in values.jupyterhub["singleuser"]["extraEnv"]


HTTPS = [
    ({"kind": "off"}, {"enabled": False}),
    (
        {"kind": "letsencrypt", "contact_email": "admin@example.org"},
        {
            "enabled": True,
            "type": "letsencrypt",
            "hosts": ["hub.example.org"],
            "letsencrypt": {"contactEmail": "admin@example.org"},
        },
    ),
    (
        {"kind": "secret", "secret_name": "hub-tls"},
        {"enabled": True, "type": "secret", "hosts": ["hub.example.org"], "secret": {"name": "hub-tls"}},
    ),
    ({"kind": "offload"}, {"enabled": True, "type": "offload", "hosts": ["hub.example.org"]}),
]


@pytest.mark.parametrize(("https", "expected"), HTTPS, ids=[kind["kind"] for kind, _ in HTTPS])
def test_every_kind_of_https(https: dict[str, str], expected: dict[str, Any]) -> None:
    made = site({"hostname": "hub.example.org", "https": https})

    assert composed(made).jupyterhub["proxy"]["https"] == expected


def test_login_at_an_openid_provider() -> None:
    made = site({"auth": OIDC, "hostname": "hub.example.org", "https": {"kind": "offload"}})

    assert composed(made).jupyterhub["hub"]["config"] == {
        "JupyterHub": {"authenticator_class": "generic-oauth"},
        "Authenticator": {"allow_all": True},
        "GenericOAuthenticator": {
            "client_id": "hub",
            "client_secret": "provider-secret",
            "oauth_callback_url": "https://hub.example.org/hub/oauth_callback",
            "authorize_url": "https://login.example.org/authorize",
            "token_url": "https://login.example.org/token",
            "userdata_url": "https://login.example.org/userinfo",
            "username_claim": "preferred_username",
            "scope": ["openid"],
        },
    }


def test_without_https_the_hub_takes_the_callback_from_the_request() -> None:
    config = composed(site({"auth": OIDC})).jupyterhub["hub"]["config"]

    assert "oauth_callback_url" not in config["GenericOAuthenticator"]


def test_login_with_github_for_members_of_an_organisation() -> None:
    github = {
        "kind": "github",
        "client_id": "hub",
        "client_secret": {"env": "CLIENT"},
        "allowed_organizations": ["research-group"],
        "admins": ["ann"],
    }

    assert composed(site({"auth": github})).jupyterhub["hub"]["config"] == {
        "JupyterHub": {"authenticator_class": "github"},
        "Authenticator": {"allow_all": False, "admin_users": ["ann"]},
        "GitHubOAuthenticator": {
            "client_id": "hub",
            "client_secret": "provider-secret",
            "allowed_organizations": ["research-group"],
            "scope": ["read:org"],
        },
    }


def test_login_as_anybody_with_the_password() -> None:
    dummy = {"kind": "dummy", "password": {"env": "HUB_PASSWORD"}, "allow": "all", "admins": ["ann"]}

    config = composed(site({"auth": dummy})).jupyterhub["hub"]["config"]

    assert config["Authenticator"] == {"allow_all": True, "admin_users": ["ann"]}


def test_volumes_of_a_named_class() -> None:
    hub = composed(site(storage={"kind": "dynamic", "home_gib": 25}), storage_class="fast").jupyterhub

    assert hub["hub"]["db"] == {"type": "sqlite-pvc", "pvc": {"storageClassName": "fast"}}
    assert hub["singleuser"]["storage"] == {"type": "dynamic", "capacity": "25Gi", "dynamic": {"storageClass": "fast"}}


def test_nothing_is_kept_where_the_site_says_so() -> None:
    hub = composed(site(storage={"kind": "ephemeral"})).jupyterhub

    assert hub["hub"]["db"] == {"type": "sqlite-memory"}
    assert hub["singleuser"]["storage"] == {"type": "none"}


def test_raw_values_come_last_with_their_secrets_filled_in() -> None:
    raw = {
        "proxy": {"secretToken": {"file": "~/proxy-token"}, "service": {"annotations": {"a": "b"}}},
        "singleuser": {"extraEnv": {"GREETING": "hello"}, "storage": {"capacity": "50Gi"}},
    }

    values = composed(site({"values": raw}))

    assert values.jupyterhub["proxy"]["secretToken"] == "proxy-token"
    assert values.jupyterhub["proxy"]["service"] == {
        "type": "LoadBalancer",
        "loadBalancerIP": "192.0.2.10",
        "annotations": {"a": "b"},
    }
    assert values.jupyterhub["singleuser"]["extraEnv"]["GREETING"] == "hello"
    assert values.jupyterhub["singleuser"]["storage"] == {"type": "dynamic", "capacity": "50Gi"}
    assert set(values.secrets) == {"open-sesame", "proxy-token", "gateway-token", "check-token"}


def test_notebooks_follow_the_gateways_ports() -> None:
    raw = {"traefik": {"service": {"ports": {"web": {"port": 8000}, "tcp": {"port": 8786}}}}}

    environment = composed(site(gateway={"values": raw})).jupyterhub["singleuser"]["extraEnv"]

    assert environment["DASK_GATEWAY__ADDRESS"] == "http://traefik-dask-gateway.dask-gateway:8000"
    assert environment["DASK_GATEWAY__PROXY_ADDRESS"] == "gateway://traefik-dask-gateway.dask-gateway:8786"
    assert environment["DASK_GATEWAY__PUBLIC_ADDRESS"] == "http://192.0.2.11:8000"


@pytest.mark.parametrize(
    ("url", "ports", "proxy"),
    [
        ("http://192.0.2.11", {"web": 80}, "gateway://192.0.2.11:80"),
        ("http://192.0.2.11:8000", {"web": 8000}, "gateway://192.0.2.11:8000"),
        ("http://192.0.2.11:8000", {"web": 8000, "tcp": 8786}, "gateway://192.0.2.11:8786"),
        ("https://dask.example.org", {"web": 80}, "gateway://dask.example.org:443"),
        ("https://dask.example.org:8443", {"web": 80}, "gateway://dask.example.org:8443"),
        ("http://[2001:db8::1]:8000", {"web": 8000}, "gateway://[2001:db8::1]:8000"),
    ],
)
def test_the_runner_follows_the_gateways_ports(url: str, ports: dict[str, int], proxy: str) -> None:
    assert gateway_proxy(url, ports) == proxy


def test_the_gateway_asks_the_hub_in_its_namespace() -> None:
    values = composed(site({"namespace": "users"}))

    assert values.dask_gateway["gateway"]["auth"]["jupyterhub"]["apiUrl"] == "http://hub.users:8081/hub/api"


def test_rules_of_the_site_stand_beside_ours() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}

    values = composed(site({"values": {"singleuser": {"networkPolicy": {"egress": [rule], "enabled": True}}}}))

    policy = values.jupyterhub["singleuser"]["networkPolicy"]
    assert policy["enabled"] is True
    assert policy["egress"][1:] == [rule]
    assert policy["egress"][0]["ports"] == [{"protocol": "TCP", "port": 8000}, {"protocol": "TCP", "port": 8786}]


@pytest.mark.parametrize("code", ["c.x = 1", {"mine": "c.x = 1"}], ids=["as text", "as a mapping"])
def test_code_of_the_site_stands_beside_ours(code: Any) -> None:
    extra = composed(site(gateway={"values": {"gateway": {"extraConfig": code}}})).dask_gateway["gateway"][
        "extraConfig"
    ]

    assert "magnumhub" in extra
    assert "c.x = 1" in extra.values()


def test_secrets_are_named_once_each() -> None:
    raw = {"a": {"env": "CLIENT"}, "b": [{"block": "x"}], "c": {"env": "OTHER", "file": "two keys are no reference"}}

    assert [str(ref) for ref in secret_refs(site({"values": raw, "auth": OIDC}))] == ["env:CLIENT", "block:x"]


def test_values_and_tokens_show_no_secrets_when_printed() -> None:
    shown = f"{composed(site())!r} {TOKENS!r}"

    assert "open-sesame" not in shown
    assert "token" not in shown.lower().replace("tokens()", "")


def test_where_the_services_are() -> None:
    made = site({"namespace": "users"}, {"namespace": "dask"})

    assert service_names(made) == {
        "jupyterhub": ServiceName("users", "proxy-public"),
        "dask_gateway": ServiceName("dask", "traefik-dask-gateway"),
    }


ENDPOINTS = [
    ({}, {"http": 80}, {"web": 80}, "http://192.0.2.10", "http://192.0.2.11"),
    ({}, {"http": 8080}, {"web": 8000}, "http://192.0.2.10:8080", "http://192.0.2.11:8000"),
    ({"hostname": "h.example.org"}, {"http": 80}, {"web": 80}, "http://h.example.org", "http://192.0.2.11"),
    (
        {"hostname": "h.example.org", "https": {"kind": "offload"}},
        {"https": 443, "http": 80},
        {"web": 80},
        "https://h.example.org",
        "http://192.0.2.11",
    ),
]


@pytest.mark.parametrize(("hub", "hub_ports", "gateway_ports", "hub_url", "gateway_url"), ENDPOINTS)
def test_endpoints(
    hub: dict[str, Any], hub_ports: dict[str, int], gateway_ports: dict[str, int], hub_url: str, gateway_url: str
) -> None:
    ports = {"jupyterhub": hub_ports, "dask_gateway": gateway_ports}

    assert endpoints(site(hub), ADDRESSES, ports) == {"jupyterhub": hub_url, "dask_gateway": gateway_url}


def test_no_endpoint_for_a_gateway_inside() -> None:
    found = endpoints(site(), {"jupyterhub": "192.0.2.10"}, {"jupyterhub": {"http": 80}, "dask_gateway": {"web": 80}})

    assert found["dask_gateway"] is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": {"c": [1, 2]}}, {"b": {"c": [1, 2]}, "a": 1.0}, True),
        ({"a": None}, {}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": True}, {"a": 1}, False),
    ],
    ids=["order and whole floats", "null", "order of a list", "text and number", "true and one"],
)
def test_equal_values_are_equal_text(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    assert (canonical(one) == canonical(other)) is same


def test_admins_alone_are_spelled_out_as_allowed() -> None:
    admins_only = composed(site({"auth": {**OIDC, "allow": [], "admins": ["ann"]}})).jupyterhub["hub"]["config"]
    github = {"kind": "github", "client_id": "hub", "client_secret": {"env": "CLIENT"}, "admins": ["ann"]}
    members = composed(site({"auth": {**github, "allowed_organizations": ["org"]}})).jupyterhub["hub"]["config"]

    assert admins_only["Authenticator"] == {"allow_all": False, "admin_users": ["ann"], "allowed_users": ["ann"]}
    assert members["Authenticator"] == {"allow_all": False, "admin_users": ["ann"]}
