"""What controllers said about an object: the last warning among the events of a namespace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def last_warning(events: Iterable[Mapping[str, Any]], kind: str, name: str) -> str:
    """The newest warning about an object, as "Reason: message"; "" when there is none.

    Args:
        events: as JSON, of one namespace.
    """
    about = [
        event
        for event in events
        if event.get("type") == "Warning"
        and (event["involvedObject"].get("kind"), event["involvedObject"].get("name")) == (kind, name)
    ]
    if not about:
        return ""
    last = max(about, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    return f"{last.get('reason')}: {last.get('message')}"
