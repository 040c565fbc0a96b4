"""The servers of one small cluster, as Nova's tests look at them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.openstack.cloud import Project
from tests.contract.openstack.magnum_side import Magnum

NAME = "contract-servers"


@dataclass(frozen=True)
class Servers:
    """A cluster's master and its node, and the network that they are on."""

    master: dict[str, Any]
    node: dict[str, Any]
    port: dict[str, Any]

    @property
    def names(self) -> dict[str, str]:
        """What differs in their answers without meaning anything."""
        groups = {
            group["name"]: f"<group of the {role}>"
            for role, server in (("master", self.master), ("node", self.node))
            for group in server["security_groups"]
        }
        network = dict.fromkeys(self.master["addresses"], "<network>")
        return {self.master["name"]: "<master>", self.node["name"]: "<node>", **groups, **network}


@pytest.fixture(scope="session")
def servers(project: Project, magnum: Magnum) -> Iterator[Servers]:
    """Of a cluster that is made for them and goes with the others."""
    uuid = magnum.create(name=NAME)
    magnum.complete(uuid)
    found = project.call("nova", "GET", "/v2.1/servers/detail", query={"name": f"^{NAME}-"}).body["servers"]
    master, node = (next(s for s in found if f"-{role}-0" in s["name"]) for role in ("master", "node"))
    ports = project.call("neutron", "GET", "/v2.0/ports", query={"device_id": master["id"]}).body["ports"]
    yield Servers(master, node, ports[0])
    magnum.delete(uuid)
