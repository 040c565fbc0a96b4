"""A Kubernetes API with its controllers, in memory: as much as real helm, kubectl and the official clients need."""

from __future__ import annotations

from sandbox.kube.cluster import KubeCluster
from sandbox.kube.controllers import VolumeHooks

__all__ = ["KubeCluster", "VolumeHooks"]
