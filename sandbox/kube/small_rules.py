"""The rules of kinds that have few: claims, Secrets, ConfigMaps, bindings, network policies, events."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from sandbox.kube import names
from sandbox.kube.errors import Cause
from sandbox.kube.pod_rules import unsupported
from sandbox.kube.quantities import quantity

Obj = dict[str, Any]
_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_NEEDED = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
}
_ACCOUNT = "kubernetes.io/service-account.name"
_CIDR_RULE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def _claim(claim: Obj) -> list[Cause]:
    spec, causes = claim["spec"], []
    modes = spec.get("accessModes") or []
    if not modes:
        causes.append(("spec.accessModes", "Required value: at least 1 access mode is required"))
    causes += [("spec.accessModes", unsupported(mode, _MODES)) for mode in modes if mode not in _MODES]
    size = (spec["resources"].get("requests") or {}).get("storage")
    if size is None:
        causes.append(("spec.resources[storage]", "Required value"))
    elif quantity(size) <= 0:
        causes.append(("spec.resources[storage]", f'Invalid value: "{size}": must be greater than zero'))
    return causes


def _keys(obj: Obj) -> list[Cause]:
    found = [*(obj.get("data") or {}), *(obj.get("binaryData") or {})]
    return [
        (f"data[{key}]", f'Invalid value: "{key}": {told}') for key in found for told in names.config_key_problems(key)
    ]


def _secret(secret: Obj) -> list[Cause]:
    causes = _keys(secret)
    for key in _NEEDED.get(secret["type"], ()):
        if key not in (secret.get("data") or {}):
            causes.append((f"data[{key}]", "Required value"))
    annotations = secret["metadata"].get("annotations") or {}
    if secret["type"] == "kubernetes.io/service-account-token" and not annotations.get(_ACCOUNT):
        causes.append((f"metadata.annotations[{_ACCOUNT}]", "Required value"))
    return causes


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


def _event(event: Obj) -> list[Cause]:
    involved, own = event["involvedObject"].get("namespace", ""), event["metadata"]["namespace"]
    if involved == own or (not involved and own == "default"):
        return []
    return [("involvedObject.namespace", f'Invalid value: "{involved}": does not match event.namespace')]


def _lease(lease: Obj) -> list[Cause]:
    seconds = (lease.get("spec") or {}).get("leaseDurationSeconds")
    if seconds is None or seconds > 0:
        return []
    return [("spec.leaseDurationSeconds", f"Invalid value: {seconds}: must be greater than 0")]


SMALL: dict[tuple[str, str], Callable[[Obj], list[Cause]]] = {
    ("", "configmaps"): _keys,
    ("", "events"): _event,
    ("", "persistentvolumeclaims"): _claim,
    ("", "secrets"): _secret,
    ("coordination.k8s.io", "leases"): _lease,
    ("networking.k8s.io", "networkpolicies"): _network_policy,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _cluster_binding,
    ("rbac.authorization.k8s.io", "rolebindings"): _binding,
}
