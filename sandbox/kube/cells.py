"""What the columns of `kubectl get` are made of: a head, a cell for each object, and ages as kubectl tells them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Obj = dict[str, Any]
NONE = "<none>"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head and what it says of an object; priority 1 is shown with `-o wide`."""

    name: str
    cell: Callable[[Obj], Any]
    priority: int = 0
    type: str = "string"
    format: str = ""


def duration(seconds: float) -> str:
    """A duration as kubectl shortens it: 45s, 3m12s, 5h, 2d."""
    s = max(int(seconds), 0)
    if s < 120:
        return f"{s}s"
    if s < 600:
        return f"{s // 60}m{s % 60}s" if s % 60 else f"{s // 60}m"
    if s < 10800:
        return f"{s // 60}m"
    if s < 28800:
        return f"{s // 3600}h{s // 60 % 60}m" if s // 60 % 60 else f"{s // 3600}h"
    if s < 172800:
        return f"{s // 3600}h"
    if s < 691200:
        return f"{s // 86400}d{s // 3600 % 24}h" if s // 3600 % 24 else f"{s // 86400}d"
    return f"{s // 86400}d"


def seconds_since(stamp: str | None) -> float | None:
    """Seconds since a time as Kubernetes writes it."""
    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds() if stamp else None


def age(stamp: str | None) -> str:
    """How long ago that was, shortened."""
    seconds = seconds_since(stamp)
    return "<unknown>" if seconds is None else duration(seconds)


def at(path: str, missing: Any = "") -> Callable[[Obj], Any]:
    """A cell that shows one field."""
    steps = path.split(".")

    def cell(obj: Any) -> Any:
        for step in steps:
            obj = obj.get(step) if isinstance(obj, dict) else None
        return missing if obj in (None, "") else obj

    return cell


def labels(selector: Obj | None) -> str:
    """Labels or a LabelSelector in the query's notation."""
    selector = selector or {}
    plain = selector.get("matchLabels", {}) if {"matchLabels", "matchExpressions"} & selector.keys() else selector
    return ",".join(f"{k}={v}" for k, v in sorted(plain.items())) or NONE


NAME = Column("Name", at("metadata.name"), format="name")
AGE = Column("Age", lambda o: age(o["metadata"]["creationTimestamp"]))
CREATED = Column("Created At", at("metadata.creationTimestamp"), type="date")
INTEGER, BOOLEAN = "integer", "boolean"
