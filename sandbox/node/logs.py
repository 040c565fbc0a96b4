"""The kubelet's endpoint behind `kubectl logs`: GET /containerLogs/NAMESPACE/POD/CONTAINER over HTTPS.

The certificate it shows is the node's own; whoever asks must show one of the cluster's authority.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from sandbox.node.kube_api import KubeConfig
from sandbox.node.status import ContainerRecord

_CHUNK = 1 << 16
_FOLLOW_PERIOD_S = 0.2  # asked only while somebody follows


@dataclass(frozen=True)
class Log:
    """The output of one run of a container.

    Args:
        pod_folder: the pod's scratch folder.
        record: the container's; it tells which run is the present one.
        run: how many runs there were before this one.
    """

    pod_folder: Path
    record: ContainerRecord
    run: int

    @property
    def file(self) -> Path:
        """Where it is, once the run has begun."""
        return self.pod_folder / "logs" / self.record.name / f"{self.run}.log"

    def goes_on(self) -> bool:
        """Whether more may come."""
        return self.record.restart_count == self.run and "running" in self.record.state


Find = Callable[[str, str, str, bool], Log]  # namespace, pod, container, previous; LookupError says what is missing


class LogServer:
    """Serves the logs of the pods of this process."""

    def __init__(self, config: KubeConfig, find: Find) -> None:
        self._find = find
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=config.authority.decode())
        self._tls.verify_mode = ssl.CERT_REQUIRED
        self._tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        config.load_identity(self._tls)

    async def listen(self, host: str) -> int:
        """Listen on a free port of `host`; the port."""
        server = await asyncio.start_server(self._serve, host, 0, ssl=self._tls)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace").split(" ", 2)
            await self._answer(request[1], writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    async def _answer(self, target: str, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        parts = url.path.strip("/").split("/")
        try:
            if len(parts) != 4 or parts[0] != "containerLogs":
                raise LookupError(f"no such path: {url.path}")
            log = self._find(parts[1], parts[2], parts[3], query.get("previous") == "true")
        except LookupError as error:
            text = str(error.args[0]).encode()
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nConnection: close\r\n")
            writer.write(f"Content-Length: {len(text)}\r\n\r\n".encode() + text)
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
        follow = query.get("follow") == "true"
        tail = int(query["tailLines"]) if "tailLines" in query else None
        left = int(query.get("limitBytes", 1 << 62))
        async for data in contents(log, tail, follow):
            data, left = data[:left], left - len(data)
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            await writer.drain()
            if left <= 0:
                break
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def contents(log: Log, tail: int | None, follow: bool) -> AsyncIterator[bytes]:
    """The log from its last `tail` lines on; with `follow`, until the run has ended."""
    with log.file.open("rb") as file:
        if tail is not None:
            file.seek(_offset_of_tail(file.read(), tail))
        while True:
            ending = not (follow and log.goes_on())  # asked before reading, so that the last lines are not lost
            while data := file.read(_CHUNK):
                yield data
            if ending:
                return
            await asyncio.sleep(_FOLLOW_PERIOD_S)


def _offset_of_tail(content: bytes, lines: int) -> int:
    """Where the last `lines` lines begin."""
    position = len(content) - 1 if content.endswith(b"\n") else len(content)
    for _ in range(lines):
        position = content.rfind(b"\n", 0, position)
        if position < 0:
            return 0
    return min(position + 1, len(content)) if lines else len(content)
