"""What identifies the items of a list, for strategic merge and server-side apply.

Source: x-kubernetes-list-map-keys and x-kubernetes-patch-merge-key in the OpenAPI documents of a Kubernetes 1.36 API.
There the key hangs on the type; the name of the field tells it as well, except for `ports`.
"""

from __future__ import annotations

from typing import Any

_KEYS: dict[str, tuple[str, ...]] = {
    "addresses": ("type",),
    "conditions": ("type",),
    "containerStatuses": ("name",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "secrets": ("name",),
    "taints": ("key",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
SETS = frozenset({"finalizers"})
_SELECTORS = frozenset({"labelSelector", "namespaceSelector", "nodeSelector", "podSelector", "selector"})
ATOMIC_MAPS = _SELECTORS | {"configMapKeyRef", "fieldRef", "roleRef", "secretKeyRef"}


def keys_of(field: str, items: list[Any]) -> tuple[str, ...] | None:
    """The keys of a list's items, or None where the list is replaced as a whole."""
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    keys = _KEYS.get(field)
    if field == "ports":
        keys = ("containerPort", "protocol") if "containerPort" in items[0] else ("port", "protocol")
    if keys is None or any(keys[0] not in item for item in items):
        return None
    return keys


def identity(item: dict[str, Any], keys: tuple[str, ...]) -> tuple[Any, ...]:
    """What tells this item from its neighbours; a protocol not named is TCP."""
    return tuple(item.get(key, "TCP" if key == "protocol" else None) for key in keys)
