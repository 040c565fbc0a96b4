"""Getting, listing and watching, in all the forms that clients ask for."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from sandbox.kube.errors import StatusError, bad_request, invalid, qualified
from sandbox.kube.kinds import Resource
from sandbox.kube.objects import Objects
from sandbox.kube.paging import page, page_asked
from sandbox.kube.selectors import Match, field_selector, label_selector
from sandbox.kube.tables import Tabulator, partial
from sandbox.kube.watches import Watch
from sandbox.kube.web import JSON, Receive, Request, Send, respond_json

Obj = dict[str, Any]
_STREAMS = ("application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")


class Reads:
    """Answers GET."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._watches: set[Watch] = set()

    async def end_watches(self) -> None:
        """End all watches, as a server does that goes away; a client that does not read is not waited for."""
        watches = list(self._watches)
        for watch in watches:
            watch.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(watch.ended.wait() for watch in watches)), 1)

    async def get(self, request: Request, send: Send, resource: Resource, namespace: str, name: str) -> None:
        """One object."""
        self._check_version(request.query.get("resourceVersion", ""))
        await self.show(request, send, resource, self._objects.get(resource, namespace, name))

    async def show(
        self, request: Request, send: Send, resource: Resource, obj: Obj, code: int = 200, headers: Obj | None = None
    ) -> None:
        """An object in the form that is asked for."""
        kind = request.answer_type()
        if "as=Table" in request.accept:
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            obj = self._tabulator(request, resource).table([obj], meta)
        elif "as=PartialObjectMetadata;" in request.accept + ";":
            obj = partial(obj)
        await respond_json(send, obj, code, kind, headers)

    async def list(self, request: Request, send: Send, resource: Resource, namespace: str) -> None:
        """A list, or a part of it."""
        kind = request.answer_type(_STREAMS)
        matching = match(request, resource)
        self._check_list(request)
        found = [o for o in self._objects.store.list(*resource.key, namespace) if matching(o)]
        selects = bool(request.query.get("labelSelector") or request.query.get("fieldSelector"))
        found, meta = page(found, page_asked(request), self._objects.store.revision, selects)
        await respond_json(send, self._listed(request, resource, found, meta), 200, kind)

    def _listed(self, request: Request, resource: Resource, found: list[Obj], meta: Obj) -> Obj:
        if "as=Table" in request.accept:
            return self._tabulator(request, resource).table(found, meta)
        if "as=PartialObjectMetadataList" in request.accept:
            head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
            return {**head, "metadata": meta, "items": [partial(o) for o in found]}
        return list_of(resource, found, meta)

    def _tabulator(self, request: Request, resource: Resource) -> Tabulator:
        definition = None
        if resource.custom:
            name = qualified(resource.group, resource.plural)
            definition = self._objects.store.get("apiextensions.k8s.io", "customresourcedefinitions", "", name)
        return Tabulator(resource, request.query.get("includeObject", ""), definition)

    def _check_list(self, request: Request) -> None:
        version = request.query.get("resourceVersion", "")
        matches = request.query.get("resourceVersionMatch", "")
        if matches and not version:
            why = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
            raise invalid("meta.k8s.io", "ListOptions", "", [("resourceVersionMatch", why)])
        if version and not version.isdigit():
            why = f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
            raise bad_request(f"invalid resource version: {why}")
        if matches == "Exact" and int(version) < self._objects.store.revision:
            raise StatusError(410, "Expired", "The resourceVersion for the provided list is too old.")
        self._check_version(version)

    def _check_version(self, asked: str) -> None:
        """What has not been written yet cannot be read: 504."""
        have = self._objects.store.revision
        if asked.isdigit() and int(asked) > have:
            cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            message = f"Timeout: Too large resource version: {asked}, current: {have}"
            raise StatusError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})

    async def watch(self, request: Request, send: Send, resource: Resource, namespace: str) -> None:
        """What happens from a version on."""
        request.answer_type(_STREAMS)
        initial = request.flag("sendInitialEvents")
        watch = Watch(self._objects.store, resource, namespace, match(request, resource))
        since = None if initial else _since(request)
        if initial and request.query.get("resourceVersionMatch") != "NotOlderThan":
            why = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            raise invalid("meta.k8s.io", "ListOptions", "", [("resourceVersionMatch", why)])
        self._watches.add(watch)
        timer = asyncio.get_running_loop().call_later(_seconds(request), watch.close)
        gone = asyncio.create_task(_until_gone(request.receive, watch))
        headers = [(b"content-type", JSON.encode()), (b"cache-control", b"no-cache, private")]
        marks = request.flag("allowWatchBookmarks")
        shown = self._shown(request, resource)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": True})
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


def match(request: Request, resource: Resource) -> Match:
    """What the query selects."""
    labels = label_selector(request.query.get("labelSelector", ""))
    fields = field_selector(request.query.get("fieldSelector", ""), resource)
    return lambda obj: labels(obj) and fields(obj)


def list_of(resource: Resource, found: list[Obj], meta: Obj) -> Obj:
    """Objects as a list; those of the built-in kinds do not repeat what the list says."""
    if resource.custom:
        meta = {"continue": "", **meta}
    else:
        found = [{key: value for key, value in o.items() if key not in ("kind", "apiVersion")} for o in found]
    return {"kind": f"{resource.kind}List", "apiVersion": resource.group_version, "metadata": meta, "items": found}


def _since(request: Request) -> int | None:
    """The version to watch from; None for the present state first."""
    asked = request.query.get("resourceVersion", "")
    if asked in ("", "0"):
        return None
    if not asked.isdigit():
        why = f'resourceVersion: Invalid value: "{asked}": strconv.ParseUint: parsing "{asked}": invalid syntax'
        raise StatusError(500, "", why)
    return int(asked)


def _seconds(request: Request) -> float:
    asked = request.query.get("timeoutSeconds", "")
    return float(asked) if asked.isdigit() and int(asked) else 3600.0


async def _until_gone(receive: Receive, watch: Watch) -> None:
    """Close the watch when its client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    watch.close()
