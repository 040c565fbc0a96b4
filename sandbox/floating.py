"""The network between a floating IP and what it is associated with.

A floating IP is a loopback address on which somebody listens while it leads somewhere. What must listen where follows
from the resources alone (`wanted`); whenever these change, the listeners are made to agree. A port that the firewall
blocks has a full backlog, so that connecting to it times out as it does in a real cloud.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field

from sandbox.addresses import API_PORT, SSH_PORT
from sandbox.cloud import Cloud
from sandbox.faults import Faults
from sandbox.store import Store

Endpoint = tuple[str, int]
BLOCKED: Endpoint = ("", 0)
_CHUNK = 1 << 16


def wanted(store: Store, faults: Faults) -> dict[Endpoint, Endpoint]:
    """Where each port of each floating IP leads; BLOCKED is to a firewall."""
    ports_of = {server["port_id"]: {SSH_PORT, API_PORT} for server in store.list("server") if "port_id" in server}
    listeners = {listener["id"]: listener["protocol_port"] for listener in store.list("listener")}
    for balancer in store.list("loadbalancer", provisioning_status="ACTIVE"):
        ports_of[balancer["vip_port_id"]] = {listeners[entry["id"]] for entry in balancer["listeners"]}
    leads: dict[Endpoint, Endpoint] = {}
    for floating_ip in store.list("floatingip", lambda ip: ip["port_id"] is not None):
        address = floating_ip["floating_ip_address"]
        for port in ports_of.get(floating_ip["port_id"], ()):
            target = BLOCKED if faults.blocks(address, port) else (floating_ip["fixed_ip_address"], port)
            leads[address, port] = target
    return leads


@dataclass
class _Open:
    """A listening port and the connections through it."""

    target: Endpoint
    sockets: list[socket.socket] = field(default_factory=list)
    server: asyncio.Server | None = None
    clients: set[asyncio.StreamWriter] = field(default_factory=set)

    def close(self) -> None:
        if self.server is not None:
            self.server.close()
        for listening in self.sockets:
            listening.close()
        for client in list(self.clients):
            client.transport.abort()


class DataPlane:
    """Keeps the listeners on floating IPs as `wanted` says."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._open: dict[Endpoint, _Open] = {}
        self._changed = asyncio.Event()
        self._reconciling = asyncio.Lock()
        cloud.store.on_change = self._changed.set
        cloud.faults.on_change = self._changed.set

    async def run(self) -> None:
        """Reconcile after each change, until cancelled."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self.reconcile()
        finally:
            for opened in self._open.values():
                opened.close()

    async def reconcile(self) -> None:
        """Open and close what must be; returns when it is so."""
        async with self._reconciling:
            leads = wanted(self._cloud.store, self._cloud.faults)
            for endpoint, opened in list(self._open.items()):
                if leads.get(endpoint) != opened.target:
                    opened.close()
                    del self._open[endpoint]
            for endpoint, target in leads.items():
                if endpoint not in self._open:
                    self._open[endpoint] = await self._listen(endpoint, target)

    async def _listen(self, endpoint: Endpoint, target: Endpoint) -> _Open:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(endpoint)
        if target == BLOCKED:
            return _Open(target, _filled(listening, endpoint))
        opened = _Open(target)

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            opened.clients.add(writer)
            await self._forward(target, reader, writer)
            opened.clients.discard(writer)

        opened.server = await asyncio.start_server(accept, sock=listening)
        return opened

    async def _forward(self, target: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(
                *target, local_addr=(self._cloud.addresses.router, 0)
            )
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        finally:
            writer.transport.abort()
            inner_writer.transport.abort()


def _filled(listening: socket.socket, endpoint: Endpoint) -> list[socket.socket]:
    """A socket nobody accepts from, its queue filled with connections of our own: all others time out."""
    listening.listen(0)
    sockets = [listening]
    for _ in range(2):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(endpoint)
        sockets.append(filler)
    return sockets


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
