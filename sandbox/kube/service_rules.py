"""The rules of Services."""

from __future__ import annotations

import ipaddress
from typing import Any

import orjson

from sandbox.kube.errors import Cause
from sandbox.kube.pod_rules import port_number_problems, unsupported

Obj = dict[str, Any]
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_IP_RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def service_problems(spec: Obj) -> list[Cause]:
    """What is wrong with a Service's spec."""
    causes: list[Cause] = []
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and spec["type"] != "ExternalName":
        causes.append(("spec.ports", "Required value"))
    if spec["type"] not in _TYPES:
        causes.append(("spec.type", unsupported(spec["type"], _TYPES)))
    if spec["type"] == "ExternalName" and not spec.get("externalName"):
        causes.append(("spec.externalName", "Required value"))
    seen: list[str] = []
    for place, port in enumerate(ports):
        causes += _port_problems(port, f"spec.ports[{place}].", alone=len(ports) == 1, seen=seen)
    taken: list[tuple[Any, Any]] = []
    for place, port in enumerate(ports):
        if (port.get("port"), port["protocol"]) in taken:
            causes.append((f"spec.ports[{place}]", f"Duplicate value: {_as_told(port)}"))
        taken.append((port.get("port"), port["protocol"]))
    return causes


def address_problems(address: str, field: str) -> list[Cause]:
    """What is wrong with an address."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return [(field, f'Invalid value: "{address}": {_IP_RULE}')]
    return []


def service_status_problems(status: Obj) -> list[Cause]:
    """What is wrong with what a load balancer tells."""
    found = (status.get("loadBalancer") or {}).get("ingress") or []
    addresses = [(place, ingress["ip"]) for place, ingress in enumerate(found) if ingress.get("ip")]
    return [
        problem
        for place, address in addresses
        for problem in address_problems(address, f"status.loadBalancer.ingress[{place}].ip")
    ]


def _port_problems(port: Obj, path: str, *, alone: bool, seen: list[str]) -> list[Cause]:
    causes: list[Cause] = []
    name = port.get("name", "")
    if not name and not alone:
        causes.append((f"{path}name", "Required value"))
    elif name and name in seen:
        causes.append((f"{path}name", f'Duplicate value: "{name}"'))
    seen.append(name)
    causes += port_number_problems(port.get("port", 0), f"{path}port")
    if port["protocol"] not in _PROTOCOLS:
        causes.append((f"{path}protocol", unsupported(port["protocol"], _PROTOCOLS)))
    if isinstance(port.get("targetPort"), int):
        causes += port_number_problems(port["targetPort"], f"{path}targetPort")
    return causes


def _as_told(port: Obj) -> str:
    """A port as a duplicate is told: what makes it one, in the server's own type."""
    told = {"Name": "", "Protocol": port["protocol"], "AppProtocol": None, "Port": port["port"]}
    return orjson.dumps({**told, "TargetPort": 0, "NodePort": 0}).decode()
