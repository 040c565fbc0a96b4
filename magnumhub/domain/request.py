"""The request to a cloud's support that opens its firewall, ready to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from magnumhub.domain.results import FloatingIP
from magnumhub.domain.spec import Site
from magnumhub.domain.values import value_at
from magnumhub.domain.wiring_gateway import gateway_ports

_WHY = {
    "master": "administration of the Kubernetes cluster by ssh, from our administrators' machines",
    "jupyterhub": "JupyterHub, for its users' browsers",
    "dask_gateway": "Dask Gateway, for dashboards in users' browsers and for the nightly check",
}
_FROM = {
    "master": "our administrators' network",
    "jupyterhub": "wherever users are",
    "dask_gateway": "wherever users are",
}
_HTTP, _HTTPS = 80, 443


def to_be_asked(site: Site, addresses: Iterable[FloatingIP]) -> list[FloatingIP]:
    """The addresses whose firewall a person opens and that nobody was asked for yet."""
    return [ip for ip in addresses if site.network.ingress.approval == "ask" and not ip.firewall]


def request_ports(site: Site, role: str) -> list[int]:
    """The TCP ports that must be reachable on a role's address, as far as they are known before the charts are in."""
    if role == "master":
        return [site.access.ssh_port]
    if role == "dask_gateway":
        return sorted({*gateway_ports(site.dask_gateway.values).values()})
    service = value_at(site.jupyterhub.values, "proxy.service", {})
    ports = {int(extra["port"]) for extra in service.get("extraPorts") or () if "port" in extra}
    if not service.get("disableHttpPort"):
        ports.add(_HTTP)
    if site.jupyterhub.https.kind != "off":
        ports.add(_HTTPS)
    return sorted(ports)


def ingress_request(site: Site, addresses: Mapping[str, str], ports: Mapping[str, Sequence[int]]) -> str:
    """The request's text.

    Args:
        addresses: role to floating IP, only those that have to be opened.
        ports: role to TCP ports.
    """
    rows = [
        f"  {address:<15}  TCP {', '.join(str(port) for port in ports[role]):<12}  from {_FROM[role]}: {_WHY[role]}"
        for role, address in addresses.items()
    ]
    to = f"To: {site.network.ingress.request_to}\n" if site.network.ingress.request_to else ""
    return (
        f"{to}Subject: Please open the firewall for {len(addresses)} floating IPs of project {site.project}\n\n"
        f"Please allow ingress to these floating IPs of project {site.project} on {site.cloud}:\n\n"
        + "\n".join(rows)
        + f"\n\nThey belong to the deployment {site.name} (JupyterHub and Dask on a Magnum cluster). The addresses are "
        "reserved\nand stay the same. No other port is needed. Thank you.\n"
    )
