"""A minimal object of every kind that the sandbox knows, and a change of it that every client may make."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]
APP = {"app": "contract"}
CONTAINER = {"name": "main", "image": "nginx"}
TEMPLATE = {"metadata": {"labels": APP}, "spec": {"containers": [CONTAINER]}}
_ONCE = {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}
_PODS = {"selector": {"matchLabels": APP}}
_RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
_RBAC = "rbac.authorization.k8s.io"
_GONE = "2020-01-01T00:00:00.000000Z"

# group/version, plural -> the object without name. Workloads are made so that no controller does anything for them.
_SAMPLES: dict[tuple[str, str], Obj] = {
    ("v1", "configmaps"): {"data": {"a": "b"}},
    ("v1", "endpoints"): {"subsets": [{"addresses": [{"ip": "10.9.9.9"}], "ports": [{"port": 80}]}]},
    ("v1", "events"): {"reason": "Tried", "message": "m", "type": "Normal", "involvedObject": {"kind": "Pod"}},
    ("v1", "limitranges"): {"spec": {"limits": [{"type": "Container", "max": {"memory": "8Gi"}}]}},
    ("v1", "namespaces"): {},
    ("v1", "nodes"): {"spec": {"providerID": "contract://x"}},
    ("v1", "persistentvolumeclaims"): {
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "none",
            "resources": {"requests": {"storage": "1Gi"}},
        }
    },
    ("v1", "persistentvolumes"): {
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/tmp/contract"},
            "storageClassName": "contract",
        }
    },
    ("v1", "pods"): {"spec": {"schedulerName": "nobody", "containers": [CONTAINER]}},
    ("v1", "resourcequotas"): {"spec": {"hard": {"count/contracts.example.org": "10"}}},
    ("v1", "secrets"): {"stringData": {"a": "b"}},
    ("v1", "serviceaccounts"): {},
    ("v1", "services"): {"spec": {"ports": [{"port": 80}]}},
    ("apps/v1", "daemonsets"): {
        "spec": {**_PODS, "template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "nodeSelector": {"no": "node"}}}}
    },
    ("apps/v1", "deployments"): {"spec": {**_PODS, "replicas": 0, "paused": True, "template": TEMPLATE}},
    ("apps/v1", "replicasets"): {"spec": {**_PODS, "replicas": 0, "template": TEMPLATE}},
    ("batch/v1", "jobs"): {"spec": {"suspend": True, "template": _ONCE}},
    ("coordination.k8s.io/v1", "leases"): {"spec": {"holderIdentity": "me", "renewTime": _GONE}},
    ("discovery.k8s.io/v1", "endpointslices"): {"addressType": "IPv4", "endpoints": [{"addresses": ["10.9.9.9"]}]},
    ("networking.k8s.io/v1", "ingressclasses"): {"spec": {"controller": "example.org/none"}},
    ("networking.k8s.io/v1", "ingresses"): {
        "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
    },
    ("networking.k8s.io/v1", "networkpolicies"): {
        "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}], "egress": [{}]}
    },
    ("policy/v1", "poddisruptionbudgets"): {"spec": {"minAvailable": 1, "selector": {"matchLabels": {"no": "pod"}}}},
    (f"{_RBAC}/v1", "clusterrolebindings"): {
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "User", "name": "contract"}],
    },
    (f"{_RBAC}/v1", "clusterroles"): {"rules": [_RULE]},
    (f"{_RBAC}/v1", "rolebindings"): {
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "contract", "namespace": "default"}],
    },
    (f"{_RBAC}/v1", "roles"): {"rules": [_RULE]},
    ("scheduling.k8s.io/v1", "priorityclasses"): {"value": 7},
    ("storage.k8s.io/v1", "csidrivers"): {"spec": {}},
    ("storage.k8s.io/v1", "csinodes"): {"spec": {"drivers": []}},
    ("storage.k8s.io/v1", "storageclasses"): {"provisioner": "example.org/none"},
}
KINDS = sorted(_SAMPLES)


def sample(group_version: str, plural: str, kind: str, name: str, namespace: str) -> Obj:
    """The object under a name."""
    body = _SAMPLES[group_version, plural]
    if plural == "events":  # what happened to a thing is told in the thing's own namespace
        body = {**body, "involvedObject": {**body["involvedObject"], "namespace": namespace}}
    return {"apiVersion": group_version, "kind": kind, "metadata": {"name": name, "labels": APP}, **body}
