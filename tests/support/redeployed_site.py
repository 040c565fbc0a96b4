"""A site whose addresses are moved, and where each of them is: in Neutron, in Kubernetes, and seen from outside."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from magnumhub.domain.results import Part
from tests.support.sandbox import Ran, Running, Sandbox, wait_until

SMALL = {"workers": 1, "array_size": 500, "chunk": 250}
"""A computation that proves as much as a large one, and takes a second."""

SERVICES: dict[Part, tuple[str, str]] = {
    "jupyterhub": ("jhub", "proxy-public"),
    "dask_gateway": ("dask-gateway", "traefik-dask-gateway"),
}
_ANSWERS_S = 60


@dataclass(frozen=True)
class RedeployedSite:
    """The site, provisioned."""

    sandbox: Sandbox
    path: Path
    first: dict[Part, str]
    ports: dict[Part, int]
    password: str = field(repr=False)

    def redeploy(self, *options: str, exit_code: int = 0) -> Ran:
        ran = self.sandbox.magnumhub("redeploy", self.path, "--json", *options, timeout_s=280)
        assert ran.exit_code == exit_code, ran.stdout + ran.stderr
        return ran

    def start_redeploy(self, *options: str) -> Running:
        return self.sandbox.start("redeploy", self.path, "--json", *options)

    def url(self, part: Part, address: str) -> str:
        return f"http://{address}:{self.ports[part]}"

    def actual(self) -> dict[Part, str]:
        """The address of each part, on which the cloud and Kubernetes have to agree, and nobody answers at another."""
        in_kubernetes = {part: self._service(part) for part in SERVICES}
        for part, service in in_kubernetes.items():
            assert service["spec"]["loadBalancerIP"] == _external(service), part
        addresses = {part: _external(service) for part, service in in_kubernetes.items()}
        assert self._in_neutron() == addresses
        for part, address in addresses.items():
            wait_until(partial(_answers, self.url(part, address)), _ANSWERS_S, f"{part} answers at {address}")
        serving = {(address, self.ports[part]) for part, address in addresses.items()}
        for address in self.allocated():
            for port in self.ports.values():
                assert (address, port) in serving or not _answers(f"http://{address}:{port}"), (address, port)
        return addresses

    def allocated(self) -> dict[str, str]:
        """Every floating IP of the project, and what its tags say."""
        listed = self.sandbox.state()["floating_ips"]
        ours = {ip["project_id"] for ip in listed if "magnumhub:role=master" in ip["tags"]}
        return {
            ip["floating_ip_address"]: " ".join(tag.split(":", 1)[1] for tag in ip["tags"])
            for ip in listed
            if ip["project_id"] in ours
        }

    def roles(self) -> Counter[str]:
        """How many addresses have each role, by their marks."""
        found = (re.search(r"role=(\S+)", tags) for tags in self.allocated().values())
        return Counter(match[1] if match else "none" for match in found)

    def give(self) -> str:
        """An address that somebody allocated by hand."""
        network = self.sandbox.connect().network
        outside = next(one for one in network.networks() if one.is_router_external)
        return str(network.create_ip(floating_network_id=outside.id).floating_ip_address)

    def plan_says_nothing_to_do(self) -> None:
        ran = self.sandbox.magnumhub("plan", self.path, "--json", "--exit-code")
        assert ran.exit_code == 0, ran.stdout + ran.stderr

    def service_uids(self) -> tuple[str, ...]:
        return tuple(self._service(part)["metadata"]["uid"] for part in SERVICES)

    def _service(self, part: Part) -> dict[str, Any]:
        namespace, name = SERVICES[part]
        return json.loads(self.sandbox.kubectl("get", "service", "-n", namespace, name, "-o", "json"))

    def _in_neutron(self) -> dict[Part, str]:
        """Which address is on the VIP port of each part's load balancer."""
        state = self.sandbox.state()
        on = {ip["port_id"]: ip["floating_ip_address"] for ip in state["floating_ips"] if ip["port_id"]}
        ends = {"_".join(service): part for part, service in SERVICES.items()}
        return {
            part: on[balancer["vip_port_id"]]
            for balancer in state["load_balancers"]
            for end, part in ends.items()
            if balancer["name"].endswith(f"_{end}") and balancer["vip_port_id"] in on
        }


def redeployed_site(sandbox: Sandbox, folder: Path, *, fit: tuple[int, ...] = (0,), **changes: Any) -> RedeployedSite:
    """Provision a site whose verification is as cheap as can be.

    Args:
        fit: exit codes that are fine.
    """
    sandbox.reset()
    path = sandbox.site_with(folder, {"health": SMALL, **changes})
    ran = sandbox.magnumhub("provision", path, "--json")
    assert ran.exit_code in fit, ran.stdout + ran.stderr
    first = {part: ran.document["addresses"][part] for part in SERVICES}
    ports = {part: httpx.URL(ran.document["endpoints"][part]).port or 80 for part in SERVICES}
    password = (Path(sandbox.started["clouds_yaml"]).parent / "hub-password").read_text().strip()
    return RedeployedSite(sandbox, path, first, ports, password)


def _external(service: dict[str, Any]) -> str:
    return str(service["status"]["loadBalancer"]["ingress"][0]["ip"])


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=10)
    except httpx.HTTPError:
        return False
    return True
