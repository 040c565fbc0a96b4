"""VIPs of a cloud without Octavia: plain ports of Neutron."""

from __future__ import annotations

from sandbox.load_balancer.balancers import Balancer
from sandbox.load_balancer.openstack import NETWORK, Object, OpenStack

_PORTS = "/v2.0/ports"


class PortVips:
    """Ports that hold a VIP; nothing in the cloud leads its traffic on.

    Args:
        subnet_id: the subnet of the cluster's machines.
    """

    def __init__(self, cloud: OpenStack, subnet_id: str) -> None:
        self._cloud, self._subnet_id = cloud, subnet_id

    async def find(self, name: str) -> Balancer | None:
        """The port of that name."""
        found = await self._cloud.get(NETWORK, _PORTS, name=name)
        return _balancer(found["ports"][0]) if found["ports"] else None

    async def ensure(self, name: str, service: Object) -> Balancer:
        """The port of that name, made if need be."""
        if found := await self.find(name):
            return found
        subnet = (await self._cloud.get(NETWORK, f"/v2.0/subnets/{self._subnet_id}"))["subnet"]
        wanted = {
            "name": name,
            "description": f"Kubernetes external service {service['metadata']['name']}",
            "network_id": subnet["network_id"],
            "fixed_ips": [{"subnet_id": self._subnet_id}],
        }
        return _balancer((await self._cloud.post(NETWORK, _PORTS, {"port": wanted}))["port"])

    async def delete(self, name: str) -> None:
        """Take it away; a floating IP on it stays, DOWN."""
        if found := await self.find(name):
            await self._cloud.delete(NETWORK, f"{_PORTS}/{found.id}")


def _balancer(port: Object) -> Balancer:
    return Balancer(port["id"], port["fixed_ips"][0]["ip_address"], port["id"])
