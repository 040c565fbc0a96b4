"""A machine with a real ssh server in this process: commands really run, in a home of its own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import asyncssh

from magnumhub.remote.access import SSHTarget


class Machine:
    """One machine; can be cut off, and come back with another host key."""

    def __init__(self, folder: Path, kubeconfig: str = "") -> None:
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.key_path = folder / "key"
        self._user_key = asyncssh.generate_private_key("ssh-ed25519")
        self._user_key.write_private_key(self.key_path)
        self.key_path.chmod(0o600)
        self._admin_conf = folder / "admin.conf"
        self._admin_conf.write_text(kubeconfig)
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.port = 0
        self.logins = 0
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()

    def target(self, **changes: object) -> SSHTarget:
        given = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "core",
            "key_path": str(self.key_path),
            "jump_host": None,
            "server_id": "server-1",
            "name": "hub-master-0",
        }
        return SSHTarget.model_validate(given | changes)

    async def start(self) -> None:
        self._acceptor = await asyncssh.create_server(
            lambda: _Login(self),
            "127.0.0.1",
            self.port,
            server_host_keys=[self.host_key],
            process_factory=self._run,
            sftp_factory=self._files,
            encoding=None,
            reuse_address=True,
        )
        self.port = self._acceptor.get_port()

    async def stop(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            self._acceptor = None
        await self.drop()

    async def drop(self) -> None:
        """Cut every connection; what runs goes on."""
        for connection in list(self._connections):
            connection.abort()

    def accepts(self, key: asyncssh.SSHKey) -> bool:
        return key.public_data == self._user_key.public_data

    def joined(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.add(connection)

    def left(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.discard(connection)

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        path = f"{self.home}/bin:/usr/local/bin:/usr/bin:/bin"
        environment = {"HOME": str(self.home), "PATH": path, "KUBECONFIG": str(self._admin_conf)}
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            process.command or "",
            cwd=self.home,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert child.stdout and child.stderr
        await asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
        process.exit(await child.wait())

    def _files(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return _Files(channel, self.home)


async def _copy(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    while data := await source.read(65536):
        sink.write(data)


class _Login(asyncssh.SSHServer):
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._machine.joined(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._machine.left(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == "core" and self._machine.accepts(key)

    def auth_completed(self) -> None:
        self._machine.logins += 1

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True


class _Files(asyncssh.SFTPServer):
    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        super().__init__(channel)
        self._home = home

    def map_path(self, path: bytes) -> bytes:
        return os.fsencode(self._home / os.fsdecode(path))
