"""Who may connect to whom under Kubernetes' NetworkPolicies, told from the objects as a network plugin would.

Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/. A connection needs the source's
egress and the target's ingress; policies add up; without any for a direction, everything is allowed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Policy = Mapping[str, Any]
Direction = Literal["Ingress", "Egress"]


@dataclass(frozen=True)
class Pod:
    """One end of a connection. ports: its containers' ports by name, which policies may name."""

    namespace: str
    labels: Mapping[str, str]
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outside:
    """An address that no pod has."""

    address: str


End = Pod | Outside


@dataclass(frozen=True)
class Network:
    """NetworkPolicies, and the labels of the namespaces they select by."""

    policies: Sequence[Policy]
    namespaces: Mapping[str, Mapping[str, str]]

    def allows(self, source: End, target: End, port: int, protocol: str = "TCP") -> bool:
        """Whether source may connect to this port of target."""
        leaves = self._passes("Egress", source, target, target, port, protocol)
        return leaves and self._passes("Ingress", target, source, target, port, protocol)

    def _passes(self, direction: Direction, subject: End, peer: End, target: End, port: int, protocol: str) -> bool:
        if isinstance(subject, Outside):
            return True
        key = direction.lower()
        applying = [policy["spec"] for policy in self.policies if _is_about(policy, subject, direction)]
        rules = [rule for spec in applying for rule in spec.get(key) or []]
        peers = "from" if direction == "Ingress" else "to"
        return not applying or any(
            self._is_peer(rule.get(peers), peer, subject.namespace)
            and _is_port(rule.get("ports"), target, port, protocol)
            for rule in rules
        )

    def _is_peer(self, peers: Sequence[Mapping[str, Any]] | None, end: End, namespace: str) -> bool:
        return not peers or any(self._is_one(peer, end, namespace) for peer in peers)

    def _is_one(self, peer: Mapping[str, Any], end: End, namespace: str) -> bool:
        if "ipBlock" in peer:
            # Whether a block holds a pod's address is left to plugins; nothing may depend on it.
            return isinstance(end, Outside) and _in_block(peer["ipBlock"], end.address)
        if isinstance(end, Outside):
            return False
        if "namespaceSelector" in peer:
            if not selects(peer["namespaceSelector"], self.namespaces[end.namespace]):
                return False
        elif end.namespace != namespace:
            return False
        return selects(peer.get("podSelector"), end.labels)


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector holds for labels; an empty one holds for all."""
    selector = selector or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_meets(rule, labels) for rule in selector.get("matchExpressions") or [])


def _meets(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, wanted = labels.get(rule["key"]), rule.get("values") or []
    verdicts = {
        "In": value in wanted,
        "NotIn": value not in wanted,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    return verdicts[rule["operator"]]


def _is_about(policy: Policy, pod: Pod, direction: Direction) -> bool:
    spec = policy["spec"]
    kinds = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    here = policy["metadata"]["namespace"] == pod.namespace
    return here and direction in kinds and selects(spec.get("podSelector"), pod.labels)


def _is_port(ports: Sequence[Mapping[str, Any]] | None, target: End, port: int, protocol: str) -> bool:
    return not ports or any(_is_one_port(each, target, port, protocol) for each in ports)


def _is_one_port(rule: Mapping[str, Any], target: End, port: int, protocol: str) -> bool:
    if rule.get("protocol", "TCP") != protocol:
        return False
    wanted = rule.get("port")
    if isinstance(wanted, str):
        wanted = target.ports.get(wanted) if isinstance(target, Pod) else None
        return wanted == port
    return wanted is None or wanted <= port <= rule.get("endPort", wanted)


def _in_block(block: Mapping[str, Any], address: str) -> bool:
    found = ipaddress.ip_address(address)
    inside = found in ipaddress.ip_network(block["cidr"])
    return inside and not any(found in ipaddress.ip_network(less) for less in block.get("except") or [])
