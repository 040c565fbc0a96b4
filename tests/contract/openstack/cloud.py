"""One project of one cloud, asked over plain HTTP, so that every answer is seen as the service gave it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from keystoneauth1.session import Session
from openstack.connection import Connection
from requests import Response
from requests import Session as Requests

from sandbox.openstack.service import ELSEWHERE
from tests.contract import claims
from tests.contract.evidence import Evidence
from tests.contract.transcript import Transcript

T = TypeVar("T")

TYPES = {  # service -> its type in the catalog
    "keystone": "identity",
    "magnum": "container-infra",
    "neutron": "network",
    "nova": "compute",
    "glance": "image",
}
_TOLD_HEADERS = ("openstack-api-version", "openstack-api-minimum-version", "openstack-api-maximum-version")
_TOLD_HEADERS += ("www-authenticate",)
_PARAMETER = re.compile(r"\\\{[a-z_]+\\\}")


def _pattern(path: str) -> str:
    return _PARAMETER.sub("[^/]+", re.escape(path))


_HEADS = {service.name: service.heads for service in claims.OPENSTACK}
_ROUTES = {
    service.name: [(method, path, re.compile(_pattern(path))) for method, path, *_ in service.routes]
    for service in claims.OPENSTACK
}


def route_of(service: str, method: str, path: str) -> str:
    """The route of the sandbox's table that a request takes."""
    if method == "HEAD" and any(re.fullmatch(_pattern(head), path) for head in _HEADS[service]):
        method = "GET"
    for known, route, pattern in _ROUTES[service]:
        if known == method and pattern.fullmatch(path):
            return f"{method} {route}"
    return ELSEWHERE


@dataclass
class Answer:
    """What a service answered."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class Project:
    """One project as one of its users sees it; every answer counts as evidence.

    Args:
        roots: service -> the address that paths like /v2.0/ports follow.
    """

    side: str
    connection: Connection
    evidence: Evidence
    roots: dict[str, str] = field(init=False)
    # One for all requests: making one takes longer than most answers. No connection is used twice, as servers end them.
    _http: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0)), repr=False
    )

    def __post_init__(self) -> None:
        self.roots = {service: self._root(kind) for service, kind in TYPES.items()}

    def _root(self, kind: str) -> str:
        """The endpoint without the version: `…/v1`, `…/v2.1`, `…/v3` belong to the paths."""
        endpoint = str(self.connection.session.get_endpoint(service_type=kind, interface="public"))
        return re.sub(r"/v[0-9.]+/?$", "", endpoint.rstrip("/"))

    @property
    def token(self) -> str:
        return str(self.connection.session.get_token())

    @property
    def project_id(self) -> str:
        return str(self.connection.current_project_id)

    def call(
        self,
        service: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """One request; with the project's token unless another (or an empty one) is given.

        A token of the project's own that has ended, as tests end tokens, is renewed as by every client.

        Args:
            body: sent as JSON; bytes as they are.
        """
        sent = {"X-Auth-Token": self.token if token is None else token, **(headers or {})}
        sent = {name: value for name, value in sent.items() if value}
        url = self.roots[service] + path
        payload: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        reply = self._http.request(method, url, params=query, headers=sent, **payload)
        if reply.status_code == 401 and token is None:
            self.connection.session.invalidate()
            sent["X-Auth-Token"] = self.token
            reply = self._http.request(method, url, params=query, headers=sent, **payload)
        self.evidence.add(self.side, service, route_of(service, method, path), reply.status_code)
        is_json = "json" in reply.headers.get("content-type", "") and bool(reply.content)
        return Answer(reply.status_code, reply.json() if is_json else reply.text, reply.headers)

    def watched(self) -> Session:
        """A session for the real clients; what services answer them counts as evidence too."""
        requests = Requests()
        requests.hooks["response"].append(self._see)
        session = self.connection.session
        return Session(auth=session.auth, verify=session.verify, session=requests)

    def _see(self, reply: Response, *_: Any, **__: Any) -> None:
        for service, root in self.roots.items():
            path = str(reply.request.path_url).partition("?")[0]
            prefix = httpx.URL(root).path.rstrip("/")
            if str(reply.request.url).startswith(root) and path.startswith(prefix):
                route = route_of(service, str(reply.request.method), path.removeprefix(prefix))
                self.evidence.add(self.side, service, route, reply.status_code)


def poll(look: Callable[[], T | None], what: str, limit_s: float = 60) -> T:
    """The first thing that `look` finds.

    Raises:
        TimeoutError: nothing until the deadline.
    """
    give_up_s = time.monotonic() + limit_s
    while (found := look()) is None:
        if time.monotonic() > give_up_s:
            raise TimeoutError(f"{what}: not within {limit_s} s")
        time.sleep(0.1)
    return found


@dataclass
class Told:
    """A project whose answers are written into the test's transcript."""

    project: Project
    transcript: Transcript

    def call(
        self,
        service: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        of: Project | None = None,
        comparable: Callable[[Any], Any] = lambda body: body,
        **options: Any,
    ) -> Answer:
        """One request, and all of its answer that two services can be compared by.

        Args:
            of: the project that asks, if it is not the usual one.
            comparable: the body without what is the choice of whoever runs this cloud.
        """
        answer = (of or self.project).call(service, method, path, body, **options)
        query = "".join(f" {key}={value}" for key, value in (options.get("query") or {}).items())
        sent = {} if body is None else {"sent": body.decode() if isinstance(body, bytes) else body}
        self.tell(service, f"{method} {path}{query}", answer, comparable, **sent)
        return answer

    def tell(
        self,
        service: str,
        request: str,
        answer: Answer,
        comparable: Callable[[Any], Any] = lambda body: body,
        **sent: Any,
    ) -> None:
        """Write an answer into the transcript that was given already."""
        shown = {name: value for name in _TOLD_HEADERS if (value := answer.headers.get(name))}
        told = {"status": answer.status, "body": comparable(answer.body), **({"headers": shown} if shown else {})}
        self.transcript.add(service, request, **sent, **told)
