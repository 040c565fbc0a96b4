"""The API's paths: which request means what, and who may ask it. An ASGI app, called after authentication."""

from __future__ import annotations

import logging
import ssl

from sandbox.kube import discovery, options, routes
from sandbox.kube.auth import TOKEN_REQUEST, Tokens
from sandbox.kube.errors import NothingServedError, StatusError, method_not_allowed, no_such_path
from sandbox.kube.grants import Grants
from sandbox.kube.kinds import Kinds, Resource
from sandbox.kube.logs import send_log
from sandbox.kube.objects import Objects
from sandbox.kube.openapi import OpenApi
from sandbox.kube.rbac import Access, Authorizer
from sandbox.kube.reads import Reads
from sandbox.kube.reviews import Reviews
from sandbox.kube.routes import Route
from sandbox.kube.scale import scale_of
from sandbox.kube.web import Message, Receive, Request, Scope, Send, respond, respond_json
from sandbox.kube.writes import Writes

_log = logging.getLogger(__name__)
_HEALTH = ("healthz", "livez", "readyz")


class Api:
    """Routes a request to objects, discovery, watches, reviews and logs."""

    def __init__(
        self, objects: Objects, kinds: Kinds, tokens: Tokens, version: str, kubelet_tls: ssl.SSLContext
    ) -> None:
        self._kubelet_tls = kubelet_tls
        self._objects, self._kinds, self._tokens = objects, kinds, tokens
        self._version = discovery.version_info(version)
        self._openapi = OpenApi(kinds)
        self._authorizer = Authorizer(objects.store)
        self._reviews = Reviews(tokens, self._authorizer)
        self._reads = Reads(objects)
        self._writes = Writes(objects, self._reads, Grants(objects.store, self._authorizer))

    async def end_watches(self) -> None:
        """End all watches, as a server does that goes away."""
        await self._reads.end_watches()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        route = routes.route_of(request.method, request.path, request.query, request.content_type)
        try:
            await self._answer_or_refuse(request, _claimed(send, route), route)
        except Exception as error:  # also an answer that the table does not have: no client is to take it for one
            _log.exception("%s %s", request.method, request.path)
            failure = StatusError(500, "InternalError", f"Internal error occurred: {error}")
            await respond_json(send, failure.body(), 500)

    async def _answer_or_refuse(self, request: Request, send: Send, route: Route) -> None:
        try:
            self._authorize(request, route)
            await self._answer(request, send, route)
        except NothingServedError:
            await respond(send, b"404 page not found\n", 404, "text/plain; charset=utf-8")
        except StatusError as error:
            await respond_json(send, error.body(), error.code)

    def _authorize(self, request: Request, route: Route) -> None:
        named = (route.group, route.resource, route.subresource, route.namespace, route.object_name)
        access = Access(route.verb, *named) if route.resource else Access(route.verb, path=route.path)
        if other := request.headers.get("impersonate-user"):
            self._authorizer.check(request.user, Access("impersonate", resource="users", name=other))
            request.user = {"name": other, "groups": ["system:authenticated"]}
        self._authorizer.check(request.user, access)

    async def _answer(self, request: Request, send: Send, route: Route) -> None:
        if route.resource:
            await self._resource(request, send, route)
            return
        steps = request.path.strip("/").split("/")
        if len(steps) == 1 and steps[0] in _HEALTH:
            await respond(send, b"ok", kind="text/plain; charset=utf-8")
        elif steps[:2] == ["openapi", "v3"]:
            await self._describe(request, send, "/".join(steps[2:]))
        else:
            await self._discover(request, send, route, steps)

    async def _describe(self, request: Request, send: Send, name: str) -> None:
        if not name:
            await respond_json(send, self._openapi.index())
            return
        document = self._openapi.document(name)
        etag = f'"{request.query.get("hash", "")}"'
        headers = {"etag": etag, "cache-control": "public, immutable"} if "hash" in request.query else {}
        if document is None:
            await respond(send, b"", 404, kind="")
        elif headers and request.headers.get("if-none-match") == etag:
            await respond(send, b"", 304, headers=headers)
        else:
            await respond(send, document, headers=headers)

    async def _discover(self, request: Request, send: Send, route: Route, steps: list[str]) -> None:
        document = self._discovered(request, steps)
        if route.name == routes.OTHERWISE:
            raise method_not_allowed()
        wanted = discovery.AGGREGATED.search(request.accept)
        if steps in (["api"], ["apis"]) and wanted:
            document = discovery.aggregated(self._kinds, core=steps == ["api"])
            await respond_json(send, document, kind=f"application/json;{wanted[0]}")
        else:
            await respond_json(send, document)

    def _discovered(self, request: Request, steps: list[str]) -> dict[str, object]:
        match steps:
            case ["version"]:
                return dict(self._version)
            case ["api"]:
                return discovery.core_versions(request.headers.get("host", ""))
            case ["apis"]:
                return discovery.groups(self._kinds)
            case ["api", version]:
                return discovery.resources(self._kinds, "", version)
            case ["apis", group]:
                return discovery.group_info(self._kinds, group)
            case ["apis", group, version]:
                return discovery.resources(self._kinds, group, version)
        raise NothingServedError

    async def _resource(self, request: Request, send: Send, route: Route) -> None:
        resource = self._kinds.find(route.group, route.version, route.resource)
        namespace = route.namespace if resource.namespaced else ""
        if len(request.path.strip("/").split("/")) > routes.longest(route):
            raise no_such_path()
        if route.namespace and not resource.namespaced and resource.plural != "namespaces":
            raise no_such_path()
        if route.object_name and resource.namespaced and not namespace:
            raise no_such_path()
        if route.subresource and route.subresource not in resource.subresources:
            raise no_such_path()
        if route.name == routes.OTHERWISE:  # nothing is done that the table does not have
            raise method_not_allowed()
        if "Review" in resource.kind:
            await self._review(request, send, resource, namespace)
        elif not route.object_name:
            await self._collection(request, send, resource, namespace)
        elif not route.subresource:
            await self._object(request, send, resource, namespace, route.object_name)
        else:
            await self._subresource(request, send, resource, namespace, route.object_name, route.subresource)

    async def _review(self, request: Request, send: Send, resource: Resource, namespace: str) -> None:
        if request.method != "POST":
            raise method_not_allowed()
        body, _ = await self._writes.body(request, resource)
        answer = self._reviews.answer(resource, namespace, body, request.user, request.manager)
        await respond_json(send, answer, 201)

    async def _collection(self, request: Request, send: Send, resource: Resource, namespace: str) -> None:
        everywhere = resource.namespaced and not namespace
        match request.method:
            case "GET" if request.flag("watch"):
                await self._reads.watch(request, send, resource, namespace)
            case "GET":
                await self._reads.list(request, send, resource, namespace)
            case "POST" if not everywhere:
                await self._writes.create(request, send, resource, namespace)
            case "DELETE" if not everywhere and "deletecollection" in resource.verbs:
                await self._writes.delete_all(request, send, resource, namespace)
            case _:
                raise method_not_allowed()

    async def _object(self, request: Request, send: Send, resource: Resource, namespace: str, name: str) -> None:
        match request.method:
            case "GET":
                await self._reads.get(request, send, resource, namespace, name)
            case "DELETE":
                await self._writes.delete(request, send, resource, namespace, name)
            case "PUT" | "PATCH":
                await self._writes.change(request, send, resource, namespace, name, "")
            case _:
                raise method_not_allowed()

    async def _subresource(
        self, request: Request, send: Send, resource: Resource, namespace: str, name: str, sub: str
    ) -> None:
        if request.method not in discovery.methods_of(resource, sub):
            raise method_not_allowed()
        obj = self._objects.get(resource, namespace, name)
        match sub, request.method:
            case "status" | "scale", "GET":
                await self._reads.show(request, send, resource, scale_of(obj) if sub == "scale" else obj)
            case "status", _:
                await self._writes.change(request, send, resource, namespace, name, "status")
            case "scale", _:
                await self._writes.scale(request, send, resource, obj)
            case "binding", _:
                await self._writes.bind(request, send, resource, obj)
            case "token", _:
                await self._token(request, send, obj)
            case "log", _:
                await send_log(request, send, self._objects, obj, self._kubelet_tls)
            case "finalize", _:
                await self._writes.finalize(request, send, resource, name)

    async def _token(self, request: Request, send: Send, account: dict[str, object]) -> None:
        options.check_write(request)
        asked, _ = await self._writes.body(request, TOKEN_REQUEST)
        await respond_json(send, self._tokens.request(account, asked, request.manager), 201)


def _claimed(send: Send, route: Route) -> Send:
    """Refuse to answer with a status that the table of routes does not have for this one."""

    async def checked_send(message: Message) -> None:
        status = message.get("status")
        if status is not None and status not in routes.allowed(route):
            raise RuntimeError(f"{route.name} answers {status}: that is not in its table, though it may be done")
        await send(message)

    return checked_send
