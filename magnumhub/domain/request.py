"""The request to a cloud's support that opens its firewall, ready to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill

from magnumhub.domain.results import FloatingIP
from magnumhub.domain.spec import Site
from magnumhub.domain.values import value_at
from magnumhub.domain.wiring_gateway import gateway_ports

_WHY = {
    "master": "administration of the Kubernetes cluster by ssh",
    "jupyterhub": "JupyterHub, for its users' browsers",
    "dask_gateway": "Dask Gateway, for dashboards in users' browsers and for the nightly check",
}
_FROM = {
    "master": "our administrators' network",
    "jupyterhub": "wherever users are",
    "dask_gateway": "wherever users are",
}
_HTTP, _HTTPS = 80, 443
_COLUMNS = 56
"""Prefect's form cuts longer lines of such a text off."""


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
    to = f"To: {site.network.ingress.request_to}\n" if site.network.ingress.request_to else ""
    head = f"{to}Subject: Please open the firewall for {len(addresses)} floating IPs\n"
    asked = f"Please allow ingress to these floating IPs of project {site.project} on {site.cloud}:"
    rest = (
        f"They belong to the deployment {site.name} (JupyterHub and Dask on a Magnum cluster). "
        "The addresses are reserved and stay the same. No other port is needed. Thank you."
    )
    rows = [
        f"  {address}, TCP {', '.join(str(port) for port in ports[role])}\n"
        f"    from {_FROM[role]}\n"
        + fill(f"for {_WHY[role]}", _COLUMNS, initial_indent="    ", subsequent_indent="    ")
        for role, address in addresses.items()
    ]
    return "\n".join([head, _paragraph(asked), *rows, "", _paragraph(rest)])


def _paragraph(text: str) -> str:
    return fill(text, _COLUMNS) + "\n"
