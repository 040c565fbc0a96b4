"""Composes both charts' values from the site, so that hub, notebooks and Dask find and trust one another.

This is what everybody gets wrong by hand: who may talk to whom across namespaces, which token and scope lets a notebook
in, which address a notebook uses (the one inside the cluster, never the public one), and one image for notebooks,
schedulers and workers. The hub's half is here, the gateway's in wiring_gateway.py, who may log in in wiring_auth.py.

Source: values.yaml and values.schema.yaml of jupyterhub 2.0.0 to 4.4.0 and of dask-gateway 2022.4.0 to 2026.3.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.results import Part
from magnumhub.domain.spec import DummyAuth, DynamicStorage, HttpsLetsEncrypt, HttpsOff, HttpsSecret, SecretRef, Site
from magnumhub.domain.values import filled, merged, references, value_at
from magnumhub.domain.wiring_auth import auth_config
from magnumhub.domain.wiring_gateway import gateway_inside, gateway_public, gateway_values, with_our_code

HUB_RELEASE = "jupyterhub"
GATEWAY_RELEASE = "dask-gateway"
RELEASES: dict[Part, str] = {"jupyterhub": HUB_RELEASE, "dask_gateway": GATEWAY_RELEASE}

GATEWAY_SERVICE = "dask-gateway"
"""The gateway as a service of the hub; a token needs the scope access:services!service=dask-gateway to use it."""

CHECK_USER = "magnumhub-check"
"""The user that the health check works as; servers and Dask clusters of this user are ours."""

CHECK_SERVICE = "magnumhub"
"""The hub's service whose token makes the check's user and short-lived tokens for it, and may do nothing else."""

_HUB_PORT = 8081
_TRAEFIK_PORTS = (8000, 8786)
"""Where the gateway's proxy listens in its pod, whatever its Service says: network policies are about pods."""

_NOTEBOOKS_IMAGE = "$(JUPYTER_IMAGE_SPEC)"
"""Filled in by Kubernetes from what KubeSpawner says beside it. Dask fills in {JUPYTER_IMAGE_SPEC} as well, but for
KubeSpawner 6 (z2jh's upgrade guide 2 to 3) braces are a template of its own, and this one ends in a KeyError.
"""


@dataclass(frozen=True)
class Tokens:
    """Tokens that were made once and are kept in the cluster: the gateway's and the check's, as services of the hub."""

    gateway: str = field(repr=False)
    check: str = field(repr=False)


@dataclass(frozen=True)
class ChartPair:
    """The charts that values are composed for."""

    hub: ChartKeys
    gateway: ChartKeys


@dataclass(frozen=True)
class Values:
    """Both charts' values, ready for Helm. They hold secrets; `secrets` lists them for the redaction."""

    jupyterhub: dict[str, Any] = field(repr=False)
    dask_gateway: dict[str, Any] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class ServiceName:
    """A Service of Kubernetes."""

    namespace: str
    name: str


def secret_refs(site: Site) -> list[SecretRef]:
    """Every secret that the site's values need, each once."""
    auth = site.jupyterhub.auth
    refs = [auth.password if isinstance(auth, DummyAuth) else auth.client_secret]
    for values in (site.jupyterhub.values, site.dask_gateway.values):
        refs += [SecretRef.model_validate({kind: name}) for kind, name in references(values)]
    return list({str(ref): ref for ref in refs}.values())


def service_names(site: Site) -> dict[str, ServiceName]:
    """The Services that carry the public addresses, by role."""
    return {
        "jupyterhub": ServiceName(site.jupyterhub.namespace, "proxy-public"),
        "dask_gateway": ServiceName(site.dask_gateway.namespace, f"traefik-{GATEWAY_RELEASE}"),
    }


def is_inside_only(site: Site) -> bool:
    """Whether the gateway has no public address."""
    return site.network.floating_ips.dask_gateway == "none"


def public_services(site: Site) -> dict[Part, ServiceName]:
    """The Services that have a public address, by role."""
    names = service_names(site)
    parts: tuple[Part, ...] = ("jupyterhub",) if is_inside_only(site) else ("jupyterhub", "dask_gateway")
    return {part: names[part] for part in parts}


def endpoints(
    site: Site, addresses: Mapping[str, str | None], ports: Mapping[str, Mapping[str, int]]
) -> dict[str, str | None]:
    """Where users go, by role; None for a gateway without a public address.

    Args:
        addresses: role to floating IP.
        ports: role to the ports of its Service by name, as Kubernetes says them: {"http": 80}, {"web": 80}.
    """
    hub, https = site.jupyterhub, site.jupyterhub.https.kind != "off"
    names = ("https", "http") if https else ("http", "https")
    hub_port = next((ports["jupyterhub"][name] for name in names if name in ports["jupyterhub"]), 443 if https else 80)
    host = hub.hostname or addresses["jupyterhub"]
    gateway = addresses.get("dask_gateway")
    return {
        "jupyterhub": f"https://{host}{_port(hub_port, 443)}" if https else f"http://{host}{_port(hub_port, 80)}",
        "dask_gateway": f"http://{gateway}{_port(ports['dask_gateway'].get('web', 80), 80)}" if gateway else None,
    }


def compose_values(
    site: Site,
    *,
    addresses: Mapping[str, str | None],
    secrets: Mapping[str, str],
    tokens: Tokens,
    charts: ChartPair,
    storage_class: str | None,
) -> Values:
    """Both charts' values: what the site says, wired together, with its raw values merged last.

    Args:
        addresses: role to the reserved floating IP; dask_gateway None: inside the cluster only.
        secrets: `env:NAME` and so on to the secret, for all of `secret_refs(site)`.
        tokens: of the hub's two services.
        charts: both; some keys exist only in some of their versions.
        storage_class: the StorageClass to name; None: the cluster's default one.
    """
    raw_hub, raw_gateway = filled(site.jupyterhub.values, secrets), filled(site.dask_gateway.values, secrets)
    gateway = merged(
        gateway_values(
            site,
            address=addresses.get("dask_gateway"),
            hub_api=f"http://hub.{site.jupyterhub.namespace}:{_HUB_PORT}/hub/api",
            token=tokens.gateway,
            service=GATEWAY_SERVICE,
            chart=charts.gateway,
        ),
        with_our_code(raw_gateway),
    )
    hub = merged(
        {
            "proxy": _proxy(site, addresses["jupyterhub"]),
            "hub": _hub(site, secrets, tokens, charts.hub, storage_class),
            "singleuser": {
                "image": {"name": site.image.name, "tag": site.image.tag},
                "storage": _homes(site, storage_class),
                "extraEnv": _notebook_environment(site, gateway, addresses.get("dask_gateway")),
            },
        },
        _with_our_rule(raw_hub, site),
    )
    known = {*(secrets[str(ref)] for ref in secret_refs(site)), tokens.gateway, tokens.check}
    return Values(jupyterhub=hub, dask_gateway=gateway, secrets=tuple(sorted(known)))


def _proxy(site: Site, address: str | None) -> dict[str, Any]:
    return {"service": {"type": "LoadBalancer", "loadBalancerIP": address}, "https": _https(site)}


def _https(site: Site) -> dict[str, Any]:
    https = site.jupyterhub.https
    if isinstance(https, HttpsOff):
        return {"enabled": False}
    common = {"enabled": True, "type": https.kind, "hosts": [site.jupyterhub.hostname]}
    if isinstance(https, HttpsLetsEncrypt):
        return {**common, "letsencrypt": {"contactEmail": https.contact_email}}
    if isinstance(https, HttpsSecret):
        return {**common, "secret": {"name": https.secret_name}}
    return common


def _hub(
    site: Site, secrets: Mapping[str, str], tokens: Tokens, chart: ChartKeys, storage_class: str | None
) -> dict[str, Any]:
    use_the_gateway = f"access:services!service={GATEWAY_SERVICE}"
    return {
        "config": auth_config(site.jupyterhub, secrets, chart, also_allowed=CHECK_USER),
        "db": _database(site, storage_class),
        "services": {
            GATEWAY_SERVICE: {"apiToken": tokens.gateway},
            CHECK_SERVICE: {"apiToken": tokens.check},
        },
        "loadRoles": {
            "user": {"scopes": ["self", use_the_gateway]},
            # The token inside a notebook server: JupyterHub's own two scopes, and the gateway.
            "server": {"scopes": ["users:activity!user", "access:servers!server", use_the_gateway]},
            CHECK_SERVICE: {
                "services": [CHECK_SERVICE],
                "scopes": [
                    *(
                        f"{scope}!user={CHECK_USER}"
                        for scope in ("admin:users", "admin:servers", "access:servers", "list:users", "tokens")
                    ),
                    "read:hub",
                ],
            },
        },
        # The gateway's pods carry the label hub.jupyter.org/network-access-hub in a namespace of their own.
        "networkPolicy": {"interNamespaceAccessLabels": "accept"},
    }


def _database(site: Site, storage_class: str | None) -> dict[str, Any]:
    if not isinstance(site.storage, DynamicStorage):
        return {"type": "sqlite-memory"}
    return (
        {"type": "sqlite-pvc", "pvc": {"storageClassName": storage_class}} if storage_class else {"type": "sqlite-pvc"}
    )


def _homes(site: Site, storage_class: str | None) -> dict[str, Any]:
    if not isinstance(site.storage, DynamicStorage):
        return {"type": "none"}
    homes: dict[str, Any] = {"type": "dynamic", "capacity": f"{site.storage.home_gib}Gi"}
    return {**homes, "dynamic": {"storageClass": storage_class}} if storage_class else homes


def _notebook_environment(site: Site, gateway: Mapping[str, Any], address: str | None) -> dict[str, Any]:
    inside = gateway_inside(site, gateway, service_names(site)["dask_gateway"].name)
    environment = {
        "DASK_GATEWAY__ADDRESS": inside.address,
        "DASK_GATEWAY__PROXY_ADDRESS": inside.proxy_address,
        "DASK_GATEWAY__AUTH__TYPE": "jupyterhub",
        "DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE": _NOTEBOOKS_IMAGE,
    }
    if address:
        environment["DASK_GATEWAY__PUBLIC_ADDRESS"] = gateway_public(gateway, address)
    return environment


def _to_the_gateway(site: Site) -> dict[str, Any]:
    """Lets notebooks reach the gateway's proxy: their policy forbids private addresses otherwise."""
    proxy = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.dask_gateway.namespace}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/component": "traefik"}},
    }
    return {"to": [proxy], "ports": [{"protocol": "TCP", "port": port} for port in _TRAEFIK_PORTS]}


def _with_our_rule(raw: Mapping[str, Any], site: Site) -> dict[str, Any]:
    """Raw values whose rules for notebooks stand beside ours: a list replaces the one below it."""
    rules = value_at(raw, "singleuser.networkPolicy.egress", [])
    return merged(raw, {"singleuser": {"networkPolicy": {"egress": [_to_the_gateway(site), *rules]}}})


def _port(port: int, usual: int) -> str:
    return "" if port == usual else f":{port}"
