"""VIPs of a cloud with Octavia: its load balancers, made in one request with their listeners."""

from __future__ import annotations

import asyncio

from sandbox.load_balancer.balancers import Balancer
from sandbox.load_balancer.openstack import Object, OpenStack, OpenStackError

_BALANCING, _BALANCERS = "load-balancer", "/v2/lbaas/loadbalancers"
_POLL_FIRST_S, _POLL_MOST_S = 0.1, 3.0
_ACTIVE_WITHIN_S = 300.0


class OctaviaVips:
    """Load balancers of Octavia.

    Args:
        subnet_id: the subnet of the cluster's machines.
        time_scale: what the cloud's own patience is multiplied with.
    """

    def __init__(self, cloud: OpenStack, subnet_id: str, time_scale: float) -> None:
        self._cloud, self._subnet_id = cloud, subnet_id
        self._patience_s = max(_ACTIVE_WITHIN_S * time_scale, _POLL_MOST_S)

    async def find(self, name: str) -> Balancer | None:
        """The load balancer of that name, ready or not."""
        found = await self._find(name)
        return None if found is None else _balancer(found)

    async def ensure(self, name: str, service: Object) -> Balancer:
        """The load balancer of that name, made if need be, when it is ready."""
        found = await self._find(name)
        if found is None:
            wanted = {
                "name": name,
                "description": f"Kubernetes external service {service['metadata']['name']}",
                "vip_subnet_id": self._subnet_id,
                "listeners": [
                    {"protocol": port.get("protocol", "TCP"), "protocol_port": port["port"]}
                    for port in service["spec"]["ports"]
                ],
            }
            found = (await self._cloud.post(_BALANCING, _BALANCERS, {"loadbalancer": wanted}))["loadbalancer"]
        return await self._ready(found)

    async def delete(self, name: str) -> None:
        """Take it away with its listeners; returns when it is gone."""
        if found := await self._find(name):
            await self._cloud.delete(_BALANCING, f"{_BALANCERS}/{found['id']}", cascade="true")
        delay = _POLL_FIRST_S
        while await self._find(name):
            await asyncio.sleep(delay)
            delay = min(delay * 1.2, _POLL_MOST_S)

    async def _find(self, name: str) -> Object | None:
        found = await self._cloud.get(_BALANCING, _BALANCERS, name=name)
        balancers: list[Object] = found["loadbalancers"]
        return balancers[0] if balancers else None

    async def _ready(self, balancer: Object) -> Balancer:
        deadline, delay = asyncio.get_running_loop().time() + self._patience_s, _POLL_FIRST_S
        while balancer["provisioning_status"] != "ACTIVE":
            if balancer["provisioning_status"] == "ERROR":
                raise OpenStackError(f"loadbalancer {balancer['id']} has gone into ERROR state")
            if asyncio.get_running_loop().time() > deadline:
                status = balancer["provisioning_status"]
                raise OpenStackError(f"timeout waiting for the loadbalancer {balancer['id']} {status}")
            await asyncio.sleep(delay)
            delay = min(delay * 1.2, _POLL_MOST_S)
            balancer = (await self._cloud.get(_BALANCING, f"{_BALANCERS}/{balancer['id']}"))["loadbalancer"]
        return _balancer(balancer)


def _balancer(found: Object) -> Balancer:
    return Balancer(found["id"], found["vip_address"], found["vip_port_id"])
