"""The API's paths: which request means what. An ASGI app, called after authentication."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import Any

from sandbox.kube import discovery, patches, reviews
from sandbox.kube.auth import Tokens
from sandbox.kube.errors import StatusError, bad_request, method_not_allowed, no_such_path, qualified, unsupported_media
from sandbox.kube.kinds import Kinds, Resource
from sandbox.kube.logs import send_log
from sandbox.kube.objects import Objects
from sandbox.kube.openapi import OpenApi
from sandbox.kube.scale import apply_scale, scale_of
from sandbox.kube.selectors import Match, field_selector, label_selector
from sandbox.kube.tables import Tabulator, partial
from sandbox.kube.types import type_of
from sandbox.kube.watches import Watch
from sandbox.kube.web import Receive, Request, Scope, Send, respond, respond_json

Obj = dict[str, Any]
_APPLY = "application/apply-patch+yaml"
_STRATEGIC = "application/strategic-merge-patch+json"
_log = logging.getLogger(__name__)


class Api:
    """Routes a request to objects, discovery, watches, reviews and logs."""

    def __init__(
        self, objects: Objects, kinds: Kinds, tokens: Tokens, version: str, kubelet_tls: ssl.SSLContext
    ) -> None:
        self._kubelet_tls = kubelet_tls
        self._objects, self._kinds, self._tokens = objects, kinds, tokens
        self._version = discovery.version_info(version)
        self._openapi = OpenApi(kinds)
        self._watches: set[Watch] = set()

    async def end_watches(self) -> None:
        """End all watches, as a server does that goes away; a client that does not read is not waited for."""
        watches = list(self._watches)
        for watch in watches:
            watch.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(watch.ended.wait() for watch in watches)), 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            await self._answer(request, send)
        except StatusError as error:
            await respond_json(send, error.body(), error.code)
        except Exception as error:
            _log.exception("%s %s", request.method, request.path)
            failure = StatusError(500, "InternalError", f"Internal error occurred: {error}")
            await respond_json(send, failure.body(), 500)

    async def _answer(self, request: Request, send: Send) -> None:
        path = request.path.strip("/")
        steps = path.split("/")
        if path in ("healthz", "livez", "readyz") or steps[0] in ("livez", "readyz"):
            await respond(send, b"ok", kind="text/plain")
        elif path == "version":
            await respond_json(send, self._version)
        elif steps[:2] == ["openapi", "v3"]:
            await self._describe(request, send, "/".join(steps[2:]))
        elif steps[0] == "api" and len(steps) > 2:
            await self._resource(request, send, "", steps[1], steps[2:])
        elif steps[0] == "apis" and len(steps) > 3:
            await self._resource(request, send, steps[1], steps[2], steps[3:])
        else:
            await self._discover(request, send, steps)

    async def _describe(self, request: Request, send: Send, name: str) -> None:
        if not name:
            await respond_json(send, self._openapi.index())
            return
        etag = f'"{request.query.get("hash", "")}"'
        headers = {"etag": etag, "cache-control": "public, immutable"} if "hash" in request.query else {}
        if headers and request.headers.get("if-none-match") == etag:
            await respond(send, b"", 304, headers=headers)
        else:
            await respond(send, self._openapi.document(name), headers=headers)

    async def _discover(self, request: Request, send: Send, steps: list[str]) -> None:
        wanted = discovery.AGGREGATED.search(request.accept)
        if steps in (["api"], ["apis"]) and wanted:
            document = discovery.aggregated(self._kinds, core=steps == ["api"], version=wanted[1])
            await respond_json(send, document, kind=f"application/json;{wanted[0]}")
            return
        match steps:
            case ["api"]:
                document = discovery.core_versions()
            case ["apis"]:
                document = discovery.groups(self._kinds)
            case ["api", version]:
                document = discovery.resources(self._kinds, "", version)
            case ["apis", group]:
                document = discovery.group_info(self._kinds, group)
            case ["apis", group, version]:
                document = discovery.resources(self._kinds, group, version)
            case _:
                raise no_such_path()
        await respond_json(send, document)

    async def _resource(self, request: Request, send: Send, group: str, version: str, steps: list[str]) -> None:
        namespace = ""
        if steps[0] == "namespaces" and len(steps) > 2 and steps[2] not in ("status", "finalize"):
            namespace, steps = steps[1], steps[2:]
        resource = self._kinds.find(group, version, steps[0])
        if len(steps) > 3 or (namespace and not resource.namespaced):
            raise no_such_path()
        if "Review" in resource.kind:
            await self._review(request, send, resource)
        elif len(steps) == 1:
            await self._collection(request, send, resource, namespace)
        elif len(steps) == 2:
            await self._object(request, send, resource, namespace, steps[1])
        elif steps[2] in resource.subresources:
            await self._subresource(request, send, resource, namespace, steps[1], steps[2])
        else:
            raise no_such_path()

    async def _review(self, request: Request, send: Send, resource: Resource) -> None:
        if request.method != "POST":
            raise method_not_allowed()
        answer = reviews.review(resource, await request.document() or {}, request.user, self._tokens)
        await respond_json(send, answer, 201)

    async def _collection(self, request: Request, send: Send, resource: Resource, namespace: str) -> None:
        match request.method:
            case "GET" if request.flag("watch"):
                await self._watch(request, send, resource, namespace)
            case "GET":
                await self._list(request, send, resource, namespace)
            case "POST":
                if resource.namespaced and not namespace:
                    raise method_not_allowed()
                body = await self._body(request)
                obj = self._objects.create(resource, namespace, body, request.manager, dry_run=request.dry_run)
                await self._show(request, send, resource, obj, 201)
            case "DELETE":
                await self._delete_all(request, send, resource, namespace)
            case _:
                raise method_not_allowed()

    async def _object(self, request: Request, send: Send, resource: Resource, namespace: str, name: str) -> None:
        match request.method:
            case "GET" if request.flag("watch"):
                request.query["fieldSelector"] = f"metadata.name={name}"
                await self._watch(request, send, resource, namespace)
            case "GET":
                await self._show(request, send, resource, self._objects.get(resource, namespace, name))
            case "DELETE":
                options = self._delete_options(request, await request.document())
                obj, gone = self._objects.delete(resource, namespace, name, options)
                if not gone or resource.key in _RETURNED_WHEN_GONE:
                    await self._show(request, send, resource, obj)
                else:
                    await respond_json(send, _success(resource, obj))
            case "PUT" | "PATCH":
                await self._write(request, send, resource, namespace, name, "")
            case _:
                raise method_not_allowed()

    async def _write(
        self, request: Request, send: Send, resource: Resource, namespace: str, name: str, subresource: str
    ) -> None:
        """PUT or PATCH of an object or of its status."""
        body = await self._body(request)
        options: Obj = {"manager": request.manager, "subresource": subresource, "dry_run": request.dry_run}
        created = False
        if request.method == "PUT":
            obj = self._objects.update(resource, namespace, name, body, **options)
        elif request.content_type == _APPLY:
            if "fieldManager" not in request.query:
                raise bad_request(
                    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
                )
            obj, created = self._objects.apply(resource, namespace, name, body, force=request.flag("force"), **options)
        else:
            change = _patcher(resource, request.content_type)
            obj = self._objects.patch(resource, namespace, name, lambda live: change(live, body), **options)
        await self._show(request, send, resource, obj, 201 if created else 200)

    async def _subresource(
        self, request: Request, send: Send, resource: Resource, namespace: str, name: str, sub: str
    ) -> None:
        obj = self._objects.get(resource, namespace, name)
        match sub, request.method:
            case "status" | "scale", "GET":
                await self._show(request, send, resource, scale_of(obj) if sub == "scale" else obj)
            case "status", "PUT" | "PATCH":
                await self._write(request, send, resource, namespace, name, "status")
            case "scale", "PUT" | "PATCH":
                await self._scale(request, send, resource, obj)
            case "binding", "POST":
                self._bind(resource, obj, await self._body(request), request.manager)
                await respond_json(send, {"kind": "Status", "apiVersion": "v1", "status": "Success", "code": 201}, 201)
            case "token", "POST":
                await respond_json(send, self._tokens.request(obj, await self._body(request)), 201)
            case "log", "GET":
                await send_log(request, send, self._objects, obj, self._kubelet_tls)
            case "finalize", "PUT":
                body = await self._body(request)
                await respond_json(send, self._objects.update(resource, namespace, name, body, request.manager))
            case _:
                raise method_not_allowed()

    async def _scale(self, request: Request, send: Send, resource: Resource, obj: Obj) -> None:
        body = await self._body(request)
        wanted = body if request.method == "PUT" else _patcher(resource, request.content_type)(scale_of(obj), body)
        meta = obj["metadata"]
        scaled = self._objects.update(
            resource,
            meta["namespace"],
            meta["name"],
            apply_scale(obj, wanted),
            request.manager,
            "scale",
            dry_run=request.dry_run,
        )
        await respond_json(send, scale_of(scaled))

    def _bind(self, resource: Resource, pod: Obj, binding: Obj, manager: str) -> None:
        name, node = pod["metadata"]["name"], binding["target"]["name"]
        if pod["spec"].get("nodeName"):
            why = f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
            raise StatusError(409, "Conflict", f'Operation cannot be fulfilled on pods/binding "{name}": {why}')
        bound = {**pod, "spec": {**pod["spec"], "nodeName": node}}
        self._objects.update(resource, pod["metadata"]["namespace"], name, bound, manager)

    async def _body(self, request: Request) -> Any:
        body = await request.document()
        if body is None:
            raise bad_request("the request has no body")
        return body

    @staticmethod
    def _match(request: Request) -> Match:
        labels = label_selector(request.query.get("labelSelector", ""))
        fields = field_selector(request.query.get("fieldSelector", ""))
        return lambda obj: labels(obj) and fields(obj)

    async def _list(self, request: Request, send: Send, resource: Resource, namespace: str) -> None:
        match = self._match(request)
        found = [o for o in self._objects.store.list(*resource.key, namespace) if match(o)]
        meta = {"resourceVersion": str(self._objects.store.revision)}
        if "as=Table" in request.accept:
            document = self._tabulator(request, resource).table(found, meta)
        elif "as=PartialObjectMetadataList" in request.accept:
            items = [partial(o) for o in found]
            document = {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": meta,
                "items": items,
            }
        else:
            document = {
                "kind": f"{resource.kind}List",
                "apiVersion": resource.group_version,
                "metadata": meta,
                "items": found,
            }
        await respond_json(send, document)

    async def _show(self, request: Request, send: Send, resource: Resource, obj: Obj, code: int = 200) -> None:
        if "as=Table" in request.accept:
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            obj = self._tabulator(request, resource).table([obj], meta)
        elif "as=PartialObjectMetadata;" in request.accept + ";":
            obj = partial(obj)
        await respond_json(send, obj, code)

    def _tabulator(self, request: Request, resource: Resource) -> Tabulator:
        definition = None
        if resource.custom:
            name = qualified(resource.group, resource.plural)
            definition = self._objects.store.get("apiextensions.k8s.io", "customresourcedefinitions", "", name)
        return Tabulator(resource, request.query.get("includeObject", ""), definition)

    async def _watch(self, request: Request, send: Send, resource: Resource, namespace: str) -> None:
        asked = request.query.get("resourceVersion", "")
        initial = request.flag("sendInitialEvents")
        since = None if initial or asked in ("", "0") else int(asked)
        watch = Watch(self._objects.store, resource, namespace, self._match(request))
        self._watches.add(watch)
        seconds = float(request.query.get("timeoutSeconds") or 3600)
        timer = asyncio.get_running_loop().call_later(seconds, watch.close)
        gone = asyncio.create_task(_until_gone(request.receive, watch))
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache, private")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        marks = request.flag("allowWatchBookmarks")
        shown = self._shown(request, resource)
        try:
            async for part in watch.lines(since, bookmark_initial=initial and marks, bookmarks=marks, shown=shown):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._watches.discard(watch)
            watch.ended.set()
            timer.cancel()
            gone.cancel()

    def _shown(self, request: Request, resource: Resource) -> Any:
        """How a watch shows objects: None is as they are. A Table's heads come with the first one only."""
        if "as=Table" in request.accept:
            tabulator = self._tabulator(request, resource)
            heads = iter([True])
            return lambda o: tabulator.table(
                [o], {"resourceVersion": o["metadata"]["resourceVersion"]}, heads=next(heads, False)
            )
        return partial if "as=PartialObjectMetadata" in request.accept else None

    def _delete_options(self, request: Request, body: Any) -> Obj:
        options = body if isinstance(body, dict) else {}
        for name in ("gracePeriodSeconds", "propagationPolicy"):
            if name in request.query:
                options[name] = int(request.query[name]) if name == "gracePeriodSeconds" else request.query[name]
        if "orphanDependents" in request.query:
            options["orphanDependents"] = request.flag("orphanDependents")
        return {**options, "dryRun": request.dry_run or bool(options.get("dryRun"))}

    async def _delete_all(self, request: Request, send: Send, resource: Resource, namespace: str) -> None:
        options = self._delete_options(request, await request.document())
        match = self._match(request)
        found = [o for o in self._objects.store.list(*resource.key, namespace) if match(o)]
        for obj in found:
            self._objects.delete(resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"], options)
        meta = {"resourceVersion": str(self._objects.store.revision)}
        listed = {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.group_version,
            "metadata": meta,
            "items": found,
        }
        await respond_json(send, listed)


# Deleted at once, these are answered with the object, all others with a Status.
_RETURNED_WHEN_GONE = frozenset(
    ("", name) for name in ("pods", "services", "persistentvolumeclaims", "persistentvolumes", "serviceaccounts")
)


def _success(resource: Resource, obj: Obj) -> Obj:
    details = {"name": obj["metadata"]["name"], "kind": resource.plural, "uid": obj["metadata"]["uid"]}
    details |= {"group": resource.group} if resource.group else {}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _patcher(resource: Resource, content_type: str) -> Any:
    """The function that lays a patch of this type over an object."""
    patchers = {
        "application/json-patch+json": patches.json_patch,
        "application/merge-patch+json": patches.merge_patch,
        _STRATEGIC: lambda value, patch: patches.strategic_merge(value, patch, type_of(resource)),
    }
    if resource.custom:
        del patchers[_STRATEGIC]
    if content_type not in patchers:
        raise unsupported_media([*patchers, _APPLY])
    return patchers[content_type]


async def _until_gone(receive: Receive, watch: Watch) -> None:
    """Close the watch when its client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    watch.close()
