"""Take away Dask clusters that a killed check left, or all of them: Kubernetes' own rights are enough for that."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from kubernetes import client

from magnumhub.domain.errors import DeadlineError
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import NotFoundError, translated
from magnumhub.kube.leftovers import GROUP, PLURAL, VERSION, active_dask_clusters
from magnumhub.kube.watching import changes

_LABEL = "gateway.dask.org/cluster"


def sweep_dask_clusters(kube: Kube, namespace: str, *, user: str | None, deadline_s: float) -> list[str]:
    """Delete every Dask cluster of a user and wait until their pods are gone.

    Safe to repeat; only for a user whose Dask clusters are all ours.

    Args:
        namespace: of the gateway.
        user: None is everybody, where the gateway itself goes next.
        deadline_s: longest wait for the pods, in seconds.

    Returns:
        The names of those that were deleted.

    Raises:
        DeadlineError: pods are still there after `deadline_s`; the message names them.

    Source: dask-gateway's controller makes a DaskCluster the owner of its scheduler's pod, and that of the workers'
    pods, so that Kubernetes deletes them all; it forgets one that is gone.
    """
    ours = [one.name for one in active_dask_clusters(kube, namespace) if user in (None, one.user)]
    custom = client.CustomObjectsApi(kube.api_client)
    for name in ours:
        # One that somebody else has deleted meanwhile is what is wanted.
        with contextlib.suppress(NotFoundError), translated(f"deleting the Dask cluster {namespace}/{name}"):
            custom.delete_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, name)
    if ours:
        _wait_until_gone(kube, namespace, ours, deadline_s)
    return ours


def _wait_until_gone(kube: Kube, namespace: str, dask_clusters: Sequence[str], deadline_s: float) -> None:
    doing, selector = "watching the pods of deleted Dask clusters", f"{_LABEL} in ({','.join(dask_clusters)})"
    left: list[Any] = []
    for left in changes(
        doing, kube.core.list_namespaced_pod, namespace, deadline_s=deadline_s, label_selector=selector
    ):
        if not left:
            return
    names = ", ".join(sorted(pod.metadata.name for pod in left))
    raise DeadlineError(
        f"{namespace}: pods still there {deadline_s:.0f} s after their Dask clusters were deleted: {names}",
        "look at the nodes that they run on: a node that is lost keeps its pods",
    )
