"""One Service's load balancer and floating IP in the cloud, by cloud-provider-openstack's rules.

Source: cloud-provider-openstack, pkg/openstack/loadbalancer.go; observed on clouds:

- an address asked for must be free, and is looked at only while the VIP has none (#2443),
- floating IPs that it made itself, told by their description, go with the Service; others stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sandbox.load_balancer.openstack import NETWORK, Object, OpenStack, OpenStackError

_DESCRIPTION = "Floating IP for Kubernetes external service"
_FLOATING_IPS = "/v2.0/floatingips"


@dataclass(frozen=True)
class Balancer:
    """A load balancer that is ready."""

    id: str
    vip_address: str
    vip_port_id: str


class Vips(Protocol):
    """How this cloud makes the inner half of a load balancer: an address on the cluster's network."""

    async def find(self, name: str) -> Balancer | None:
        """The load balancer of that name, ready or not."""

    async def ensure(self, name: str, service: Object) -> Balancer:
        """The load balancer of that name, made if need be, when it is ready."""

    async def delete(self, name: str) -> None:
        """Take it away; returns when it is gone."""


class Balancers:
    """The load balancers of one cluster.

    Args:
        cluster_uuid: Magnum's; part of every load balancer's name, by which `teardown` of a cluster finds them.
    """

    def __init__(self, cloud: OpenStack, vips: Vips, cluster_uuid: str) -> None:
        self._cloud, self._vips, self._cluster_uuid = cloud, vips, cluster_uuid

    def _name(self, service: Object) -> str:
        meta = service["metadata"]
        return f"kube_service_{self._cluster_uuid}_{meta['namespace']}_{meta['name']}"

    async def ensure(self, service: Object) -> Balancer:
        """The Service's load balancer, made if need be, when it is ready."""
        return await self._vips.ensure(self._name(service), service)

    async def floating_ip(self, service: Object, balancer: Balancer) -> str:
        """The address that is on the VIP; the one asked for, or a new one, is put there if none is."""
        here = await self._cloud.get(NETWORK, _FLOATING_IPS, port_id=balancer.vip_port_id)
        if here["floatingips"]:
            return str(here["floatingips"][0]["floating_ip_address"])
        wanted = service["spec"].get("loadBalancerIP")
        if not wanted:
            return await self._allocate(service, balancer)
        found = (await self._cloud.get(NETWORK, _FLOATING_IPS, floating_ip_address=wanted))["floatingips"]
        if not found:
            return await self._allocate(service, balancer, floating_ip_address=wanted)
        if found[0]["port_id"]:
            raise OpenStackError(f"floating IP {wanted} is not available")
        change = {"floatingip": {"port_id": balancer.vip_port_id}}
        await self._cloud.put(NETWORK, f"{_FLOATING_IPS}/{found[0]['id']}", change)
        return str(wanted)

    async def _allocate(self, service: Object, balancer: Balancer, **asked: str) -> str:
        networks = (await self._cloud.get(NETWORK, "/v2.0/networks", **{"router:external": "True"}))["networks"]
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
            made = await self._cloud.post(NETWORK, _FLOATING_IPS, {"floatingip": wanted})
        except OpenStackError as error:
            raise OpenStackError(f"error creating LB floatingip: {error}") from error
        return str(made["floatingip"]["floating_ip_address"])

    async def delete(self, service: Object) -> None:
        """Take the Service's load balancer away, and its floating IP unless somebody else made that."""
        balancer = await self._vips.find(self._name(service))
        if balancer is None:
            return
        here = await self._cloud.get(NETWORK, _FLOATING_IPS, port_id=balancer.vip_port_id)
        for floating_ip in here["floatingips"]:
            if floating_ip["description"].startswith(_DESCRIPTION):
                await self._cloud.delete(NETWORK, f"{_FLOATING_IPS}/{floating_ip['id']}")
        await self._vips.delete(self._name(service))
