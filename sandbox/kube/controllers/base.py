"""What all controllers share: a queue fed by the store's events, and small helpers over objects."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Hashable, Iterable
from typing import Any

import orjson

from sandbox.kube.apply import now
from sandbox.kube.errors import StatusError
from sandbox.kube.objects import CONTROLLER, Objects
from sandbox.kube.selectors import matches_labels
from sandbox.kube.store import Event

Obj = dict[str, Any]
Kind = tuple[str, str]
PODS: Kind = ("", "pods")
NODES: Kind = ("", "nodes")
SERVICES: Kind = ("", "services")
NAMESPACES: Kind = ("", "namespaces")
CLAIMS: Kind = ("", "persistentvolumeclaims")
VOLUMES: Kind = ("", "persistentvolumes")
DEPLOYMENTS: Kind = ("apps", "deployments")
REPLICA_SETS: Kind = ("apps", "replicasets")
DAEMON_SETS: Kind = ("apps", "daemonsets")
JOBS: Kind = ("batch", "jobs")
_log = logging.getLogger(__name__)


class Controller:
    """Brings the cluster closer to what objects ask for, one key at a time.

    `keys` tells which keys an event concerns; each is reconciled soon after, once for any number of events in between.
    """

    component = "kube-controller-manager"  # as events name it
    manager = CONTROLLER

    @property
    def source(self) -> Obj:
        """Where its events come from."""
        return {"component": self.component}

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.store = objects.store
        self._queue: dict[Hashable, None] = {}
        self._work = asyncio.Event()
        self._timers: dict[Hashable, asyncio.TimerHandle] = {}

    def keys(self, event: Event) -> Iterable[Hashable]:
        """The keys that this event concerns."""
        raise NotImplementedError

    def reconcile(self, key: Any) -> None:
        """Compare and act; called again at the next event, so it does one step and needs no wait."""
        raise NotImplementedError

    def observe(self, event: Event) -> None:
        """Take note of an event."""
        for key in self.keys(event):
            self.enqueue(key)

    def enqueue(self, key: Hashable) -> None:
        """Look at this key soon."""
        self._queue[key] = None
        self._work.set()

    def enqueue_in(self, key: Hashable, seconds: float) -> None:
        """Look at this key again later; a later call moves the time."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(max(seconds, 0), self._due, key)

    def _due(self, key: Hashable) -> None:
        self._timers.pop(key, None)
        self.enqueue(key)

    async def run(self) -> None:
        """Reconcile what is queued, for ever; between two keys others get their turn."""
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                while self._queue:
                    key = next(iter(self._queue))
                    del self._queue[key]
                    self._try(key)
                    await asyncio.sleep(0)
        finally:
            for timer in self._timers.values():
                timer.cancel()

    def _try(self, key: Hashable) -> None:
        try:
            self.reconcile(key)
        except StatusError as error:
            _log.info("%s %s: %s", type(self).__name__, key, error)
            self.enqueue_in(key, 1)
        except Exception:
            _log.exception("%s %s", type(self).__name__, key)

    def get(self, kind: Kind, namespace: str, name: str) -> Obj | None:
        """An object, or None."""
        return self.store.get(*kind, namespace, name)

    def list(self, kind: Kind, namespace: str | None = None) -> list[Obj]:
        """Objects of a kind."""
        return self.store.list(*kind, namespace)

    def create(self, kind: Kind, namespace: str, body: Obj) -> Obj:
        """Create an object."""
        return self.objects.create(self.objects.kinds.of(*kind), namespace, body, self.manager)

    def update(self, kind: Kind, obj: Obj) -> Obj:
        """Write an object as changed (a copy: what the store gave out is shared)."""
        meta = obj["metadata"]
        return self.objects.update(
            self.objects.kinds.of(*kind), meta.get("namespace", ""), meta["name"], obj, self.manager
        )

    def set_status(self, kind: Kind, obj: Obj, status: Obj) -> Obj:
        """Write an object's status if it is another one."""
        return self.objects.set_status(self.objects.kinds.of(*kind), obj, status, self.manager)

    def delete(self, kind: Kind, obj: Obj, **options: Any) -> None:
        """Delete an object, if it is still there."""
        meta = obj["metadata"]
        if self.get(kind, meta.get("namespace", ""), meta["name"]):
            self.objects.delete(self.objects.kinds.of(*kind), meta.get("namespace", ""), meta["name"], options)

    def owned(self, kind: Kind, owner: Obj) -> list[Obj]:
        """Objects whose controller is this one."""
        uid = owner["metadata"]["uid"]
        return [
            o for o in self.list(kind, owner["metadata"]["namespace"]) if (controller_of(o) or {}).get("uid") == uid
        ]

    def adopt(self, kind: Kind, owner: Obj) -> None:
        """Take what the owner selects and nobody owns."""
        for found in self.list(kind, owner["metadata"]["namespace"]):
            meta = found["metadata"]
            selected = matches_labels(owner["spec"]["selector"], meta.get("labels"))
            if selected and controller_of(found) is None and not is_going(found):
                owners = [*(meta.get("ownerReferences") or []), owner_reference(owner)]
                self.update(kind, {**found, "metadata": {**meta, "ownerReferences": owners}})

    def record(self, obj: Obj, reason: str, message: str, kind: str = "Normal") -> None:
        """Tell of something in an Event; the same again only counts up. A namespace that is going takes none."""
        with contextlib.suppress(StatusError):
            self._record(obj, reason, message, kind)

    def _record(self, obj: Obj, reason: str, message: str, kind: str) -> None:
        meta = obj["metadata"]
        namespace = meta.get("namespace", "default")
        told = hashlib.sha256(f"{meta['uid']}{reason}{message}".encode()).hexdigest()[:16]
        name = f"{meta['name']}.{told}"
        had = self.get(("", "events"), namespace, name)
        if had:
            self.update(("", "events"), {**had, "count": had["count"] + 1, "lastTimestamp": now()})
            return
        named = {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "name": meta["name"], "namespace": namespace}
        body = {
            "metadata": {"name": name},
            "involvedObject": {**named, "uid": meta["uid"], "resourceVersion": meta["resourceVersion"]},
            "reason": reason,
            "message": message,
            "type": kind,
            "source": self.source,
            "reportingComponent": self.component,
            "firstTimestamp": now(),
            "lastTimestamp": now(),
            "count": 1,
        }
        self.create(("", "events"), namespace, body)


def key_of(obj: Obj) -> tuple[str, str]:
    """The pair (namespace, name)."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference of the object's controller."""
    return next((r for r in obj["metadata"].get("ownerReferences") or [] if r.get("controller")), None)


def owner_key(obj: Obj, kind: str) -> list[tuple[str, str]]:
    """The key of the object's controller, if that is of this kind."""
    owner = controller_of(obj)
    return [(obj["metadata"]["namespace"], owner["name"])] if owner and owner["kind"] == kind else []


def owner_reference(owner: Obj) -> Obj:
    """The reference that makes `owner` an object's controller."""
    named = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
    return {**named, "uid": owner["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True}


def is_going(obj: Obj) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in obj["metadata"]


def is_finished(pod: Obj) -> bool:
    """Whether the pod has run to its end."""
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def is_active(pod: Obj) -> bool:
    """Whether the pod counts as one that runs or will."""
    return not is_going(pod) and not is_finished(pod)


def is_ready(pod: Obj) -> bool:
    """Whether the pod's condition Ready holds."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or [])


def pod_of(template: Obj, owner: Obj, labels: Obj | None = None) -> Obj:
    """The pod that an owner makes of its template."""
    meta = template.get("metadata") or {}
    made: Obj = {
        "generateName": owner["metadata"]["name"] + "-",
        "labels": {**(meta.get("labels") or {}), **(labels or {})},
        "ownerReferences": [owner_reference(owner)],
    }
    if meta.get("annotations"):
        made["annotations"] = meta["annotations"]
    return {"metadata": made, "spec": template["spec"]}


def template_hash(template: Any) -> str:
    """A short hash of a pod template (or the like), made of letters and digits that generated names use."""
    alphabet = "bcdfghjklmnpqrstvwxz2456789"
    digest = hashlib.sha256(orjson.dumps(template, option=orjson.OPT_SORT_KEYS)).digest()
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:10])


def with_condition(conditions: list[Obj], new: Obj, stamp: str = "lastTransitionTime") -> list[Obj]:
    """Conditions with one of them set; its time moves only when its status changes."""
    had = next((c for c in conditions if c["type"] == new["type"]), None)
    if had and had["status"] == new["status"]:
        new = {stamp: had.get(stamp, now()), **new}
    new = {stamp: now(), **new}
    rest = [c for c in conditions if c["type"] != new["type"]]
    return [*rest, {**({} if had is None else had), **new}]
