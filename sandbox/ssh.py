"""The masters as machines that one logs in to: a real ssh server each, real commands in a throw-away home."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
from collections.abc import Awaitable, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import asyncssh
from asyncssh.forward import SSHForwarder

from sandbox import processes, tools
from sandbox.addresses import API_PORT, SSH_PORT
from sandbox.cloud import Cloud
from sandbox.sftp import Files
from sandbox.store import Resource

USER = "core"
_CHUNK = 1 << 16
SERVER_MARK = "MAGNUMHUB_SANDBOX_SERVER"

# What OpenSSH's sshd does by default, and the variables that distributions let in.
_SESSIONS_MAX = 10
_AUTH_TRIES_MAX = 6
_ACCEPTED_ENV = ("LANG", "LC_*")
_HOST_KEYS = ("ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519")
_CURVES = ("nistp256", "nistp384", "nistp521")
_SIGNATURES = ["ssh-ed25519", *(f"ecdsa-sha2-{curve}" for curve in _CURVES), "rsa-sha2-512", "rsa-sha2-256"]
_KEY_EXCHANGES = [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    *(f"ecdh-sha2-{curve}" for curve in _CURVES),
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
]


class Machine:
    """One master.

    Args:
        server: the Nova server: its address, its keypair's public key.
        kubeconfig: an administrator's, for the programs on this machine.
    """

    def __init__(self, cloud: Cloud, server: Resource, kubeconfig: str) -> None:
        self._cloud = cloud
        self._id = server["id"]
        self.address = server["address"]
        self.folder = cloud.state_dir / "servers" / server["id"]
        self.home = self.folder / "home"
        self.key = asyncssh.import_public_key(server["public_key"])
        self._host_keys = _host_keys()
        self._starting: asyncio.Task[asyncssh.SSHAcceptor] | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()
        for folder in (self.home / "bin", self.home / "tmp", self.folder / "etc/kubernetes"):
            folder.mkdir(parents=True)
        self._admin_conf = self.folder / "etc/kubernetes/admin.conf"
        self._admin_conf.touch(0o600)
        self._admin_conf.write_text(kubeconfig)

    async def start(self) -> None:
        """Listen for ssh on the machine's own address."""
        starting = asyncssh.create_server(
            lambda: _Login(self),
            self.address,
            SSH_PORT,
            server_host_keys=self._host_keys,
            kex_algs=_KEY_EXCHANGES,
            signature_algs=_SIGNATURES,
            encoding=None,
            agent_forwarding=False,
            reuse_address=True,
        )
        # Cancelled half-way it would leave a listener behind that nobody can close.
        self._starting = asyncio.ensure_future(starting)
        await asyncio.shield(self._starting)

    async def stop(self) -> None:
        """The machine is switched off: connections are cut, what ran on it ends."""
        if self._starting is not None:
            (await self._starting).close()
        for connection in list(self._connections):
            connection.abort()
        await asyncio.to_thread(processes.end_marked, SERVER_MARK, self._id)

    def admits(self, peer: str) -> bool:
        """Machines on the internal network answer their neighbours only; the provider network is reached by all."""
        plan = self._cloud.addresses
        return plan.inside(peer) or ipaddress.ip_address(self.address) in ipaddress.ip_network(plan.provider)

    def joined(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.add(connection)

    def left(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.discard(connection)

    def logged_in(self) -> None:
        self._cloud.ledger.ssh_connections += 1

    @property
    def environment(self) -> dict[str, str]:
        path = [str(self.home / "bin"), str(tools.executable("kubectl").parent), "/usr/local/bin:/usr/bin:/bin"]
        return {
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "USER": USER,
            "LOGNAME": USER,
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            "PATH": ":".join(path),
            "KUBECONFIG": str(self._admin_conf),
            processes.MARK: self._cloud.sandbox_id,
            SERVER_MARK: self._id,
        }

    async def run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run a session's command, or a shell, as sshd does: it goes on when the session is gone, without its pipes."""
        arguments = ["-c", process.command] if process.command else ["-s"]
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            *arguments,
            cwd=self.home,
            env=self.environment | _of_session(process),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        feeding = asyncio.create_task(_copy(process.stdin, child.stdin, close=True))
        # As sshd: the session ends when the command has and its output is closed.
        reading = asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
        gone = asyncio.create_task(process.wait_closed())
        await asyncio.wait([reading, gone], return_when=asyncio.FIRST_COMPLETED)
        for stream in (child.stdout, child.stderr):
            # asyncio has no other way to let go of a pipe while its process runs.
            stream._transport.close()  # type: ignore[union-attr]
        exit_code = await child.wait()
        for task in (feeding, reading, gone):
            task.cancel()
        if exit_code < 0:
            process.exit_with_signal(signal.Signals(-exit_code).name.removeprefix("SIG"), lang="")
        else:
            process.exit(exit_code)


def _host_keys() -> list[asyncssh.SSHKeyPair]:
    pairs = list(asyncssh.load_keypairs([asyncssh.generate_private_key(kind) for kind in _HOST_KEYS]))
    for pair in pairs:
        pair.host_key_algorithms = [name for name in pair.host_key_algorithms if name.decode() in _SIGNATURES]
    return pairs


def _of_session(process: asyncssh.SSHServerProcess[bytes]) -> Mapping[str, str]:
    """The variables that tell of the connection, and those of the client's that are let in."""
    peer, own = process.get_extra_info("peername")[:2], process.get_extra_info("sockname")[:2]
    sent = {name: value for name, value in process.env.items() if any(fnmatchcase(name, p) for p in _ACCEPTED_ENV)}
    return {
        **sent,
        "SSH_CLIENT": f"{peer[0]} {peer[1]} {own[1]}",
        "SSH_CONNECTION": f"{peer[0]} {peer[1]} {own[0]} {own[1]}",
    }


async def _copy(reader: Any, writer: Any, *, close: bool = False) -> None:
    """From one end to the other until either is gone."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    if close:
        writer.close()


class _Session(asyncssh.SSHServerProcess[bytes]):
    """One command, shell or sftp of a connection; counts as one of its sessions until it is closed."""

    def __init__(self, login: _Login, machine: Machine) -> None:
        super().__init__(machine.run, partial(Files, home=machine.home, root=machine.folder), 3, False)
        self._login = login

    def connection_lost(self, exc: Exception | None) -> None:
        self._login.sessions.discard(self)
        super().connection_lost(exc)


class _Login(asyncssh.SSHServer):
    """Who may log in, and where a login may connect to from this machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._connection: asyncssh.SSHServerConnection
        self._refused = 0
        self.sessions: set[_Session] = set()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._machine.joined(conn)
        if not self._machine.admits(conn.get_extra_info("peername")[0]):
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._machine.left(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        # Asked for after each refusal. paramiko requests the service again with its next key, which OpenSSH allows.
        self._connection._next_service = b"ssh-userauth"
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        if username == USER and key.public_data == self._machine.key.public_data:
            return True
        self._refused += 1
        if self._refused >= _AUTH_TRIES_MAX:
            self._connection.disconnect(asyncssh.DISC_PROTOCOL_ERROR, "Too many authentication failures")
        return False

    def auth_completed(self) -> None:
        self._machine.logged_in()

    def session_requested(self) -> _Session:
        if len(self.sessions) >= _SESSIONS_MAX:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "open failed")
        session = _Session(self, self._machine)
        self.sessions.add(session)
        return session

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Awaitable[SSHForwarder]:
        return self._forward(dest_host, dest_port)

    async def _forward(self, host: str, port: int) -> SSHForwarder:
        if host in ("127.0.0.1", "localhost") and port == API_PORT:
            host = self._machine.address  # every machine here shares one 127.0.0.1: its own API is meant
        try:
            _, peer = await asyncio.get_running_loop().create_connection(
                SSHForwarder, host, port, local_addr=(self._machine.address, 0)
            )
        except OSError as error:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, _reason(error)) from error
        return SSHForwarder(peer)


def _reason(error: OSError) -> str:
    """As sshd tells it."""
    return str(error.strerror) if isinstance(error, socket.gaierror) else os.strerror(error.errno)
