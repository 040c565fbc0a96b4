"""A port that leads to another one, over which the network's troubles are made: cut connections, swallowed packets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Relay:
    """Forwards what comes to 127.0.0.1:`port`; leads_to may be changed, as when an address moves to another server."""

    def __init__(self, server: socket.socket, leads_to: tuple[str, int]) -> None:
        self._server = server
        self._open: set[socket.socket] = set()
        self._swallowing = threading.Event()
        self.leads_to = leads_to
        self.port = int(server.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """End every connection at both of its ends; new ones are forwarded."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def swallow(self) -> None:
        """Let nothing through from now on, and tell nobody, as a firewall that drops packets."""
        self._swallowing.set()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.leads_to, timeout=10)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self._open |= {near, far}
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self._swallowing.is_set():
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        self._open.discard(source)


@contextmanager
def relay(host: str, port: int) -> Iterator[Relay]:
    """A relay to a port, for as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        opened = Relay(server, (host, port))
        yield opened
        opened.cut()
