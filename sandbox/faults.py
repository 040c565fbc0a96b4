"""Faults on request: one table that every service asks, for requests and for what it does in the background.

A fault names a service, a method and a path by regular expressions, how often it strikes and what then happens.
Background work asks with the method ASYNC, and the firewall before the floating IPs with the method TCP, so there is
one mechanism.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Action = Literal["status", "delay", "hang", "drop", "drop-after-commit", "stale"]
ACTIONS = ("status", "delay", "hang", "drop", "drop-after-commit", "stale")


@dataclass
class Fault:
    """What goes wrong, where and how often.

    Args:
        service: keystone, magnum, neutron, nova, glance, octavia, cinder, kubernetes or firewall; a regular expression.
        method: regular expression; ASYNC is what a service does after it has answered, TCP a new connection.
        path: regular expression, searched for in the path without the service's own prefix.
        times: how often it strikes; None = always.
        after: how many calls are let through first.
        status: the answer of action "status".
        delay_s: how long action "delay" takes, in real seconds.
        message: the service's own words.
    """

    service: str
    method: str = ""
    path: str = ""
    action: Action = "status"
    times: int | None = None
    after: int = 0
    status: int = 503
    delay_s: float = 5.0
    message: str = "The service is unavailable."
    _remembered: dict[str, list[Message]] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> Fault:
        known = {f.name for f in fields(cls) if not f.name.startswith("_")}
        if unknown := set(raw) - known:
            raise ValueError(f"unknown fields {sorted(unknown)}; a fault has {sorted(known)}")
        fault = cls(**raw)
        if fault.action not in ACTIONS:
            raise ValueError(f"unknown action {fault.action!r}; there are {', '.join(ACTIONS)}")
        return fault

    def concerns(self, service: str, method: str, path: str) -> bool:
        return bool(
            re.fullmatch(self.service, service) and re.match(self.method, method) and re.search(self.path, path)
        )


class BackgroundFailureError(Exception):
    """A fault made the service's background work fail; the message becomes the reason that the service gives."""


class Faults:
    """What is wrong at the moment: faults, and settings that differ from the cloud's usual ones."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self.settings: dict[str, Any] = {}
        self.on_change: Callable[[], None] = lambda: None

    def add(self, faults: list[dict[str, Any]], settings: dict[str, Any] | None = None) -> None:
        self._faults += [Fault.parse(raw) for raw in faults]
        self.settings |= settings or {}
        self.on_change()

    def clear(self) -> None:
        self._faults.clear()
        self.settings.clear()
        self.on_change()

    def strike(self, service: str, method: str, path: str) -> Fault | None:
        """The fault that this call meets, counted; None when all is well."""
        for fault in self._faults:
            if fault.times == 0 or not fault.concerns(service, method, path):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None

    def blocks(self, address: str, port: int) -> bool:
        """Whether the firewall lets nothing through to this port. Not counted: it is a state, not a call."""
        return any(fault.concerns("firewall", "TCP", f"/{address}/{port}") for fault in self._faults)

    async def in_background(self, service: str, path: str) -> None:
        """Ask before finishing background work: returns, late or never, or raises BackgroundFailureError."""
        fault = self.strike(service, "ASYNC", path)
        if fault is None:
            return
        if fault.action == "delay":
            await asyncio.sleep(fault.delay_s)
        elif fault.action == "hang":
            await asyncio.Event().wait()
        else:
            raise BackgroundFailureError(fault.message)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, handing the connection to the application so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class FaultMiddleware:
    """Lets requests of one service meet their faults.

    Args:
        render: makes the body of an error as this service words it, from status and message.
    """

    def __init__(self, app: ASGIApp, service: str, faults: Faults, render: Callable[[int, str], Any]) -> None:
        self.app = app
        self._service = service
        self._faults = faults
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = None
        if scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            fault = self._faults.strike(self._service, scope["method"], path)
        match fault.action if fault else None:
            case None:
                await self.app(scope, receive, send)
            case "status":
                await _answer(send, fault.status, self._render(fault.status, fault.message))
            case "delay":
                await asyncio.sleep(fault.delay_s)
                await self.app(scope, receive, send)
            case "hang":
                while (await receive())["type"] != "http.disconnect":
                    pass
            case "drop":
                await _cut(scope)
            case "drop-after-commit":
                await self.app(scope, receive, _swallow)
                await _cut(scope)
            case "stale":
                await self._stale(fault, scope, receive, send)

    async def _stale(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """What the first call after the fault was set was answered is served again, whatever has happened since."""
        url = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}"
        if url not in fault._remembered:
            fault._remembered[url] = messages = []

            async def remember(message: Message) -> None:
                messages.append(message)
                await send(message)

            await self.app(scope, receive, remember)
            return
        for message in fault._remembered[url]:
            await send(message)


async def _swallow(message: Message) -> None:
    """Takes an answer that never arrives."""


async def _cut(scope: Scope) -> None:
    scope["state"]["transport"].abort()
    await asyncio.sleep(0)  # so that the server notices before it complains about a missing answer


async def _answer(send: Send, status: int, body: Any) -> None:
    content = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
