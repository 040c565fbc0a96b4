"""What the tests use of a project's network: its external and internal networks, and what they make there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.contract.openstack.cloud import Answer, Project, Told

FLOATING_IPS, PORTS = "/v2.0/floatingips", "/v2.0/ports"
SOMETHING = "7d1a3b3e-0000-4000-8000-000000000000"
"""An id that nothing has."""

_MADE_MAX = 60


@dataclass
class Network:
    """A project's network; floating IPs and ports that are made through it are taken away after the test."""

    project: Project
    external: dict[str, Any] = field(init=False)
    internal: dict[str, Any] = field(init=False)
    _made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        networks = self.project.call("neutron", "GET", "/v2.0/networks").body["networks"]
        self.external = next(network for network in networks if network["router:external"])
        inside = [network for network in networks if not (network["router:external"] or network["shared"])]
        self.internal = next(network for network in inside if network["subnets"])

    def floating_ip(self, by: Told | None = None, **fields: Any) -> dict[str, Any]:
        """A new floating IP.

        Args:
            by: who asks for it, if the transcript shall show it.
        """
        body = {"floatingip": {"floating_network_id": self.external["id"], **fields}}
        return self._create(FLOATING_IPS, body, by)["floatingip"]

    def port(self, by: Told | None = None, **fields: Any) -> dict[str, Any]:
        """A new port on the internal network."""
        body = {"port": {"network_id": self.internal["id"], "name": "contract-port", **fields}}
        return self._create(PORTS, body, by)["port"]

    def _create(self, path: str, body: dict[str, Any], by: Told | None) -> dict[str, Any]:
        answer: Answer = (by or self.project).call("neutron", "POST", path, body)
        assert answer.status == 201, answer.body
        made = next(iter(answer.body.values()))
        self._made.append(f"{path}/{made['id']}")
        return dict(answer.body)

    def use_up(self) -> None:
        """Make floating IPs until the quota has room for no more."""
        path = f"/v2.0/quotas/{self.project.project_id}/details"
        quota = self.project.call("neutron", "GET", path).body["quota"]["floatingip"]
        more = quota["limit"] - quota["used"]
        if not 0 <= more <= _MADE_MAX:
            pytest.skip(f"{more} floating IPs would have to be made to use the quota up")
        for _ in range(more):
            self.floating_ip()

    def clean(self) -> None:
        """Take away what is left of what was made."""
        for path in self._made:
            assert self.project.call("neutron", "DELETE", path).status in (204, 404)
