"""Services changed so that the cloud's controller looks at them again, or makes their load balancer anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from magnumhub.domain.errors import DeadlineError
from magnumhub.domain.results import Report
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import NotFoundError, translated
from magnumhub.kube.services import controllers_word
from magnumhub.kube.watching import changes

_LOOK_AGAIN = "magnumhub/look-again"
_NOT_HELMS = (_LOOK_AGAIN, "loadbalancer.openstack.org/load-balancer-")
_ALLOCATED = ("clusterIP", "clusterIPs", "healthCheckNodePort")
_APPLY = "application/apply-patch+yaml"


def touch_service(kube: Kube, namespace: str, name: str) -> None:
    """Let the cloud's controller look at a Service again, by an annotation of ours; what it serves is not touched.

    It is applied under a field manager of our own, since Helm 4 conflicts with whoever else writes what it owns.

    Safe to repeat: the controller looks once more.

    Raises:
        NotFoundError: there is no such Service.

    Source: needsUpdate in k8s.io/cloud-provider, controllers/service/controller.go: a changed annotation counts.
    """
    with translated(f"touching service {namespace}/{name}"):
        kube.core.read_namespaced_service(name, namespace)  # what is not there would be made by applying
        kube.core.patch_namespaced_service(
            name,
            namespace,
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name, "annotations": {_LOOK_AGAIN: datetime.now(UTC).isoformat()}},
            },
            field_manager="magnumhub",
            force=True,
            _content_type=_APPLY,
        )


def recreate_service(kube: Kube, namespace: str, name: str, *, address: str, deadline_s: float, report: Report) -> None:
    """Delete a Service with its load balancer and make it again at once, with another address and else as it was.

    It is applied in Helm's name, so that Helm finds it as its own; users wait for the load balancers, and not for Helm.

    Safe to repeat: one that was deleted by a killed run is left to Helm, which makes what is missing.

    Args:
        address: asked of the cluster's controller, which looks at it only when it makes a load balancer.
        deadline_s: in seconds, for the old one to go.

    Raises:
        DeadlineError: it is still there; says what the cloud's controller said.

    Source: kubernetes/cloud-provider-openstack#2443; a field that Helm 4 applies conflicts with any other owner.
    """
    try:
        with translated(f"reading service {namespace}/{name}"):
            found = kube.plain(kube.core.read_namespaced_service(name, namespace))
    except NotFoundError:
        return
    delete_service(kube, namespace, name, deadline_s=deadline_s, report=report)
    with translated(f"making service {namespace}/{name} again"):
        kube.core.patch_namespaced_service(
            name, namespace, made_again(found, address), field_manager="helm", _content_type=_APPLY
        )


def made_again(found: Mapping[str, Any], address: str) -> dict[str, Any]:
    """A Service as it was, without what Kubernetes and the cloud's controller gave it, and with another address."""
    metadata, spec = found["metadata"], found["spec"]
    notes = metadata.get("annotations") or {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": metadata["name"],
            "labels": metadata.get("labels") or {},
            "annotations": {key: value for key, value in notes.items() if not key.startswith(_NOT_HELMS)},
        },
        "spec": {
            **{key: value for key, value in spec.items() if key not in _ALLOCATED},
            "ports": [{key: value for key, value in port.items() if key != "nodePort"} for port in spec["ports"]],
            "loadBalancerIP": address,
        },
    }


def delete_service(kube: Kube, namespace: str, name: str, *, deadline_s: float, report: Report) -> None:
    """Delete a Service and wait until its load balancer is gone with it: its controller holds it until then.

    Safe to repeat: one that is gone already is fine; one that is going is waited for. Floating IPs that the controller
    did not allocate itself stay.

    Args:
        deadline_s: in seconds.

    Raises:
        DeadlineError: it is still there; says what the cloud's controller said.
    """
    where = f"service {namespace}/{name}"
    try:
        with translated(f"deleting {where}"):
            uid = kube.core.read_namespaced_service(name, namespace).metadata.uid
            kube.core.delete_namespaced_service(name, namespace, body={"preconditions": {"uid": uid}})
    except NotFoundError:
        return
    report(f"{where} is being deleted; its load balancer goes with it")
    for listed in changes(
        f"waiting for the end of {where}",
        kube.core.list_namespaced_service,
        namespace,
        deadline_s=deadline_s,
        field_selector=f"metadata.name={name}",
    ):
        if uid not in (service.metadata.uid for service in listed):
            return
    raise DeadlineError(
        f"{where} is not gone after {deadline_s:.0f} s; {controllers_word(kube, namespace, name)}",
        "is the cluster's cloud-controller-manager running? `openstack loadbalancer list` shows what is in the way; "
        "then run again",
    )
