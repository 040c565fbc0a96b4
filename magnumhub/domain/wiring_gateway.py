"""Dask Gateway's half of the wiring: its values, and where it is reached from inside and outside the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.spec import Site
from magnumhub.domain.values import merged, value_at

_SERVICE_NAME = "jupyterhubServiceName"
"""With this key (2026.3.0, dask/dask-gateway#863) the gateway asks for its service's scope; older schemas refuse it."""

_CODE = """\
from dask_gateway_server.options import Options, String

# distributed has no dask-scheduler and dask-worker any more (dask/distributed#9240)
c.KubeClusterConfig.scheduler_cmd = ["dask", "scheduler"]
c.KubeClusterConfig.worker_cmd = ["dask", "worker"]
c.KubeClusterConfig.idle_timeout = {idle_timeout_s}
c.KubeClusterConfig.cluster_max_workers = {per_cluster_max}


def with_image(options):
    if ":" not in options.image:
        raise ValueError("an image needs a tag, so that workers run what the notebook runs")
    return {{"image": options.image}}


# Notebooks name their own image, so that schedulers and workers run the same versions.
c.Backend.cluster_options = Options(String("image", default={image!r}, label="Image"), handler=with_image)
"""


@dataclass(frozen=True)
class Inside:
    """Where notebooks reach the gateway."""

    address: str
    proxy_address: str


def gateway_values(
    site: Site, *, address: str | None, hub_api: str, token: str, service: str, chart: ChartKeys
) -> dict[str, Any]:
    """The gateway chart's values without the site's raw ones.

    Args:
        address: the reserved floating IP; None: a Service inside the cluster only.
        hub_api: where the gateway asks whose a token is.
        token: the gateway's own, as a service of the hub.
        service: the gateway's name among the hub's services.
        chart: that they are for.
    """
    spec = site.dask_gateway
    hub = {"apiToken": token, "apiUrl": hub_api}
    if chart.knows(f"gateway.auth.jupyterhub.{_SERVICE_NAME}"):
        hub[_SERVICE_NAME] = service
    cores, memory = spec.worker.cores, f"{spec.worker.memory_gib:g}G"
    code = _CODE.format(
        idle_timeout_s=spec.idle_timeout_s, per_cluster_max=spec.worker.per_cluster_max, image=site.image.reference
    )
    reach = {"spec": {"loadBalancerIP": address}} if address else {}
    return {
        "gateway": {
            "auth": {"type": "jupyterhub", "jupyterhub": hub},
            "backend": {
                "image": {"name": site.image.name, "tag": site.image.tag},
                "worker": {
                    "cores": {"request": cores, "limit": cores},
                    "memory": {"request": memory, "limit": memory},
                },
            },
            "extraConfig": {"magnumhub": code},
        },
        "traefik": {"service": {"type": "LoadBalancer" if address else "ClusterIP", **reach}},
    }


def with_our_code(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Raw values whose gateway.extraConfig stands beside ours: as one text it would replace all of it."""
    code = value_at(raw, "gateway.extraConfig")
    return merged(raw, {"gateway": {"extraConfig": {"site": code}}}) if isinstance(code, str) else dict(raw)


def gateway_inside(site: Site, values: Mapping[str, Any], service: str) -> Inside:
    """The gateway's addresses inside the cluster; its ports come from the merged values, as its Service's do."""
    host, ports = f"{service}.{site.dask_gateway.namespace}", gateway_ports(values)
    return Inside(f"http://{host}:{ports['web']}", f"gateway://{host}:{ports.get('tcp', ports['web'])}")


def gateway_public(values: Mapping[str, Any], address: str) -> str:
    """The gateway as a browser sees it: what links to dashboards begin with."""
    web = gateway_ports(values)["web"]
    return f"http://{address}{'' if web == 80 else f':{web}'}"


def gateway_proxy(url: str, ports: Mapping[str, int]) -> str:
    """Where schedulers are reached from outside: beside the gateway's public URL, maybe at a port of their own.

    Args:
        ports: of its Service by name, as Kubernetes says them.
    """
    public = urlsplit(url)
    port = ports.get("tcp") or public.port or (443 if public.scheme == "https" else 80)
    host = f"[{public.hostname}]" if ":" in (public.hostname or "") else public.hostname
    return f"gateway://{host}:{port}"


def gateway_ports(values: Mapping[str, Any]) -> dict[str, int]:
    """The ports of the gateway's Service by name: web, and tcp where schedulers have one of their own."""
    web = int(value_at(values, "traefik.service.ports.web.port", 80))
    tcp = value_at(values, "traefik.service.ports.tcp.port", "web")
    return {"web": web} if tcp == "web" else {"web": web, "tcp": int(tcp)}
