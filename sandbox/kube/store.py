"""All objects of one cluster, and the log of what happened to them.

Objects in the store are never changed in place: a write puts a new dict. So readers, watches and the log share them
without copying.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.kube.errors import expired

Obj = dict[str, Any]


@dataclass(slots=True)
class Event:
    """One change: what it did, to which object, and what that was before."""

    revision: int
    type: str
    group: str
    resource: str
    object: Obj
    previous: Obj | None
    _encoded: bytes | None = None

    @property
    def kind(self) -> tuple[str, str]:
        """The pair (group, resource)."""
        return self.group, self.resource

    def encoded(self) -> bytes:
        """The object as JSON, encoded once for all watches."""
        if self._encoded is None:
            self._encoded = orjson.dumps(self.object)
        return self._encoded


class Store:
    """Objects by (group, resource), then (namespace, name); one revision counter; the latest events."""

    def __init__(self, kept_events: int = 2000) -> None:
        self.revision = 1
        self._objects: dict[tuple[str, str], dict[tuple[str, str], Obj]] = {}
        self._log: deque[Event] = deque(maxlen=kept_events)
        self._listeners: list[Callable[[Event], None]] = []

    def get(self, group: str, resource: str, namespace: str, name: str) -> Obj | None:
        """The object, or None; `namespace` is "" for what has none."""
        return self._objects.get((group, resource), {}).get((namespace, name))

    def list(self, group: str, resource: str, namespace: str | None = None) -> list[Obj]:
        """Objects sorted by namespace and name, of all namespaces unless one is given."""
        found = self._objects.get((group, resource), {})
        return [found[key] for key in sorted(found) if not namespace or key[0] == namespace]

    def kinds(self) -> list[tuple[str, str]]:
        """The (group, resource) pairs of which there are objects."""
        return [kind for kind, objects in self._objects.items() if objects]

    def everything(self) -> Iterator[tuple[tuple[str, str], Obj]]:
        """Every object, with its (group, resource)."""
        for kind in self.kinds():
            for obj in list(self._objects[kind].values()):
                yield kind, obj

    def put(self, group: str, resource: str, obj: Obj) -> Obj:
        """Write an object; it gets the next revision as its resourceVersion."""
        self.revision += 1
        meta = obj["metadata"]
        obj = {**obj, "metadata": {**meta, "resourceVersion": str(self.revision)}}
        objects = self._objects.setdefault((group, resource), {})
        key = (meta.get("namespace", ""), meta["name"])
        previous = objects.get(key)
        objects[key] = obj
        self._tell(Event(self.revision, "MODIFIED" if previous else "ADDED", group, resource, obj, previous))
        return obj

    def remove(self, group: str, resource: str, namespace: str, name: str) -> Obj:
        """Take an object out; the last state told of it carries the revision of its removal."""
        self.revision += 1
        previous = self._objects[group, resource].pop((namespace, name))
        last = {**previous, "metadata": {**previous["metadata"], "resourceVersion": str(self.revision)}}
        self._tell(Event(self.revision, "DELETED", group, resource, last, previous))
        return last

    def since(self, group: str, resource: str, revision: int) -> list[Event]:
        """Events of one resource after `revision`; StatusError 410 where the log does not reach back so far."""
        full = len(self._log) == self._log.maxlen
        if full and revision < self._log[0].revision - 1:
            raise expired(revision, self._log[0].revision)
        return [e for e in self._log if e.revision > revision and e.group == group and e.resource == resource]

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` at each event, within the write; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _tell(self, event: Event) -> None:
        self._log.append(event)
        for listener in list(self._listeners):
            listener(event)
