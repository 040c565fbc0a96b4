"""Service addresses: cluster IPs from the cluster's range and node ports."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import chain
from typing import Any

from sandbox.kube.errors import invalid
from sandbox.kube.service_rules import address_problems
from sandbox.kube.store import Store

NODE_PORTS = range(30000, 32768)
_PORT_RANGE = "provided port is not in the valid range. The range of valid ports is 30000-32767"


class ServiceAddresses:
    """Hands out addresses; what is taken is read from the Services themselves, so nothing has to be given back."""

    def __init__(self, store: Store, cidr: str) -> None:
        self._store = store
        self._network = ipaddress.ip_network(cidr)
        self._next_ip = 0
        self._next_port = 0

    @property
    def first(self) -> str:
        """The address of Service `kubernetes`."""
        return str(self._network[1])

    def assign(self, service: dict[str, Any], old: dict[str, Any] | None) -> None:
        """Give a Service, in place, the addresses it lacks; keep those it has had.

        Raises: StatusError 422 for an address outside the range, one in use, or one that changes.
        """
        spec = service["spec"]
        before = (old or {}).get("spec", {})
        if spec["type"] == "ExternalName":
            spec.pop("clusterIP", None)
            spec.pop("clusterIPs", None)
            return
        asked = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or []), None) or before.get("clusterIP")
        if before.get("clusterIP") and asked != before["clusterIP"]:
            raise self._refused(service, f'spec.clusterIPs[0]: Invalid value: ["{asked}"]: may not change once set')
        if asked and asked != "None" and not before.get("clusterIP"):
            self._check(service, asked)
        spec["clusterIP"] = asked or self._free_ip()
        spec["clusterIPs"] = [spec["clusterIP"]]
        wants_ports = spec["type"] == "NodePort" or (
            spec["type"] == "LoadBalancer" and spec["allocateLoadBalancerNodePorts"]
        )
        if wants_ports:
            self._assign_node_ports(service, before)

    def _check(self, service: dict[str, Any], address: str) -> None:
        told = f'spec.clusterIPs: Invalid value: ["{address}"]: '
        if problems := address_problems(address, "spec.clusterIPs[0]"):
            raise invalid("", "Service", service["metadata"]["name"], problems)
        if ipaddress.ip_address(address) not in self._network:
            why = f"failed to allocate IP {address}: the provided network does not match the current range"
            raise self._refused(service, told + why)
        if address in self._used_ips():
            why = f"failed to allocate IP {address}: provided IP is already allocated"
            raise self._refused(service, told + why)

    def _refused(self, service: dict[str, Any], told: str) -> Exception:
        field, _, message = told.partition(": ")
        return invalid("", "Service", service["metadata"]["name"], [(field, message)])

    def _used_ips(self) -> set[str]:
        return {s["spec"].get("clusterIP", "") for s in self._store.list("", "services")}

    def _free_ip(self) -> str:
        used = self._used_ips()
        usable = self._network.num_addresses - 12  # the first ten stay free for addresses asked for by number
        for _ in range(usable):
            address = str(self._network[11 + self._next_ip % usable])
            self._next_ip += 1
            if address not in used:
                return address
        raise RuntimeError(f"service range {self._network} is used up")

    def _assign_node_ports(self, service: dict[str, Any], before: dict[str, Any]) -> None:
        spec = service["spec"]
        had = {(p["port"], p["protocol"]): p.get("nodePort") for p in before.get("ports") or []}
        used = set(self._used_node_ports())
        for port in spec.get("ports") or []:
            if (asked := port.get("nodePort")) and asked not in NODE_PORTS:
                field = f"spec.ports[{spec['ports'].index(port)}].nodePort"
                raise self._refused(service, f"{field}: Invalid value: {asked}: {_PORT_RANGE}")
            if not asked:
                port["nodePort"] = had.get((port["port"], port["protocol"])) or self._free_node_port(used)
            used.add(port["nodePort"])

    def _used_node_ports(self) -> Iterator[int]:
        ports = chain.from_iterable(s["spec"].get("ports") or [] for s in self._store.list("", "services"))
        return (p["nodePort"] for p in ports if p.get("nodePort"))

    def _free_node_port(self, used: set[int]) -> int:
        while True:
            port = NODE_PORTS[self._next_port * 7 % len(NODE_PORTS)]
            self._next_port += 1
            if port not in used:
                return port
