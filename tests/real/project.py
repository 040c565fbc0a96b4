"""A project on real services: what is in it, and the way back to an empty one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import openstack
from openstack.exceptions import BadRequestException, NotFoundException

_GONE_WITHIN_S = 180.0
_SETTLED_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.5

Inventory = dict[str, dict[str, str]]
"""Kind -> id -> what it is, in words that stay the same as long as it is the same."""


@dataclass
class Creation:
    """When a cluster was first seen, and when first complete."""

    began_s: float = 0.0
    took_s: float = 0.0

    def seen(self, statuses: list[str]) -> bool:
        """Note what there is now; whether that was the end."""
        if statuses and not self.began_s:
            self.began_s = time.monotonic()
        if statuses == ["CREATE_COMPLETE"]:
            self.took_s = time.monotonic() - self.began_s
        return self.took_s > 0


class Project:
    """One project, as its user sees it.

    Args:
        cloud: the entry of clouds.yaml.
    """

    def __init__(self, cloud: str) -> None:
        self.connection = openstack.connect(cloud=cloud)
        self.name: str = self.connection.current_project.name

    def external_network(self) -> str:
        """Where floating IPs come from."""
        return str(next(self.connection.network.networks(is_router_external=True)).name)

    def flavor(self, *, vcpus: int, ram_gib: int) -> str:
        """The smallest flavor with that much."""
        fitting = [
            flavor
            for flavor in self.connection.compute.flavors()
            if flavor.vcpus >= vcpus and flavor.ram >= ram_gib * 1024
        ]
        assert fitting, f"no flavor has {vcpus} cores and {ram_gib} GiB"
        return str(min(fitting, key=lambda flavor: (flavor.ram, flavor.vcpus)).name)

    def inventory(self) -> Inventory:
        """All that costs something or is in the way, but for what every project has (networks, router, keypair)."""
        network = self.connection.network
        mine = {"project_id": self.connection.current_project_id}
        found = {
            "cluster": {cluster.uuid: cluster.name for cluster in self.clusters()},
            "server": {server.id: server.name for server in self.connection.compute.servers()},
            "floating IP": {ip.id: _floating_ip(ip) for ip in network.ips(**mine)},
            "port": {port.id: _port(port) for port in network.ports(**mine) if not _is_networks_own(port)},
            "security group": {
                group.id: group.name for group in network.security_groups(**mine) if group.name != "default"
            },
        }
        return {kind: things for kind, things in found.items() if things}

    def clusters(self) -> list[Any]:
        """Magnum's clusters; the list is refused for a moment while one is made or deleted."""
        give_up_s = time.monotonic() + _SETTLED_WITHIN_S
        while True:
            try:
                return list(self.connection.container_infrastructure_management.clusters())
            except BadRequestException:
                if time.monotonic() > give_up_s:
                    raise
            time.sleep(0.2)

    @contextmanager
    def watched(self) -> Iterator[Creation]:
        """A watch on the project's only cluster while it is made: how long the cloud took, whoever waited."""
        creation, over = Creation(), threading.Event()

        def look() -> None:
            while not over.wait(_LOOK_EVERY_S) and not creation.seen([cluster.status for cluster in self.clusters()]):
                pass

        looking = threading.Thread(target=look)
        looking.start()
        try:
            yield creation
        finally:
            over.set()
            looking.join()

    def delete_cluster(self, uuid: str) -> None:
        """As in Horizon; returns when it is gone."""
        magnum = self.connection.container_infrastructure_management
        magnum.delete_cluster(uuid)
        give_up_s = time.monotonic() + _GONE_WITHIN_S
        while time.monotonic() < give_up_s:
            try:
                magnum.get_cluster(uuid)
            except NotFoundException:
                return
            except BadRequestException:  # half of it is gone
                pass
            time.sleep(0.5)
        raise TimeoutError(f"cluster {uuid} is not gone after {_GONE_WITHIN_S:.0f} s")

    def delete_all(self) -> None:
        """Everything that the inventory has: only for a project that was empty before."""
        for cluster in self.clusters():
            self.delete_cluster(cluster.uuid)
        network, left = self.connection.network, self.inventory()
        for ident in left.get("floating IP", ()):
            network.delete_ip(ident)
        for ident in left.get("port", ()):
            network.delete_port(ident)

    def versions(self) -> Iterator[str]:
        """What the services say of themselves."""
        for name, service_type in (("Keystone", "identity"), ("Magnum", "container-infra"), ("Nova", "compute")):
            newest = self._newest(service_type)
            yield f"{name} API {newest.get('max_version') or newest.get('version') or newest['id']}"
        extensions = len(list(self.connection.network.extensions()))
        yield f"Neutron API {self._newest('network')['id']} with {extensions} extensions"

    def _newest(self, service_type: str) -> dict[str, Any]:
        """The current entry of a service's version document, at the root of its endpoint."""
        session = self.connection.session
        endpoint = session.get_endpoint(service_type=service_type, interface="public")
        scheme, _, rest = endpoint.partition("://")
        answer = session.get(f"{scheme}://{rest.split('/')[0]}/", headers={"Accept": "application/json"}).json()
        versions = answer["versions"]
        listed = versions["values"] if isinstance(versions, dict) else versions
        return dict(next(entry for entry in listed if entry["status"].lower() in ("current", "stable")))


def told(inventory: Inventory) -> list[str]:
    """A line for each thing."""
    return [f"  {kind} {what}" for kind, things in inventory.items() for what in sorted(things.values())]


def _floating_ip(ip: Any) -> str:
    serves = f"on port {ip.port_id}" if ip.port_id else "serves nothing"
    return f"{ip.floating_ip_address} {serves}, {ip.description!r}, tags {', '.join(sorted(ip.tags)) or 'none'}"


def _port(port: Any) -> str:
    return f"{port.name or 'without a name'} {port.device_owner} {', '.join(a['ip_address'] for a in port.fixed_ips)}"


def _is_networks_own(port: Any) -> bool:
    return str(port.device_owner).startswith("network:")
