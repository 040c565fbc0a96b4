"""One Service's load balancer and floating IP in the cloud, by cloud-provider-openstack's rules.

Source: cloud-provider-openstack, pkg/openstack/loadbalancer.go; observed on clouds:

- an address asked for must be free, and is looked at only while the VIP has none (#2443),
- floating IPs that it made itself, told by their description, go with the Service; others stay.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sandbox.load_balancer.openstack import Object, OpenStack, OpenStackError

_DESCRIPTION = "Floating IP for Kubernetes external service"
_NETWORK, _BALANCING = "network", "load-balancer"
_BALANCERS, _FLOATING_IPS = "/v2/lbaas/loadbalancers", "/v2.0/floatingips"
_POLL_FIRST_S, _POLL_MOST_S = 0.1, 3.0
_ACTIVE_WITHIN_S = 300.0


@dataclass(frozen=True)
class Balancer:
    """A load balancer that is ready."""

    id: str
    vip_address: str
    vip_port_id: str


class Balancers:
    """The load balancers of one cluster.

    Args:
        cluster_uuid: Magnum's; part of every load balancer's name, by which `teardown` of a cluster finds them.
        vip_subnet_id: the subnet of the cluster's machines.
        time_scale: what the cloud's own patience is multiplied with.
    """

    def __init__(self, cloud: OpenStack, cluster_uuid: str, vip_subnet_id: str, time_scale: float) -> None:
        self._cloud, self._cluster_uuid, self._subnet = cloud, cluster_uuid, vip_subnet_id
        self._patience_s = max(_ACTIVE_WITHIN_S * time_scale, _POLL_MOST_S)

    def name(self, service: Object) -> str:
        """What a Service's load balancer is called."""
        meta = service["metadata"]
        return f"kube_service_{self._cluster_uuid}_{meta['namespace']}_{meta['name']}"

    async def ensure(self, service: Object) -> Balancer:
        """The Service's load balancer, made if need be, when it is ready."""
        found = await self._find(service)
        if found is None:
            wanted = {
                "name": self.name(service),
                "description": f"Kubernetes external service {service['metadata']['name']}",
                "vip_subnet_id": self._subnet,
                "listeners": [
                    {"protocol": port.get("protocol", "TCP"), "protocol_port": port["port"]}
                    for port in service["spec"]["ports"]
                ],
            }
            found = (await self._cloud.post(_BALANCING, _BALANCERS, {"loadbalancer": wanted}))["loadbalancer"]
        return await self._ready(found)

    async def _find(self, service: Object) -> Object | None:
        found = await self._cloud.get(_BALANCING, _BALANCERS, name=self.name(service))
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
        return Balancer(balancer["id"], balancer["vip_address"], balancer["vip_port_id"])

    async def floating_ip(self, service: Object, balancer: Balancer) -> str:
        """The address that is on the VIP; the one asked for, or a new one, is put there if none is."""
        here = await self._cloud.get(_NETWORK, _FLOATING_IPS, port_id=balancer.vip_port_id)
        if here["floatingips"]:
            return str(here["floatingips"][0]["floating_ip_address"])
        wanted = service["spec"].get("loadBalancerIP")
        if not wanted:
            return await self._allocate(service, balancer)
        found = (await self._cloud.get(_NETWORK, _FLOATING_IPS, floating_ip_address=wanted))["floatingips"]
        if not found:
            return await self._allocate(service, balancer, floating_ip_address=wanted)
        if found[0]["port_id"]:
            raise OpenStackError(f"floating IP {wanted} is not available")
        change = {"floatingip": {"port_id": balancer.vip_port_id}}
        await self._cloud.put(_NETWORK, f"{_FLOATING_IPS}/{found[0]['id']}", change)
        return str(wanted)

    async def _allocate(self, service: Object, balancer: Balancer, **asked: str) -> str:
        networks = (await self._cloud.get(_NETWORK, "/v2.0/networks", **{"router:external": "True"}))["networks"]
        if not networks:
            raise OpenStackError("could not find floating network for a Service of type LoadBalancer")
        meta = service["metadata"]
        wanted = {
            "floating_network_id": networks[0]["id"],
            "port_id": balancer.vip_port_id,
            "description": f"{_DESCRIPTION} {meta['namespace']}/{meta['name']} from cluster {self._cluster_uuid}",
            **asked,
        }
        try:
            made = await self._cloud.post(_NETWORK, _FLOATING_IPS, {"floatingip": wanted})
        except OpenStackError as error:
            raise OpenStackError(f"error creating LB floatingip: {error}") from error
        return str(made["floatingip"]["floating_ip_address"])

    async def delete(self, service: Object) -> None:
        """Take the Service's load balancer away, and its floating IP unless somebody else made that."""
        balancer = await self._find(service)
        if balancer is None:
            return
        here = await self._cloud.get(_NETWORK, _FLOATING_IPS, port_id=balancer["vip_port_id"])
        for floating_ip in here["floatingips"]:
            if floating_ip["description"].startswith(_DESCRIPTION):
                await self._cloud.delete(_NETWORK, f"{_FLOATING_IPS}/{floating_ip['id']}")
        await self._cloud.delete(_BALANCING, f"{_BALANCERS}/{balancer['id']}", cascade="true")
        delay = _POLL_FIRST_S
        while await self._find(service):
            await asyncio.sleep(delay)
            delay = min(delay * 1.2, _POLL_MOST_S)
