"""One Kubernetes API asked over plain HTTP, so that every answer is seen as the server gave it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from sandbox.kube.routes import of_kind, route_of
from tests.contract.evidence import Evidence
from tests.contract.kubernetes.comparable import comparable
from tests.contract.transcript import Transcript
from tests.support.kube_api import KubeAccess, admin

SERVICE = "kubernetes"
TYPES = {
    "apply": "application/apply-patch+yaml",
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


@dataclass
class Answer:
    """What the API answered."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class Api:
    """An API as one of its users sees it; every answer counts as evidence."""

    side: str
    access: KubeAccess
    evidence: Evidence
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = admin(self.access)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        patch: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        http: httpx.Client | None = None,
    ) -> Answer:
        """One request; a query is part of the path. `patch` is a key of TYPES, `raw` a body that is not JSON's."""
        content = raw if body is None else json.dumps(body).encode()
        sent = {"Content-Type": TYPES[patch] if patch else "application/json", "User-Agent": "contract/1"}
        sent = {**(sent if content is not None else {"User-Agent": "contract/1"}), **(headers or {})}
        reply = (http or self.http).request(method, path, content=content, headers=sent)
        self.see(reply)
        body = reply.json() if reply.text.startswith("{") else reply.text
        return Answer(reply.status_code, body, reply.headers)

    def see(self, reply: httpx.Response) -> None:
        """Take note of an answer."""
        sent = reply.request
        route = route_of(sent.method, sent.url.path, dict(sent.url.params), sent.headers.get("content-type", ""))
        self.evidence.add(self.side, SERVICE, route.name, reply.status_code)
        if route.resource and not route.subresource:
            self.evidence.add(self.side, SERVICE, of_kind(route.verb, route.group, route.resource), reply.status_code)


@dataclass
class Told:
    """An API whose answers are written into the test's transcript."""

    api: Api
    transcript: Transcript
    namespace: str

    def call(self, method: str, path: str, body: Any = None, *, leave: tuple[str, ...] = (), **options: Any) -> Answer:
        """One request, and its answer without the fields named in `leave`."""
        answer = self.api.call(method, path, body, **options)
        shown = answer.body
        if isinstance(shown, dict):
            shown = {key: value for key, value in shown.items() if key not in leave}
        how = {key: str(value) for key, value in options.items() if key in ("patch", "headers", "raw") and value}
        sent = {} if body is None else {"sent": body}
        self.tell(f"{method} {path}", **how, **sent, status=answer.status, body=shown)
        return answer

    def tell(self, request: str, **answer: Any) -> None:
        """Write an exchange into the transcript."""
        told = comparable({"request": request, **answer}, self.namespace)
        self.transcript.add(SERVICE, told.pop("request"), **told)
