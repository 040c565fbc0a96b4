"""The rules of who may reach what: role bindings, network policies."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from sandbox.kube.errors import Cause
from sandbox.kube.pod_rules import unsupported

Obj = dict[str, Any]
_CIDR_RULE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def _binding(binding: Obj) -> list[Cause]:
    role, causes = binding.get("roleRef") or {}, []
    if role.get("kind", "") not in ("Role", "ClusterRole"):
        causes.append(("roleRef.kind", unsupported(role.get("kind", ""), ("Role", "ClusterRole"))))
    if not role.get("name"):
        causes.append(("roleRef.name", "Required value"))
    kinds = ("ServiceAccount", "User", "Group")
    for place, subject in enumerate(binding.get("subjects") or []):
        if subject.get("kind", "") not in kinds:
            causes.append((f"subjects[{place}].kind", unsupported(subject.get("kind", ""), kinds)))
    return causes


def _cluster_binding(binding: Obj) -> list[Cause]:
    return [cause for cause in _binding(binding) if "Unsupported" not in cause[1] or cause[0] != "roleRef.kind"]


def _network_policy(policy: Obj) -> list[Cause]:
    spec, causes = policy["spec"], []
    for place, kind in enumerate(spec["policyTypes"]):
        if kind not in ("Ingress", "Egress"):
            causes.append((f"spec.policyTypes[{place}]", unsupported(kind, ("Ingress", "Egress"))))
    for way, peers in (("ingress", "from"), ("egress", "to")):
        for rule_place, rule in enumerate(spec.get(way) or []):
            for place, peer in enumerate(rule.get(peers) or []):
                if block := peer.get("ipBlock"):
                    causes += _block(block, f"spec.{way}[{rule_place}].{peers}[{place}].ipBlock.")
    return causes


def _block(block: Obj, path: str) -> list[Cause]:
    try:
        ipaddress.ip_network(block.get("cidr", ""))
    except ValueError:
        return [(f"{path}cidr", f'Invalid value: "{block.get("cidr", "")}": {_CIDR_RULE}')]
    return []


ACCESS: dict[tuple[str, str], Callable[[Obj], list[Cause]]] = {
    ("networking.k8s.io", "networkpolicies"): _network_policy,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _cluster_binding,
    ("rbac.authorization.k8s.io", "rolebindings"): _binding,
}
