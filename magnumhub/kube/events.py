"""What controllers said about an object: the last warning among the events of a namespace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from magnumhub.kube.client import Kube


def warnings_of(kube: Kube, namespace: str) -> list[Mapping[str, Any]]:
    """The warnings among the events of a namespace, as JSON.

    The API leaves out what went well: a busy hub has thousands of those, for an hour each. Measured: with all events a
    process of checks in a row grows by 0.16 MiB a check.

    Raises:
        kubernetes.client.ApiException, urllib3.exceptions.HTTPError: as the client raises them.
    """
    warned: list[Mapping[str, Any]] = kube.plain(
        kube.core.list_namespaced_event(namespace, field_selector="type=Warning")
    )["items"]
    return warned


def last_warning(events: Iterable[Mapping[str, Any]], kind: str, name: str) -> str:
    """The newest warning about an object, as "Reason: message"; "" when there is none.

    Args:
        events: as JSON, of one namespace (`warnings_of`).
    """
    about = [
        event
        for event in events
        if (event["involvedObject"].get("kind"), event["involvedObject"].get("name")) == (kind, name)
    ]
    if not about:
        return ""
    last = max(about, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    return f"{last.get('reason')}: {last.get('message')}"
