"""Events: what a component tells about an object, as `kubectl describe` shows it."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime

from sandbox.node.kube_api import ApiError, KubeApi, Object
from sandbox.node.tasks import in_background

log = logging.getLogger(__name__)


def timestamp() -> str:
    """Now, as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class EventRecorder:
    """Posts Events of one component; the same words about the same object raise the count of the first."""

    def __init__(self, api: KubeApi, component: str, host: str = "") -> None:
        self._api, self._component, self._host = api, component, host
        self._posted: dict[tuple[str, str, str], tuple[str, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def record(self, about: Object, kind: str, reason: str, message: str) -> None:
        """Tell, in the background, something about an object.

        Args:
            about: the object.
            kind: `Normal` or `Warning`.
        """
        task = in_background(self._record(about, kind, reason, message), reason)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._posted = {key: value for key, value in self._posted.items() if key[0] != uid}

    async def _record(self, about: Object, kind: str, reason: str, message: str) -> None:
        meta, now = about["metadata"], timestamp()
        path, key = f"/api/v1/namespaces/{meta['namespace']}/events", (meta["uid"], reason, message)
        name, count = self._posted.get(key, (f"{meta['name']}.{time.time_ns():x}", 0))
        self._posted[key] = name, count + 1
        try:
            if count:
                await self._api.patch(f"{path}/{name}", {"count": count + 1, "lastTimestamp": now})
            else:
                await self._api.create(path, self._event(about, name, kind, reason, message, now))
        except ApiError as error:  # as where the namespace is being deleted
            log.info("event %s of %s: %s", reason, meta["name"], error)

    def _event(self, about: Object, name: str, kind: str, reason: str, message: str, now: str) -> Object:
        meta = about["metadata"]
        involved = {
            "apiVersion": "v1",
            "kind": "Service" if "clusterIP" in about.get("spec", {}) else "Pod",
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
        }
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": meta["namespace"]},
            "involvedObject": involved,
            "type": kind,
            "reason": reason,
            "message": message,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component, **({"host": self._host} if self._host else {})},
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }
