"""A port of this machine that leads through a master's ssh connection to its Kubernetes API, and to nothing else."""

from __future__ import annotations

import contextlib
import select
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko

from magnumhub.domain.errors import MagnumhubError
from magnumhub.remote.ssh import SSHShell

_OPEN_S = 15
_BYTES = 65536


@contextmanager
def tunnel(shell: SSHShell, host: str, port: int) -> Iterator[int]:
    """Forward a free port of 127.0.0.1 to host:port as the master sees it.

    A connection that cannot be opened is closed, as a refused one would be; a broken ssh connection is made anew by
    the next one, so a client that tries again gets through.

    Returns:
        The local port, open until the block ends.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            # An error here is the client's to see, as a closed connection.
            with contextlib.suppress(MagnumhubError, paramiko.SSHException, OSError, EOFError):
                channel = shell.transport().open_channel(
                    "direct-tcpip", (host, port), self.client_address, timeout=_OPEN_S
                )
                with contextlib.closing(channel):
                    _pump(self.request, channel)

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="tunnel", daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    # A pump may sit in a watch that nobody ends; leaving the block must not wait for it.
    block_on_close = False
    request_queue_size = 64


def _pump(near: Any, far: Any) -> None:
    """Copy both ways until either side ends."""
    ways = {near: far, far: near}
    while True:
        readable, _, _ = select.select([near, far], [], [])
        for side in readable:
            data = side.recv(_BYTES)
            if not data:
                return
            ways[side].sendall(data)
