"""What a new cluster holds before anybody has asked for anything."""

from __future__ import annotations

from typing import Any

from sandbox.kube.objects import Objects

CINDER = "cinder.csi.openstack.org"


def create_first_objects(objects: Objects, kubernetes_ip: str, *, default_storage_class: bool) -> None:
    """Namespaces, Service `kubernetes`, the Cinder CSI driver, and its StorageClass where the cloud makes one."""
    for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
        _create(objects, "", "namespaces", "", {"metadata": {"name": name}})
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]
    labels = {"component": "apiserver", "provider": "kubernetes"}
    service = {
        "metadata": {"name": "kubernetes", "labels": labels},
        "spec": {"clusterIP": kubernetes_ip, "ports": ports},
    }
    _create(objects, "", "services", "default", service)
    driver = {"attachRequired": True, "podInfoOnMount": True, "volumeLifecycleModes": ["Persistent", "Ephemeral"]}
    _create(objects, "storage.k8s.io", "csidrivers", "", {"metadata": {"name": CINDER}, "spec": driver})
    if default_storage_class:
        annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
        storage_class = {"metadata": {"name": "block", "annotations": annotations}, "provisioner": CINDER}
        _create(objects, "storage.k8s.io", "storageclasses", "", {**storage_class, "allowVolumeExpansion": True})


def _create(objects: Objects, group: str, resource: str, namespace: str, body: dict[str, Any]) -> None:
    objects.create(objects.kinds.of(group, resource), namespace, body, "kube-apiserver")
