"""HTTP as far as the API needs it, on bare ASGI: a request parsed once, JSON out, Status objects for refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson
import yaml

from sandbox.kube.errors import not_acceptable

Obj = dict[str, Any]
Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
JSON, YAML = "application/json", "application/yaml"
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Request:
    """One request."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        self.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        self.user: Obj = scope.get("state", {}).get("user") or {"name": "", "groups": []}
        self.receive = receive
        self._body: bytes | None = None

    def flag(self, name: str) -> bool:
        """A boolean of the query; clients write true, True and 1."""
        return self.query.get(name, "").lower() in ("true", "1")

    @property
    def accept(self) -> str:
        """The Accept header."""
        return self.headers.get("accept", "")

    @property
    def content_type(self) -> str:
        """The body's media type."""
        return self.headers.get("content-type", "application/json").partition(";")[0].strip()

    def answer_type(self, extra: tuple[str, ...] = ()) -> str:
        """JSON or YAML, as the client takes it; StatusError 406 for one that takes neither."""
        asked = [part.partition(";")[0].strip() for part in self.accept.split(",")] if self.accept else ["*/*"]
        for kind in asked:
            if kind in ("*/*", "application/*", JSON):
                return JSON
            if kind == YAML:
                return YAML
        raise not_acceptable([JSON, YAML, "application/vnd.kubernetes.protobuf", *extra])

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored."""
        return self.query.get("dryRun") == "All"

    @property
    def manager(self) -> str:
        """Who is named as the owner of what this writes: fieldManager, else the program's name."""
        agent = self.headers.get("user-agent", "unknown").partition("/")[0]
        return self.query.get("fieldManager") or agent or "unknown"

    async def body(self) -> bytes:
        """The whole body."""
        if self._body is None:
            parts = []
            while True:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    break
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    break
            self._body = b"".join(parts)
        return self._body


async def respond(
    send: Send, body: bytes, code: int = 200, kind: str = "application/json", headers: Obj | None = None
) -> None:
    """One whole answer."""
    told = {
        **({"content-type": kind} if kind else {}),
        "content-length": str(len(body)),
        "cache-control": "no-cache, private",
        **(headers or {}),
    }
    encoded = [(k.encode(), v.encode()) for k, v in told.items()]
    await send({"type": "http.response.start", "status": code, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def respond_json(
    send: Send, document: Any, code: int = 200, kind: str = JSON, headers: Obj | None = None
) -> None:
    """One whole answer in JSON, or YAML if that is the kind."""
    body = yaml.safe_dump(document).encode() if kind == YAML else orjson.dumps(document)
    await respond(send, body, code, kind, headers)
