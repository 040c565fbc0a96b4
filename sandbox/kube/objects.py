"""What the API does with objects, whoever asks: HTTP clients and the controllers in here take the same way.

Everything is synchronous, so each operation is atomic on the event loop and needs no lock.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import orjson

from sandbox.kube import apply as ownership
from sandbox.kube.admission import Admission
from sandbox.kube.defaults import set_defaults
from sandbox.kube.deletion import check_preconditions, is_gone, marked
from sandbox.kube.errors import StatusError, already_exists, bad_request, conflict, invalid, not_found
from sandbox.kube.generated import random_suffix
from sandbox.kube.kinds import Kinds, Resource
from sandbox.kube.schemas import set_schema_defaults
from sandbox.kube.store import Event, Store
from sandbox.kube.strategy import fill_in
from sandbox.kube.types import completed, type_of
from sandbox.kube.validation import check_shape, validate

Obj = dict[str, Any]
CONTROLLER = "kube-controller-manager"
_KEPT = (
    "uid",
    "name",
    "namespace",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)
_CREATED_BY_PUT = {
    *(("", plural) for plural in ("endpoints", "events", "limitranges", "services")),
    ("coordination.k8s.io", "leases"),
    *(
        ("rbac.authorization.k8s.io", f"{scope}{kind}")
        for scope in ("", "cluster")
        for kind in ("roles", "rolebindings")
    ),
}
_FREE_BESIDE_STATUS = ("labels", "annotations", "finalizers")  # of the core kinds: written with their status, too
_NO_GENERATION = frozenset({"", "coordination.k8s.io", "rbac.authorization.k8s.io", "storage.k8s.io"})


def copied(obj: Any) -> Any:
    """A deep copy of JSON."""
    return orjson.loads(orjson.dumps(obj))


def drop_nulls(value: Any) -> None:
    """Take null fields out, in place: in the real server's types they are as good as missing."""
    if isinstance(value, dict):
        for key in [key for key, inner in value.items() if inner is None]:
            del value[key]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            drop_nulls(inner)


class Objects:
    """Create, read, update, delete, with what the server adds to each."""

    def __init__(self, store: Store, kinds: Kinds, admission: Admission) -> None:
        self.store = store
        self.kinds = kinds
        self._admission = admission
        store.subscribe(self._follow_definitions)

    def get(self, resource: Resource, namespace: str, name: str) -> Obj:
        """The object; StatusError 404 where there is none."""
        found = self.store.get(*resource.key, namespace, name)
        if found is None:
            raise not_found(*resource.key, name)
        return found

    def create(
        self, resource: Resource, namespace: str, body: Obj, manager: str = CONTROLLER, *, dry_run: bool = False
    ) -> Obj:
        """A new object; StatusError 409 where the name is taken."""
        check_shape(resource, body)
        obj = self._new(resource, namespace, body)
        obj["metadata"].pop("managedFields", None)
        self._fill(resource, obj)
        obj = ownership.record_update(None, obj, type_of(resource), manager, "")
        self._finish(resource, obj, None)
        return self._insert(resource, obj, dry_run)

    def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Obj,
        manager: str = CONTROLLER,
        subresource: str = "",
        *,
        dry_run: bool = False,
    ) -> Obj:
        """The object replaced; StatusError 409 where its resourceVersion or uid is given and another one is stored."""
        check_shape(resource, body)
        old = self.get(resource, namespace, name)
        meta = body.get("metadata") or {}
        if meta.get("resourceVersion") not in (None, "", old["metadata"]["resourceVersion"]):
            raise conflict(*resource.key, name)
        if meta.get("uid") not in (None, "", old["metadata"]["uid"]):
            raise _other_uid(resource, old, meta["uid"])
        new = self._successor(resource, old, body, subresource)
        self._fill(resource, new)
        new = ownership.record_update(old, new, type_of(resource), manager, subresource)
        self._finish(resource, new, old)
        return self._replace(resource, old, new, dry_run)

    def put(
        self, resource: Resource, namespace: str, name: str, body: Obj, *, manager: str, subresource: str, dry_run: bool
    ) -> tuple[Obj, bool]:
        """The object replaced; some kinds are created so as well. Returns the object and whether it is new."""
        missing = self.store.get(*resource.key, namespace, name) is None
        if missing and not subresource and resource.key in _CREATED_BY_PUT:
            return self.create(resource, namespace, body, manager, dry_run=dry_run), True
        return self.update(resource, namespace, name, body, manager, subresource, dry_run=dry_run), False

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        change: Callable[[Obj], Obj],
        manager: str = CONTROLLER,
        subresource: str = "",
        *,
        dry_run: bool = False,
    ) -> Obj:
        """The object changed by a function, which gets a copy."""
        old = self.get(resource, namespace, name)
        body = change(copied(old))
        if (body.get("metadata") or {}).get("uid") != old["metadata"]["uid"]:
            why = f'Invalid value: "{body["metadata"].get("uid", "")}": field is immutable'
            raise invalid(resource.group, resource.kind, name, [("metadata.uid", why)] * 2)
        return self.update(resource, namespace, name, body, manager, subresource, dry_run=dry_run)

    def set_status(self, resource: Resource, obj: Obj, status: Obj, manager: str = CONTROLLER) -> Obj:
        """The object with another status, if it is another one."""
        if obj.get("status") == status:
            return obj
        meta = obj["metadata"]
        return self.update(
            resource, meta.get("namespace", ""), meta["name"], {**obj, "status": status}, manager, "status"
        )

    def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Obj,
        manager: str,
        *,
        force: bool,
        dry_run: bool,
        subresource: str = "",
    ) -> tuple[Obj, bool]:
        """Server-side apply; returns the object and whether it is new."""
        check_shape(resource, body)
        if "apiVersion" not in body or "kind" not in body:
            raise bad_request("invalid object type: /, Kind=")
        body = {**body, "metadata": {**(body.get("metadata") or {}), "name": name}}
        old = self.store.get(*resource.key, namespace, name)
        if old is None:
            if subresource:
                raise not_found(*resource.key, name)
            new = self._new(resource, namespace, ownership.apply(None, body, type_of(resource), manager, force, ""))
            self._fill(resource, new)
            self._finish(resource, new, None)
            return self._insert(resource, new, dry_run), True
        applied = ownership.apply(old, body, type_of(resource), manager, force, subresource)
        new = self._successor(resource, old, applied, subresource)
        self._fill(resource, new)
        self._finish(resource, new, old)
        return self._replace(resource, old, new, dry_run), False

    def delete(self, resource: Resource, namespace: str, name: str, options: Obj | None = None) -> tuple[Obj, bool]:
        """Take the object out, or mark it as going away; returns its last state and whether it is gone.

        Pods on a node stay until the node confirms (grace period 0); what has finalizers stays until the last one is
        taken away.
        """
        options = options or {}
        old = self.get(resource, namespace, name)
        check_preconditions(resource, old, options.get("preconditions") or {})
        going = marked(resource, old, options)
        if options.get("dryRun"):
            return old, is_gone(resource, going)
        if is_gone(resource, going):
            last = self.store.remove(*resource.key, namespace, name)
            return (going if resource.key == ("", "pods") else last), True
        return (going if going == old else self.store.put(*resource.key, going)), False

    def _new(self, resource: Resource, namespace: str, body: Obj) -> Obj:
        """A body as the object it is to become."""
        obj = {"kind": resource.kind, "apiVersion": resource.group_version, **copied(body)}
        meta = obj["metadata"] = {k: v for k, v in (obj.get("metadata") or {}).items() if v is not None}
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"][:58] + random_suffix()
        meta.setdefault("name", "")
        if meta.pop("resourceVersion", None):
            raise StatusError(500, "", "resourceVersion should not be set on objects to be created")
        if resource.namespaced:
            if meta.get("namespace") not in (None, "", namespace):
                raise bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
            meta["namespace"] = namespace
            self._admission.namespace_takes(resource, namespace, meta["name"])
        for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"):
            meta.pop(name, None)
        meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": ownership.now()}
        if resource.custom or resource.group not in _NO_GENERATION or resource.plural == "pods":
            meta["generation"] = 1
        if "status" in resource.subresources and resource.key != ("", "nodes"):
            obj.pop("status", None)
            if not resource.custom:
                obj["status"] = {}
        return obj

    def _successor(self, resource: Resource, old: Obj, body: Obj, subresource: str) -> Obj:
        """What a write makes of the stored object: the server's own fields stay, so does what is not written here."""
        old_meta = old["metadata"]
        meta = {**(body.get("metadata") or {}), **{k: old_meta[k] for k in _KEPT if k in old_meta}}
        for name in _KEPT:
            if name not in old_meta:
                meta.pop(name, None)
        if "managedFields" not in meta and "managedFields" in old_meta:
            meta["managedFields"] = old_meta["managedFields"]
        if subresource == "status":
            free = ("managedFields", *(_FREE_BESIDE_STATUS if not resource.group else ()))
            kept = {k: v for k, v in old_meta.items() if k not in free} | {k: meta[k] for k in free if k in meta}
            return copied({**old, "metadata": kept, "status": body.get("status") or {}})
        new = {"kind": old["kind"], "apiVersion": old["apiVersion"], **body, "metadata": meta}
        if "status" in resource.subresources:
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        return copied(new)

    @staticmethod
    def _fill(resource: Resource, obj: Obj) -> None:
        """What a client means that leaves a field out; whoever writes the object owns it."""
        if not resource.custom:
            drop_nulls(obj)
        for field in ("labels", "annotations"):
            if obj["metadata"].get(field) == {}:
                del obj["metadata"][field]
        set_defaults(*resource.key, obj)
        if resource.schema:
            set_schema_defaults(obj, resource.schema)

    def _finish(self, resource: Resource, obj: Obj, old: Obj | None) -> None:
        """What the server decides, then its rules."""
        self._admission.admit(resource, obj, old)
        fill_in(*resource.key, obj)
        if not resource.custom:
            obj |= completed(obj, type_of(resource))
        validate(resource, obj, old)
        if old and "generation" in obj["metadata"] and _desired(resource, obj) != _desired(resource, old):
            obj["metadata"]["generation"] = old["metadata"]["generation"] + 1

    def _insert(self, resource: Resource, obj: Obj, dry_run: bool) -> Obj:
        meta = obj["metadata"]
        if self.store.get(*resource.key, meta.get("namespace", ""), meta["name"]):
            raise already_exists(*resource.key, meta["name"])
        return obj if dry_run else self.store.put(*resource.key, obj)

    def _replace(self, resource: Resource, old: Obj, new: Obj, dry_run: bool) -> Obj:
        """Store the successor, unless it says what is stored already; the last finalizer's removal ends a deletion."""
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        if not new["metadata"].get("finalizers"):
            new["metadata"].pop("finalizers", None)
        if new == old or dry_run:
            return new
        meta = new["metadata"]
        if "deletionTimestamp" in meta and is_gone(resource, new):
            gone = self.store.remove(*resource.key, meta.get("namespace", ""), meta["name"])
            return {**new, "metadata": {**meta, "resourceVersion": gone["metadata"]["resourceVersion"]}}
        return self.store.put(*resource.key, new)

    def _follow_definitions(self, event: Event) -> None:
        """Serve what definitions define; with a definition its objects go."""
        if event.kind != ("apiextensions.k8s.io", "customresourcedefinitions"):
            return
        if event.type != "DELETED":
            self.kinds.define(event.object)
            return
        self.kinds.undefine(event.object)
        spec = event.object["spec"]
        for obj in self.store.list(spec["group"], spec["names"]["plural"]):
            meta = obj["metadata"]
            self.store.remove(spec["group"], spec["names"]["plural"], meta.get("namespace", ""), meta["name"])


def _other_uid(resource: Resource, old: Obj, asked: str) -> StatusError:
    meta = old["metadata"]
    key = "/".join(filter(None, ["/registry", resource.plural, meta.get("namespace"), meta["name"]]))
    why = (
        f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: "
        f"Precondition failed: UID in precondition: {asked}, UID in object meta: {meta['uid']}"
    )
    return conflict(*resource.key, meta["name"], why)


def _desired(resource: Resource, obj: Obj) -> Obj:
    """What a generation counts the changes of; an EndpointSlice's labels are a part of what it says."""
    said = {"labels": obj["metadata"].get("labels")} if resource.plural == "endpointslices" else {}
    said |= {k: v for k, v in obj.items() if k not in ("metadata", "status")}
    if resource.plural == "pods":
        said["spec"] = {k: v for k, v in obj["spec"].items() if k != "nodeName"}  # binding a pod does not count
    return said
