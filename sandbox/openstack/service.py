"""What the OpenStack services share: a table of routes, tokens, JSON in and out, errors in each one's own words."""

from __future__ import annotations

import inspect
import json
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.cloud import Cloud
from sandbox.faults import FaultMiddleware
from sandbox.ledger import LedgerMiddleware
from sandbox.store import AmbiguousError, NotFoundError, Resource


class ApiError(Exception):
    """A service's refusal.

    Args:
        kind: the exception's name where the service tells it (Neutron), else empty.
    """

    def __init__(self, status: int, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind


@dataclass
class Call:
    """One authenticated request."""

    cloud: Cloud
    request: Request
    token: Resource | None
    body: Any

    @property
    def project_id(self) -> str:
        return str(self.request_token["project_id"])

    @property
    def request_token(self) -> Resource:
        if self.token is None:
            raise ApiError(401, "The request you have made requires authentication.")
        return self.token

    @property
    def path(self) -> dict[str, str]:
        return self.request.path_params

    @property
    def asked_path(self) -> str:
        """The path below the service's own prefix."""
        return _path(self.request)

    @property
    def query(self) -> list[tuple[str, str]]:
        return self.request.query_params.multi_items()

    def wanted(self, key: str) -> dict[str, Any]:
        """The object that the body carries under the resource's name."""
        if not isinstance(self.body, dict) or not isinstance(self.body.get(key), dict):
            raise ApiError(400, f"Unable to find '{key}' in request body", "HTTPBadRequest")
        return dict(self.body[key])


Answer = Response | dict[str, Any] | tuple[int, dict[str, Any] | None]
Handler = Callable[[Call], Answer | Awaitable[Answer]]
Render = Callable[[ApiError], Any]
Elsewhere = Callable[[Call, int], Answer]
"""What is answered to a path (404) or a method of a known path (405) that the table has not."""
ELSEWHERE = "* elsewhere"
"""How such a request is called where the table's routes have their own names."""
Routes = Sequence[tuple[str, str, Handler, Sequence[int]]]
"""(method, path, handler, statuses it may answer besides 401); what is deleted or has no body answers (204, None).

The statuses are a claim that is held against the real service: tests/contract. Any other is an error of the sandbox.
"""


@dataclass(frozen=True)
class Service:
    """One OpenStack service.

    Args:
        name: as in the ledger and in faults.
        prefix: the path it is mounted at, without slash.
        public: paths that need no token.
        not_found: kind of resource -> (the words for "no such {}", the exception's name where the service tells it).
        headers: added to every answer.
        malformed: the words for a body that is no JSON; a {} in them is that body.
        unauthorized_page: what is answered to a request without a good token, where it is HTML and not JSON.
        heads: paths whose GET is a HEAD too; elsewhere HEAD is a method like any other.
        guarded: what begins like this is not even looked for without a good token, unless it is public.
        elsewhere: what is answered where the table has nothing, and with which statuses.
    """

    name: str
    prefix: str
    routes: Routes
    render: Render
    public: frozenset[str] = frozenset()
    not_found: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    headers: Callable[[Request], dict[str, str]] = lambda request: {}
    malformed: str = "Malformed request body"
    unauthorized_page: str = ""
    heads: frozenset[str] = frozenset()
    guarded: tuple[str, ...] = ("/",)
    elsewhere: tuple[Elsewhere, tuple[int, ...]] = (lambda call, status: _nothing_there(status), (404, 405))


def application(cloud: Cloud, service: Service) -> ASGIApp:
    """The service as an ASGI application with its faults and its mutations counted."""
    by_path: dict[str, dict[str, tuple[Handler, Sequence[int]]]] = {}
    for method, path, handler, statuses in service.routes:
        by_path.setdefault(path, {})[method] = (handler, statuses)
    routes = [
        _route(service, path, _endpoint(cloud, service, handlers), list(handlers)) for path, handlers in by_path.items()
    ]
    elsewhere = _elsewhere(cloud, service)
    app: ASGIApp = Starlette(routes=routes, exception_handlers={404: elsewhere, 405: elsewhere})
    app = LedgerMiddleware(app, service.name, cloud.ledger)
    return FaultMiddleware(
        app,
        service.name,
        cloud.faults,
        lambda status, text: service.render(ApiError(status, text, "ServiceUnavailable")),
    )


def answers(service: Service) -> Iterator[tuple[str, int]]:
    """(route, status): all that a service can answer; a route is written `GET /v2.0/ports/{id}`."""
    for method, path, _, statuses in service.routes:
        for status in (*statuses, *_refused_at(service, path)):
            yield f"{method} {path}", status
    for status in (*service.elsewhere[1], *((401,) if service.guarded else ())):
        yield ELSEWHERE, status


def _refused_at(service: Service, path: str) -> tuple[int, ...]:
    return () if path in service.public else (401,)


def _route(
    service: Service, path: str, endpoint: Callable[[Request], Awaitable[Response]], methods: list[str]
) -> Route:
    route = Route(path, endpoint, methods=methods)
    if route.methods and path not in service.heads:
        route.methods.discard("HEAD")  # Starlette adds it to every GET
    return route


def _elsewhere(cloud: Cloud, service: Service) -> Callable[[Request, Exception], Response]:
    """What is answered where the table has nothing."""

    def answer(request: Request, error: Exception) -> Response:
        path = _path(request)
        token = authenticate(cloud, request)
        if token is None and path.startswith(service.guarded) and path not in service.public:
            return _unauthorized(cloud, service)
        status: int = error.status_code  # type: ignore[attr-defined]
        try:
            return _response(service.elsewhere[0](Call(cloud, request, token, None), status))
        except ApiError as refusal:
            return JSONResponse(service.render(refusal), refusal.status)

    return answer


def _nothing_there(status: int) -> Answer:
    raise ApiError(status, "The resource could not be found." if status == 404 else "Method Not Allowed")


def _path(request: Request) -> str:
    return str(request.scope["path"]).removeprefix(request.scope.get("root_path", ""))


def _endpoint(
    cloud: Cloud, service: Service, handlers: dict[str, tuple[Handler, Sequence[int]]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        path = _path(request)
        handler, statuses = handlers["GET" if request.method == "HEAD" else request.method]
        is_worded = True
        try:
            token = authenticate(cloud, request)
            if token is None and path not in service.public:
                return _unauthorized(cloud, service)
            if token is not None:
                request.scope["state"]["user"] = {"name": token["user_name"], "groups": []}
            answer = handler(Call(cloud, request, token, await _body(request, service)))
            response = _response(await answer if inspect.isawaitable(answer) else answer)
        except (ApiError, NotFoundError, AmbiguousError) as error:
            refusal = _as_api_error(service, error)
            headers = _challenge(cloud) if refusal.status == 401 else None
            response = JSONResponse(service.render(refusal), refusal.status, headers)
            is_worded = bool(refusal.message)
        except Exception:
            traceback.print_exc()
            response = JSONResponse(service.render(ApiError(500, traceback.format_exc())), 500)
        if response.status_code not in (*statuses, *_refused_at(service, path)):
            why = f"{service.name}: {request.method} {path} answers {response.status_code}: not in its table"
            response = JSONResponse(service.render(ApiError(500, why)), 500)
        if is_worded:  # a refusal without words is that of the framework below, which knows no such headers
            response.headers.update(service.headers(request))
        return response

    return endpoint


def authenticate(cloud: Cloud, request: Request) -> Resource | None:
    """The token that the request carries, if it is still good."""
    try:
        token = cloud.store.get("token", request.headers.get("x-auth-token", ""))
    except NotFoundError:
        return None
    return token if is_accepted(cloud, token) else None


def is_accepted(cloud: Cloud, token: Resource) -> bool:
    """Whether a token is neither revoked nor too old."""
    accepted_s = cloud.faults.settings.get("token_accepted_s", token["lifetime_s"])
    return not token.get("revoked") and time.monotonic() - token["issued_monotonic_s"] < accepted_s


def _unauthorized(cloud: Cloud, service: Service) -> Response:
    if service.unauthorized_page:
        return HTMLResponse(service.unauthorized_page, 401, _challenge(cloud))
    message = "The request you have made requires authentication."
    return JSONResponse({"error": {"code": 401, "title": "Unauthorized", "message": message}}, 401, _challenge(cloud))


def _challenge(cloud: Cloud) -> dict[str, str]:
    return {"WWW-Authenticate": f'Keystone uri="{cloud.url("identity/v3")}"'}


async def _body(request: Request, service: Service) -> Any:
    content = await request.body()
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError as error:
        raise ApiError(400, service.malformed.format(content.decode(errors="replace")), "HTTPBadRequest") from error


def _response(answer: Answer) -> Response:
    if isinstance(answer, Response):
        return answer
    status, body = answer if isinstance(answer, tuple) else (200, answer)
    return Response(status_code=status) if body is None else JSONResponse(body, status)


def _as_api_error(service: Service, error: ApiError | NotFoundError | AmbiguousError) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, AmbiguousError):
        return ApiError(409, f"Multiple {error.kind}s exist with same name. Please use the {error.kind} uuid instead.")
    words, kind = service.not_found.get(error.kind, ("{} could not be found.", "NotFound"))
    return ApiError(404, words.format(error.ident), kind)


def page(resources: list[Resource], query: list[tuple[str, str]]) -> list[Resource]:
    """The part of a list that `marker` and `limit` ask for."""
    options = dict(query)
    if marker := options.get("marker"):
        ids = [resource["id"] for resource in resources]
        resources = resources[ids.index(marker) + 1 :] if marker in ids else []
    return resources[: int(options["limit"])] if "limit" in options else resources
