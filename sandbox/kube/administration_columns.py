"""The columns of what administrators look after: access, quotas, ingress, storage drivers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.kube.cells import AGE, BOOLEAN, CREATED, INTEGER, NAME, NONE, Column, at

Obj = dict[str, Any]


def _role(binding: Obj) -> str:
    return f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}"


def _subjects(kind: str) -> Callable[[Obj], str]:
    def cell(binding: Obj) -> str:
        found = [s for s in binding.get("subjects") or [] if s["kind"] == kind]
        return ", ".join("/".join(filter(None, [s.get("namespace"), s["name"]])) for s in found)

    return cell


def _quota(prefix: str) -> Callable[[Obj], str]:
    """What of a quota is used; limits have a column of their own."""

    def cell(quota: Obj) -> str:
        status = quota.get("status") or {}
        hard, used = status.get("hard") or {}, status.get("used") or {}
        names = [name for name in sorted(hard) if name.startswith("limits") == (prefix == "limits")]
        return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in names)

    return cell


def _hosts(ingress: Obj) -> str:
    hosts = [rule["host"] for rule in ingress["spec"].get("rules") or [] if rule.get("host")]
    return ",".join(hosts) or "*"


def _addresses(ingress: Obj) -> str:
    found = ingress["status"].get("loadBalancer", {}).get("ingress") or []
    return ",".join(i.get("ip") or i.get("hostname") or "" for i in found)


def _told(path: str, missing: str) -> Callable[[Obj], str]:
    cell = at(path, missing)
    return lambda o: str(cell(o))


_BINDING = [
    NAME,
    Column("Role", _role),
    AGE,
    Column("Users", _subjects("User"), 1),
    Column("Groups", _subjects("Group"), 1),
    Column("ServiceAccounts", _subjects("ServiceAccount"), 1),
]
ADMINISTRATION: dict[tuple[str, str], list[Column]] = {
    ("", "limitranges"): [NAME, CREATED],
    ("", "resourcequotas"): [NAME, Column("Request", _quota("")), Column("Limit", _quota("limits")), AGE],
    ("networking.k8s.io", "ingressclasses"): [
        NAME,
        Column("Controller", at("spec.controller")),
        Column("Parameters", at("spec.parameters.name", NONE)),
        AGE,
    ],
    ("networking.k8s.io", "ingresses"): [
        NAME,
        Column("Class", at("spec.ingressClassName", NONE)),
        Column("Hosts", _hosts),
        Column("Address", _addresses),
        Column("Ports", lambda o: "80, 443" if o["spec"].get("tls") else "80"),
        AGE,
    ],
    ("policy", "poddisruptionbudgets"): [
        NAME,
        Column("Min Available", _told("spec.minAvailable", "N/A")),
        Column("Max Unavailable", _told("spec.maxUnavailable", "N/A")),
        Column("Allowed Disruptions", at("status.disruptionsAllowed", 0), type=INTEGER),
        AGE,
    ],
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _BINDING,
    ("rbac.authorization.k8s.io", "rolebindings"): _BINDING,
    ("scheduling.k8s.io", "priorityclasses"): [
        NAME,
        Column("Value", at("value", 0), type=INTEGER),
        Column("Global-Default", at("globalDefault", False), type=BOOLEAN),
        AGE,
        Column("PreemptionPolicy", at("preemptionPolicy")),
    ],
    ("storage.k8s.io", "csidrivers"): [
        NAME,
        Column("AttachRequired", at("spec.attachRequired"), type=BOOLEAN),
        Column("PodInfoOnMount", at("spec.podInfoOnMount"), type=BOOLEAN),
        Column("StorageCapacity", at("spec.storageCapacity"), type=BOOLEAN),
        Column(
            "TokenRequests",
            lambda o: ",".join(r["audience"] for r in o["spec"].get("tokenRequests") or []) or "<unset>",
        ),
        Column("RequiresRepublish", at("spec.requiresRepublish"), type=BOOLEAN),
        Column("Modes", lambda o: ",".join(o["spec"]["volumeLifecycleModes"])),
        AGE,
    ],
    ("storage.k8s.io", "csinodes"): [
        NAME,
        Column("Drivers", lambda o: len(o["spec"].get("drivers") or []), type=INTEGER),
        AGE,
    ],
}
