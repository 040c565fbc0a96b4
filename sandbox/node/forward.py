"""TCP from one listening address to one of several others, as kube-proxy and a load balancer do it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence

Target = tuple[str, int]
_CHUNK = 1 << 16
_CONNECT_TIMEOUT_S = 10.0


class Forwarder:
    """Forwards each connection to the next of the present targets.

    Without a target it does not listen, so that clients are refused at once as by a real ClusterIP.

    Args:
        host, port: where to listen; port 0 is a free one, see `listens_on`.
        source: the address that forwarded connections come from; the target's neighbour if None.
    """

    def __init__(self, host: str, port: int, source: str | None = None) -> None:
        self.host, self.port = host, port
        self._source = source
        self._targets: Sequence[Target] = ()
        self._turn = itertools.count()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def listens_on(self) -> int | None:
        """The port that it listens on now, if it does."""
        port: int | None = self._server.sockets[0].getsockname()[1] if self._server else None
        return port

    async def aim(self, targets: Sequence[Target]) -> None:
        """Forward new connections to these targets; those that exist stay.

        Raises:
            OSError: the address cannot be listened on.
        """
        self._targets = targets
        if targets and self._server is None:
            self._server = await asyncio.start_server(self._serve, self.host, self.port)
        elif not targets:
            self._stop_listening()

    def close(self) -> None:
        """Stop listening and drop the connections."""
        self._stop_listening()
        for task in self._open:
            task.cancel()

    def _stop_listening(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            await self._relay(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # a peer that resets, or close()
        finally:
            self._open.discard(task)
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        targets = self._targets
        if not targets:
            return
        host, port = targets[next(self._turn) % len(targets)]
        source = (self._source, 0) if self._source else None
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            far_reader, far_writer = await asyncio.open_connection(host, port, local_addr=source)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, far_writer))
                both.create_task(_copy(far_reader, writer))
        except* OSError:
            pass
        finally:
            far_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on until the end, and then the end itself: each direction ends on its own."""
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
