"""Watches: a stream of what happens to the objects of one resource, from a resourceVersion on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

from sandbox.kube.errors import StatusError
from sandbox.kube.kinds import Resource
from sandbox.kube.selectors import Match
from sandbox.kube.store import Event, Store

Obj = dict[str, Any]
_END = None


class Watch:
    """One client's watch; `close` ends it from outside (disconnect, timeout, the server's end)."""

    def __init__(self, store: Store, resource: Resource, namespace: str, match: Match) -> None:
        self._store, self._resource = store, resource
        self._namespace, self._match = namespace, match
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self.ended = asyncio.Event()

    def close(self) -> None:
        """End the stream after what has been queued."""
        self._queue.put_nowait(_END)

    async def lines(
        self, since: int | None, *, bookmark_initial: bool, bookmarks: bool, shown: Callable[[Obj], Obj] | None
    ) -> AsyncIterator[bytes]:
        """Events as lines of JSON, batched; the present state first when `since` is None; objects as `shown` has it."""
        unsubscribe = self._store.subscribe(self._offer)
        try:
            try:
                first = self._present(shown) if since is None else self._replayed(since, shown)
            except StatusError as error:
                yield _line("ERROR", orjson.dumps(error.body()))
                return
            if bookmark_initial:
                first += self._bookmark({"k8s.io/initial-events-end": "true"})
            if first:
                yield first
            while True:
                batch = [await self._queue.get()]
                while not self._queue.empty():
                    batch.append(self._queue.get_nowait())
                ended = _END in batch
                told = b"".join(self._told(event, shown) for event in batch if event)
                if ended and bookmarks:
                    told += self._bookmark({})
                if told:
                    yield told
                if ended:
                    return
        finally:
            unsubscribe()

    def _offer(self, event: Event) -> None:
        if event.group == self._resource.group and event.resource == self._resource.plural:
            self._queue.put_nowait(event)

    def _mine(self, obj: Obj | None) -> bool:
        if obj is None or (self._namespace and obj["metadata"].get("namespace", "") != self._namespace):
            return False
        return self._match(obj)

    def _present(self, shown: Callable[[Obj], Obj] | None) -> bytes:
        objects = self._store.list(*self._resource.key, self._namespace)
        return b"".join(_line("ADDED", orjson.dumps(shown(o) if shown else o)) for o in objects if self._mine(o))

    def _replayed(self, since: int, shown: Callable[[Obj], Obj] | None) -> bytes:
        return b"".join(self._told(event, shown) for event in self._store.since(*self._resource.key, since))

    def _told(self, event: Event, shown: Callable[[Obj], Obj] | None) -> bytes:
        """The event as this watch sees it: an object that starts or ceases to match is ADDED or DELETED."""
        before = event.type != "ADDED" and self._mine(event.previous)
        after = event.type != "DELETED" and self._mine(event.object)
        if not (before or after):
            return b""
        kind = "MODIFIED" if before and after else "ADDED" if after else "DELETED"
        if kind == "DELETED" and event.type == "MODIFIED" and event.previous:
            # What does not match any longer is told as it was when it still did.
            meta = {**event.previous["metadata"], "resourceVersion": str(event.revision)}
            last = {**event.previous, "metadata": meta}
            return _line(kind, orjson.dumps(shown(last) if shown else last))
        return _line(kind, orjson.dumps(shown(event.object)) if shown else event.encoded())

    def _bookmark(self, annotations: dict[str, str]) -> bytes:
        meta: Obj = {"resourceVersion": str(self._store.revision)}
        if annotations:
            meta["annotations"] = annotations
        mark = {"kind": self._resource.kind, "apiVersion": self._resource.group_version, "metadata": meta}
        return _line("BOOKMARK", orjson.dumps(mark))


def _line(kind: str, encoded: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + encoded + b"}\n"
