"""A pod's ServiceAccount: its name, and the volume with its token, as the server puts them into every new pod."""

from __future__ import annotations

from typing import Any

from sandbox.kube.errors import forbidden
from sandbox.kube.generated import random_suffix
from sandbox.kube.store import Store

Obj = dict[str, Any]
PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_LIFETIME_S = 3607


def give_token(store: Store, pod: Obj) -> None:
    """Name the account and mount its token; StatusError 403 where there is no such account."""
    spec, meta = pod["spec"], pod["metadata"]
    name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    account = store.get("", "serviceaccounts", meta["namespace"], name)
    if account is None:
        why = f'error looking up service account {meta["namespace"]}/{name}: serviceaccount "{name}" not found'
        raise forbidden("", "pods", meta["name"], why)
    wanted = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True))
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    lacking = [c for c in containers if not any(m["mountPath"] == PATH for m in c.get("volumeMounts") or [])]
    if account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = account["imagePullSecrets"]
    if not wanted or not lacking:
        return
    volume = f"kube-api-access-{random_suffix()}"
    for container in lacking:
        mount = {"name": volume, "readOnly": True, "mountPath": PATH}
        container["volumeMounts"] = [*(container.get("volumeMounts") or []), mount]
    spec["volumes"] = [*(spec.get("volumes") or []), {"name": volume, "projected": _sources()}]


def give_priority(store: Store, pod: Obj) -> None:
    """A pod's priority is its class's; StatusError 403 where there is no such class."""
    spec, name = pod["spec"], pod["spec"].get("priorityClassName")
    if not name or name.startswith("system-"):
        return
    found = store.get("scheduling.k8s.io", "priorityclasses", "", name)
    if found is None:
        raise forbidden("", "pods", pod["metadata"]["name"], f"no PriorityClass with name {name} was found")
    spec["priority"], spec["preemptionPolicy"] = found.get("value", 0), found["preemptionPolicy"]


def _sources() -> Obj:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": _LIFETIME_S, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [namespace]}},
        ],
    }
