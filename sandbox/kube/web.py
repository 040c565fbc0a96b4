"""HTTP as far as the API needs it, on bare ASGI: a request parsed once, JSON out, Status objects for refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson
import yaml

from sandbox.kube import protobuf
from sandbox.kube.errors import bad_request

Obj = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Request:
    """One request."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        self.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        self.user: Obj = scope.get("state", {}).get("user") or {"name": "system:anonymous", "groups": []}
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

    async def document(self) -> Any:
        """The body as JSON or YAML; None if it is empty."""
        raw = await self.body()
        if not raw:
            return None
        if self.content_type == protobuf.MEDIA_TYPE:
            return protobuf.decode(raw)
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            if "yaml" not in self.content_type:
                raise bad_request(f"error decoding the body: {error}") from error
        try:
            return yaml.safe_load(raw)
        except yaml.YAMLError as error:
            raise bad_request(f"error decoding YAML: {error}") from error


async def respond(
    send: Send, body: bytes, code: int = 200, kind: str = "application/json", headers: Obj | None = None
) -> None:
    """One whole answer."""
    told = {
        "content-type": kind,
        "content-length": str(len(body)),
        "cache-control": "no-cache, private",
        **(headers or {}),
    }
    encoded = [(k.encode(), v.encode()) for k, v in told.items()]
    await send({"type": "http.response.start", "status": code, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def respond_json(send: Send, document: Any, code: int = 200, kind: str = "application/json") -> None:
    """One whole answer in JSON."""
    await respond(send, orjson.dumps(document), code, kind)
