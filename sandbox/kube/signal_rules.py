"""The rules of what components tell each other by: events and leases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.kube.errors import Cause

Obj = dict[str, Any]


def _event(event: Obj) -> list[Cause]:
    involved, own = event["involvedObject"].get("namespace", ""), event["metadata"]["namespace"]
    if involved == own or (not involved and own == "default"):
        return []
    return [("involvedObject.namespace", f'Invalid value: "{involved}": does not match event.namespace')]


def _lease(lease: Obj) -> list[Cause]:
    seconds = (lease.get("spec") or {}).get("leaseDurationSeconds")
    if seconds is None or seconds > 0:
        return []
    return [("spec.leaseDurationSeconds", f"Invalid value: {seconds}: must be greater than 0")]


SIGNALS: dict[tuple[str, str], Callable[[Obj], list[Cause]]] = {
    ("", "events"): _event,
    ("coordination.k8s.io", "leases"): _lease,
}
