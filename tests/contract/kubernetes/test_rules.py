"""The rules of objects: names, what must be given, what may not change, and in which words a breach is told."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.contract.kubernetes.client import Told
from tests.contract.kubernetes.samples import APP, TEMPLATE

Obj = dict[str, Any]
CONTAINER = {"name": "main", "image": "nginx"}
PORT = {"name": "http", "port": 80}
_DEPLOYMENT = {"paused": True, "replicas": 0, "selector": {"matchLabels": APP}, "template": TEMPLATE}
_PATHS = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Pod": "/api/v1/namespaces/{}/pods",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Service": "/api/v1/namespaces/{}/services",
}


def meta(name: str = "thing", **fields: Any) -> Obj:
    return {"metadata": {"name": name, **fields}}


def pod_spec(**fields: Any) -> Obj:
    return {**meta(), "spec": {"schedulerName": "nobody", "containers": [CONTAINER], **fields}}


def container(**fields: Any) -> Obj:
    return pod_spec(containers=[{**CONTAINER, **fields}])


def deployment(**fields: Any) -> Obj:
    return {**meta(), "spec": {**_DEPLOYMENT, **fields}}


def service(**fields: Any) -> Obj:
    return {**meta(), "spec": {"ports": [PORT], **fields}}


def claim(**fields: Any) -> Obj:
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "none"}
    return {**meta(), "spec": {**spec, "resources": {"requests": {"storage": "1Gi"}}, **fields}}


CREATED: dict[str, tuple[str, Obj]] = {
    "no name": ("ConfigMap", {}),
    "capitals in a name": ("ConfigMap", meta("A_b")),
    "a long name": ("ConfigMap", meta("x" * 254)),
    "capitals in a generated name": ("ConfigMap", {"metadata": {"generateName": "Ab-"}}),
    "a label": ("ConfigMap", meta(labels={"a b": "c"})),
    "a label's value": ("ConfigMap", meta(labels={"a": "y z"})),
    "a long label": ("ConfigMap", meta(labels={"a": "v" * 64})),
    "annotations": ("ConfigMap", meta(annotations={"a b": "c"})),
    "a key": ("ConfigMap", {**meta(), "data": {"a b": "c"}}),
    "finalizers": ("ConfigMap", meta(finalizers=["nope"])),
    "owners": ("ConfigMap", meta(ownerReferences=[{"kind": "X", "name": "y"}])),
    "no base64": ("Secret", {**meta(), "data": {"a": "!!"}}),
    "no certificate": ("Secret", {**meta(), "type": "kubernetes.io/tls"}),
    "no registries": ("Secret", {**meta(), "type": "kubernetes.io/dockerconfigjson"}),
    "no account": ("Secret", {**meta(), "type": "kubernetes.io/service-account-token"}),
    "a Deployment of nothing": ("Deployment", meta()),
    "no selector": ("Deployment", deployment(selector=None)),
    "an empty selector": ("Deployment", deployment(selector={})),
    "another selector": ("Deployment", deployment(selector={"matchLabels": {"app": "other"}})),
    "no replicas": ("Deployment", deployment(replicas=-1)),
    "a template that ends": (
        "Deployment",
        deployment(template={**TEMPLATE, "spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}),
    ),
    "an unknown strategy": ("Deployment", deployment(strategy={"type": "Slow"})),
    "a Pod of nothing": ("Pod", meta()),
    "no image": ("Pod", pod_spec(containers=[{"name": "main"}])),
    "a container without a name": ("Pod", pod_spec(containers=[{"image": "nginx"}])),
    "a container's name": ("Pod", container(name="Main")),
    "two containers of a name": ("Pod", pod_spec(containers=[CONTAINER, CONTAINER])),
    "no such volume": ("Pod", container(volumeMounts=[{"name": "v", "mountPath": "/v"}])),
    "a volume of nothing": ("Pod", pod_spec(volumes=[{"name": "v"}, {"name": "v", "emptyDir": {}}])),
    "a request beyond the limit": ("Pod", container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})),
    "no quantity": ("Pod", container(resources={"requests": {"memory": "much"}})),
    "an unknown pull policy": ("Pod", container(imagePullPolicy="Often")),
    "an unknown restart policy": ("Pod", pod_spec(restartPolicy="Often")),
    "a port": ("Pod", container(ports=[{"containerPort": 99999}, {"name": "Http", "containerPort": 80}])),
    "a variable": ("Pod", container(env=[{"name": "a=b"}, {"value": "x"}])),
    "no such ServiceAccount": ("Pod", pod_spec(serviceAccountName="nobody")),
    "no such priority": ("Pod", pod_spec(priorityClassName="nobody")),
    "a Job that goes on": (
        "Job",
        {**meta(), "spec": {"suspend": True, "template": {"spec": {"containers": [CONTAINER]}}}},
    ),
    "no ports": ("Service", service(ports=[])),
    "ports without names": ("Service", service(ports=[{"port": 80}, {"port": 81}])),
    "two ports of a name": ("Service", service(ports=[PORT, {**PORT, "port": 81}])),
    "two equal ports": ("Service", service(ports=[PORT, {**PORT, "name": "b"}])),
    "a port out of range": ("Service", service(ports=[{"port": 99999}])),
    "an unknown protocol": ("Service", service(ports=[{"port": 80, "protocol": "XYZ"}])),
    "an unknown type": ("Service", service(type="Free")),
    "an address out of range": ("Service", service(clusterIP="192.0.2.1")),
    "no address": ("Service", service(clusterIP="abc")),
    "a name for outside": ("Service", service(type="ExternalName")),
    "a Service's name": ("Service", {**service(), **meta("0-thing.x")}),
    "a node port out of range": ("Service", service(type="NodePort", ports=[{"port": 80, "nodePort": 99}])),
    "no access mode": ("PersistentVolumeClaim", claim(accessModes=[])),
    "no size": ("PersistentVolumeClaim", claim(resources={})),
    "a size below zero": ("PersistentVolumeClaim", claim(resources={"requests": {"storage": "-1Gi"}})),
    "an unknown access mode": ("PersistentVolumeClaim", claim(accessModes=["Never"])),
    "no role": ("RoleBinding", meta()),
    "an unknown subject": (
        "RoleBinding",
        {
            **meta(),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
            "subjects": [{"kind": "Robot", "name": "r"}, {"kind": "ServiceAccount", "name": "s"}],
        },
    ),
    "an unknown policy type": ("NetworkPolicy", {**meta(), "spec": {"podSelector": {}, "policyTypes": ["In"]}}),
    "no address range": (
        "NetworkPolicy",
        {**meta(), "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "x"}}]}]}},
    ),
}


@pytest.mark.parametrize(("kind", "body"), CREATED.values(), ids=CREATED.keys())
def test_create(told: Told, namespace: str, kind: str, body: Obj) -> None:
    told.call("POST", _PATHS[kind].format(namespace), body)


CHANGED: dict[str, tuple[str, Obj, Obj]] = {
    "a ConfigMap that is immutable": (
        "ConfigMap",
        {**meta(), "immutable": True, "data": {"a": "b"}},
        {"data": {"a": "c"}, "immutable": False},
    ),
    "a Secret that is immutable": (
        "Secret",
        {**meta(), "immutable": True, "data": {"a": "Yg=="}},
        {"data": {"a": "Yw=="}},
    ),
    "a Secret's type": ("Secret", {**meta(), "data": {"a": "Yg=="}}, {"type": "x"}),
    "a Service's address": ("Service", service(), {"spec": {"clusterIP": "10.254.99.99", "clusterIPs": None}}),
    "a Service's type": ("Service", service(), {"spec": {"type": "NodePort"}}),
    "a Service's load balancer": ("Service", service(), {"spec": {"type": "LoadBalancer", "loadBalancerIP": "x"}}),
    "a Deployment's selector": (
        "Deployment",
        deployment(),
        {"spec": {"selector": {"matchLabels": {"app": "b"}}, "template": {"metadata": {"labels": {"app": "b"}}}}},
    ),
    "a Job's template": (
        "Job",
        {
            **meta(),
            "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}},
        },
        {"spec": {"template": {"spec": {"containers": [{"name": "other", "image": "x"}]}}}},
    ),
    "a claim's class": ("PersistentVolumeClaim", claim(), {"spec": {"storageClassName": "other"}}),
    "a claim's size": ("PersistentVolumeClaim", claim(), {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}),
    "a binding's role": (
        "RoleBinding",
        {**meta(), "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}},
        {"roleRef": {"name": "other"}},
    ),
    "a Pod's image": ("Pod", pod_spec(), {"spec": {"containers": [{"name": "main", "image": "other"}]}}),
    "a Pod's account": ("Pod", pod_spec(), {"spec": {"serviceAccountName": "other"}}),
}


@pytest.mark.parametrize(("kind", "body", "change"), CHANGED.values(), ids=CHANGED.keys())
def test_change(told: Told, namespace: str, kind: str, body: Obj, change: Obj) -> None:
    path = _PATHS[kind].format(namespace)
    made = told.api.call("POST", path, copy.deepcopy(body))
    assert made.status == 201, made.body
    patch = "merge" if kind not in ("Pod",) else "strategic"
    compared = (kind, patch) in _COMPARED
    leave = ("metadata", "status", *(("message", "details") if compared else ()))
    answer = told.call("PATCH", f"{path}/thing", change, patch=patch, leave=leave)
    if compared and answer.status == 422:
        assert _COMPARED[kind, patch] in answer.body["message"]
    assert answer.status in (200, 422)


# What the server adds here is a print of its own types: listed.
_COMPARED = {
    ("Job", "merge"): "field is immutable",
    ("PersistentVolumeClaim", "merge"): "spec is immutable after creation except resources.requests",
    ("Pod", "strategic"): "pod updates may not change fields other than `spec.containers[*].image`",
}
