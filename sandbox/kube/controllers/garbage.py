"""Garbage collection: what is owned goes when its last owner has gone; foreground and orphan deletion.

dask-gateway relies on it: a cluster's Service and routes belong to the scheduler's pod.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sandbox.kube.controllers.base import Controller, Kind, Obj, is_going, key_of
from sandbox.kube.objects import Objects
from sandbox.kube.store import Event

Place = tuple[str, str, str, str]  # group, resource, namespace, name


class Garbage(Controller):
    """Follows owner references by uid."""

    component = "garbage-collector-controller"

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects)
        self._places: dict[str, Place] = {}
        self._dependents: dict[str, set[Place]] = defaultdict(set)

    def keys(self, event: Event) -> Iterable[Any]:
        """The object itself if it has owners or goes away; its dependents once it is gone; owners that wait for it."""
        uid, place = event.object["metadata"]["uid"], (event.group, event.resource, *key_of(event.object))
        owners = [r["uid"] for r in event.object["metadata"].get("ownerReferences") or []]
        if event.type != "DELETED":
            self._places[uid] = place
            for owner in owners:
                self._dependents[owner].add(place)
            return [place] if owners or event.object["metadata"].get("finalizers") else []
        self._places.pop(uid, None)
        for owner in owners:
            if owner in self._dependents:
                self._dependents[owner].discard(place)
        waiting = [self._places[owner] for owner in owners if owner in self._places]
        return [*self._dependents.pop(uid, ()), *waiting]

    def reconcile(self, key: Place) -> None:
        """Delete an object without living owners; take a deletion that waits for dependents on."""
        obj = self.store.get(*key)
        if obj is None:
            return
        kind: Kind = key[:2]
        references = obj["metadata"].get("ownerReferences") or []
        if references and not any(r["uid"] in self._places for r in references) and not is_going(obj):
            self.delete(kind, obj, propagationPolicy="Background")
            return
        finalizers = obj["metadata"].get("finalizers") or []
        if is_going(obj) and "orphan" in finalizers:
            self._orphan(kind, obj)
        elif is_going(obj) and "foregroundDeletion" in finalizers:
            self._delete_dependents(kind, obj)

    def _delete_dependents(self, kind: Kind, owner: Obj) -> None:
        """Foreground: dependents first, the owner when none is left that blocks it."""
        blocking = False
        for place in list(self._dependents.get(owner["metadata"]["uid"], ())):
            dependent = self.store.get(*place)
            if dependent is None:
                continue
            references = dependent["metadata"].get("ownerReferences") or []
            blocking |= any(r["uid"] == owner["metadata"]["uid"] and r.get("blockOwnerDeletion") for r in references)
            if not is_going(dependent):
                self.delete(place[:2], dependent, propagationPolicy="Foreground")
        still = [p for p in self._dependents.get(owner["metadata"]["uid"], ()) if self.store.get(*p)]
        if not blocking or not still:
            self._release(kind, owner, "foregroundDeletion")

    def _orphan(self, kind: Kind, owner: Obj) -> None:
        """Dependents stay, and forget their owner."""
        for place in list(self._dependents.pop(owner["metadata"]["uid"], ())):
            dependent = self.store.get(*place)
            if dependent:
                left = [
                    r
                    for r in dependent["metadata"].get("ownerReferences") or []
                    if r["uid"] != owner["metadata"]["uid"]
                ]
                meta = {key: value for key, value in dependent["metadata"].items() if key != "ownerReferences"}
                self.update(place[:2], {**dependent, "metadata": meta | ({"ownerReferences": left} if left else {})})
        self._release(kind, owner, "orphan")

    def _release(self, kind: Kind, obj: Obj, finalizer: str) -> None:
        current = self.get(kind, *key_of(obj))
        if current:
            left = [f for f in current["metadata"].get("finalizers") or [] if f != finalizer]
            self.update(kind, {**current, "metadata": {**current["metadata"], "finalizers": left}})
