"""Sockets of the API: TLS on several addresses, the client's certificate handed to the app, unwanted peers reset."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
import struct
from collections.abc import Callable

import uvicorn
from uvicorn.server import ServerState

from sandbox.faults import HttpProtocol
from sandbox.kube.web import ASGIApp

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class _Protocol(HttpProtocol):
    """Uvicorn's protocol, which by itself does not tell the app who the TLS peer is."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        tls = transport.get_extra_info("ssl_object")
        shown = tls.getpeercert(binary_form=True) if tls else None
        digest = hashlib.sha256(shown or b"").hexdigest()
        certificate = transport.get_extra_info("peercert")
        self.app_state = {**self.app_state, "certificate": certificate, "certificate_digest": digest}
        super().connection_made(transport)


class Listener:
    """Serves one app on any number of addresses."""

    def __init__(self, app: ASGIApp, context: ssl.SSLContext) -> None:
        # Clients keep connections for long and take a closed one for a lost answer; so they are kept here too.
        self._config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=3600,
        )
        self._config.load()
        self._context = context
        self._states: dict[str, ServerState] = {}
        self._accepting: dict[str, asyncio.Task[None]] = {}

    async def listen(self, host: str, port: int, admit: Callable[[str], bool]) -> int:
        """Listen on an address; peers that `admit` refuses are reset. Returns the port (a free one for port 0)."""
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, port))
        server.listen(256)
        server.setblocking(False)
        self._states[host] = ServerState()
        self._accepting[host] = asyncio.create_task(self._accept(server, admit, self._states[host]))
        return server.getsockname()[1]

    async def unlisten(self, host: str) -> None:
        """Close the address and what is connected to it."""
        task, state = self._accepting.pop(host, None), self._states.pop(host, None)
        if task is None or state is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for connection in list(state.connections):
            connection.transport.close()

    async def close(self) -> None:
        """Close all addresses."""
        for host in list(self._accepting):
            await self.unlisten(host)

    async def _accept(self, server: socket.socket, admit: Callable[[str], bool], state: ServerState) -> None:
        loop = asyncio.get_running_loop()
        handshakes: set[asyncio.Task[None]] = set()
        with server:
            while True:
                client, peer = await loop.sock_accept(server)
                if not admit(peer[0]):
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                    client.close()
                    continue
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                handshake = asyncio.create_task(self._shake_hands(client, state))
                handshakes.add(handshake)
                handshake.add_done_callback(handshakes.discard)

    async def _shake_hands(self, client: socket.socket, state: ServerState) -> None:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            return _Protocol(config=self._config, server_state=state, app_state={}, _loop=loop)

        with contextlib.suppress(OSError, ssl.SSLError):
            await loop.connect_accepted_socket(
                protocol, client, ssl=self._context, ssl_handshake_timeout=20, ssl_shutdown_timeout=1
            )
