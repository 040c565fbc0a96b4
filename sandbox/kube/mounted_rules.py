"""The rules of what pods mount: claims, Secrets, ConfigMaps."""

from __future__ import annotations

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


MOUNTED: dict[tuple[str, str], Callable[[Obj], list[Cause]]] = {
    ("", "configmaps"): _keys,
    ("", "persistentvolumeclaims"): _claim,
    ("", "secrets"): _secret,
}
