"""Creating, changing and deleting: from a request's body to what Objects does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import yaml

from sandbox.kube import options, patches
from sandbox.kube.decoding import (
    TypeProblemError,
    checked,
    json_problem,
    known_fields,
    object_of,
    parsed,
)
from sandbox.kube.errors import StatusError, bad_request, conflict, invalid_patch, unsupported_media, unsupported_patch
from sandbox.kube.grants import Grants
from sandbox.kube.kinds import Resource
from sandbox.kube.objects import Objects
from sandbox.kube.rbac import GROUP
from sandbox.kube.reads import Reads, list_of, match
from sandbox.kube.scale import SCALE, apply_scale, replicas_of, scale_of
from sandbox.kube.typed import typed_problem
from sandbox.kube.types import type_of
from sandbox.kube.web import Request, Send, respond_json

Obj = dict[str, Any]
_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_Write = Callable[[bool], tuple[Obj, bool]]  # dry run or not -> the object, and whether it is new
_BINDING = Resource("", "v1", "", "Binding", True)
# Deleted at once, these are answered with the object, all others with a Status.
_RETURNED_WHEN_GONE = {
    *(("", name) for name in ("persistentvolumeclaims", "persistentvolumes", "pods", "resourcequotas")),
    *(("", name) for name in ("serviceaccounts", "services")),
    *(("storage.k8s.io", name) for name in ("csidrivers", "csinodes", "storageclasses")),
}


class Writes:
    """Answers POST, PUT, PATCH and DELETE on objects."""

    def __init__(self, objects: Objects, reads: Reads, grants: Grants) -> None:
        self._objects, self._reads, self._grants = objects, reads, grants

    async def create(self, request: Request, send: Send, resource: Resource, namespace: str) -> None:
        """A new object."""
        options.check_write(request)
        body, headers = await self.body(request, resource)

        def write(dry_run: bool) -> tuple[Obj, bool]:
            return self._objects.create(resource, namespace, body, request.manager, dry_run=dry_run), True

        obj, _ = self._written(request, resource, write)
        await self._reads.show(request, send, resource, obj, 201, headers)

    def _written(self, request: Request, resource: Resource, write: _Write) -> tuple[Obj, bool]:
        """What a write makes; a role or binding is looked at before it is stored."""
        if resource.group == GROUP:
            self._grants.check(request.user, resource, write(True)[0])
        return write(request.dry_run)

    async def body(self, request: Request, resource: Resource) -> tuple[Obj, Obj]:
        """The request's object, and headers that warn of fields that nobody knows."""
        body = object_of(await request.body(), request.content_type, resource, self._objects.kinds)
        validation = request.query.get("fieldValidation", "")
        known = checked(body, type_of(resource), resource, validation)
        warns = bool(known.unknown) and validation != "Ignore"
        told = ", ".join(f'299 - "unknown field \\"{path}\\""' for path in known.unknown)
        return known.value, {"warning": told} if warns else {}

    async def change(
        self, request: Request, send: Send, resource: Resource, namespace: str, name: str, subresource: str
    ) -> None:
        """PUT or PATCH of an object or of its status."""
        options.check_write(request)
        how: Obj = {"manager": request.manager, "subresource": subresource}
        headers: Obj = {}
        write: _Write
        if request.method == "PUT":
            body, headers = await self.body(request, resource)
            _check_name(body, name)
            _check_namespace(body, namespace)

            def write(dry_run: bool) -> tuple[Obj, bool]:
                return self._objects.put(resource, namespace, name, body, dry_run=dry_run, **how)
        elif request.content_type == options.APPLY:
            body = _applied(await request.body(), resource)
            _check_name(body, name, may_lack=True)
            force = request.flag("force")

            def write(dry_run: bool) -> tuple[Obj, bool]:
                return self._objects.apply(resource, namespace, name, body, force=force, dry_run=dry_run, **how)
        else:
            patch = _Patch(resource, request.content_type, await request.body())
            strict = request.query.get("fieldValidation") == "Strict"

            def changed(live: Obj) -> Obj:
                after = patch.applied(live, strict)
                _check_name(after, name)
                return after

            def write(dry_run: bool) -> tuple[Obj, bool]:
                return self._objects.patch(resource, namespace, name, changed, dry_run=dry_run, **how), False

        obj, created = self._written(request, resource, write)
        await self._reads.show(request, send, resource, obj, 201 if created else 200, headers)

    async def scale(self, request: Request, send: Send, resource: Resource, obj: Obj) -> None:
        """PUT or PATCH of how many there are to be."""
        options.check_write(request)
        meta, raw = obj["metadata"], await request.body()
        named = (resource, meta["namespace"], meta["name"])
        if request.method == "PATCH" and request.content_type == options.APPLY:
            wanted = _applied(raw, SCALE)
            _check_name(wanted, meta["name"], may_lack=True)
            head = {key: obj[key] for key in ("apiVersion", "kind")}
            part = {**head, "metadata": {"name": meta["name"]}, "spec": {"replicas": replicas_of(wanted)}}
            how: Obj = {"force": request.flag("force"), "dry_run": request.dry_run, "subresource": "scale"}
            scaled, _ = self._objects.apply(*named, part, request.manager, **how)
        else:
            if request.method == "PUT":
                wanted, _ = await self.body(request, SCALE)
                _check_namespace(wanted, meta["namespace"])
            else:
                wanted = _Patch(SCALE, request.content_type, raw).applied(scale_of(obj), False)
            _check_name(wanted, meta["name"])
            told = apply_scale(obj, wanted)
            scaled = self._objects.update(*named, told, request.manager, "scale", dry_run=request.dry_run)
        await respond_json(send, scale_of(scaled))

    async def bind(self, request: Request, send: Send, resource: Resource, pod: Obj) -> None:
        """Tie a pod to a node, as a scheduler does."""
        options.check_write(request)
        binding, _ = await self.body(request, _BINDING)
        name, node = pod["metadata"]["name"], (binding.get("target") or {}).get("name")
        if (binding.get("metadata") or {}).get("name") != name:
            raise bad_request("name in URL does not match name in Binding object")
        if not node:
            raise StatusError(500, "", "target.name: Required value")
        if pod["spec"].get("nodeName"):
            why = f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
            raise conflict("", "pods/binding", name, why)
        bound = {**pod, "spec": {**pod["spec"], "nodeName": node}}
        self._objects.update(
            resource, pod["metadata"]["namespace"], name, bound, request.manager, dry_run=request.dry_run
        )
        answer = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        await respond_json(send, answer, 201)

    async def finalize(self, request: Request, send: Send, resource: Resource, name: str) -> None:
        """Take a namespace's finalizers away."""
        options.check_write(request)
        body, _ = await self.body(request, resource)
        _check_name(body, name)
        changed = self._objects.update(resource, "", name, body, request.manager, "finalize", dry_run=request.dry_run)
        await respond_json(send, changed)

    async def delete(self, request: Request, send: Send, resource: Resource, namespace: str, name: str) -> None:
        """Take one object out."""
        asked = options.of_delete(request, parsed(await request.body(), request.content_type))
        obj, gone = self._objects.delete(resource, namespace, name, asked)
        if not gone or resource.key in _RETURNED_WHEN_GONE:
            await self._reads.show(request, send, resource, obj)
        else:
            await respond_json(send, _success(resource, obj))

    async def delete_all(self, request: Request, send: Send, resource: Resource, namespace: str) -> None:
        """Take out what the query selects."""
        asked = options.of_delete(request, parsed(await request.body(), request.content_type))
        matching = match(request, resource)
        found = [o for o in self._objects.store.list(*resource.key, namespace) if matching(o)]
        meta = {"resourceVersion": str(self._objects.store.revision)}
        for obj in found:
            self._objects.delete(resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"], asked)
        await respond_json(send, list_of(resource, found, meta))


class _Patch:
    """A patch of one of the three kinds that are no apply."""

    def __init__(self, resource: Resource, content_type: str, raw: bytes) -> None:
        taken = [_JSON_PATCH, _MERGE] if resource.custom else [_JSON_PATCH, _MERGE, _STRATEGIC]
        if content_type not in taken:
            raise unsupported_media([*taken, options.APPLY]) if resource.custom else unsupported_patch()
        self._resource, self._kind, self._shown = resource, content_type, raw.decode(errors="replace")
        self._patch = _decoded(raw, content_type)

    def applied(self, live: Obj, strict: bool) -> Obj:
        """What the patch makes of an object; StatusError 422 where that is none of the kind."""
        told = type_of(self._resource)
        after: Any
        if self._kind == _JSON_PATCH:
            after = patches.json_patch(live, self._patch)
        elif self._kind == _MERGE:
            after = patches.merge_patch(live, self._patch)
        else:
            after = patches.strategic_merge(live, self._patch, told)
        try:
            known = known_fields(after, told)
        except TypeProblemError as error:
            raise invalid_patch(self._shown, str(error)) from error
        if known.unknown and strict:
            shown = patches.go_map(self._patch) if self._kind == _STRATEGIC else self._shown
            raise invalid_patch(shown, known.problem)
        return dict(known.value)


def _decoded(raw: bytes, content_type: str) -> Any:
    kind = list if content_type == _JSON_PATCH else dict
    problem = json_problem(raw)
    if not problem:
        patch = orjson.loads(raw)
        if isinstance(patch, kind):
            return patch
        wanted = "[]handlers.jsonPatchOp" if kind is list else "map[string]interface {}"
        found = "array" if isinstance(patch, list) else "object" if isinstance(patch, dict) else "string"
        problem = f"json: cannot unmarshal {found} into Go value of type {wanted}"
    raise bad_request(problem if content_type == _STRATEGIC else f"error decoding patch: {problem}")


def _applied(raw: bytes, resource: Resource) -> Obj:
    """An applied object; StatusError 400 where it cannot be one, 500 for wrong fields, as really is."""
    try:
        body = yaml.safe_load(raw) if not raw.startswith(b"{") else orjson.loads(raw)
    except (yaml.YAMLError, ValueError) as error:
        raise bad_request(f"error decoding YAML: {error}") from error
    if not isinstance(body, dict) or "apiVersion" not in body or "kind" not in body:
        raise bad_request("invalid object type: /, Kind=")
    meta = body.get("metadata") or {}
    if meta.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if problem := typed_problem(body, type_of(resource)):
        named = f"{meta.get('namespace', '')}/{meta.get('name', '')}"
        what = f"{named}; {resource.group}/{resource.version}, Kind={resource.kind}"
        raise StatusError(500, "", f"failed to create typed patch object ({what}): {problem}")
    return body


def _check_name(body: Obj, name: str, *, may_lack: bool = False) -> None:
    told = (body.get("metadata") or {}).get("name")
    if not told and not may_lack:
        raise bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if told and told != name:
        raise bad_request(f"the name of the object ({told}) does not match the name on the URL ({name})")


def _check_namespace(body: Obj, namespace: str) -> None:
    if (body.get("metadata") or {}).get("namespace") not in (None, "", namespace):
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _success(resource: Resource, obj: Obj) -> Obj:
    details = {"name": obj["metadata"]["name"], "kind": resource.plural, "uid": obj["metadata"]["uid"]}
    details |= {"group": resource.group} if resource.group else {}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
