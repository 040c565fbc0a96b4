"""The masters as machines that one logs in to: a real ssh server each, real commands in a throw-away home."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.forward import SSHForwarder

from sandbox import processes, tools
from sandbox.addresses import API_PORT, SSH_PORT
from sandbox.cloud import Cloud
from sandbox.store import Resource

USER = "core"
_CHUNK = 1 << 16
SERVER_MARK = "MAGNUMHUB_SANDBOX_SERVER"


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
        self._starting: asyncio.Task[asyncssh.SSHAcceptor] | None = None
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
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            process_factory=self._run,
            sftp_factory=partial(_Files, machine=self),
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
        await asyncio.to_thread(processes.end_marked, SERVER_MARK, self._id)

    def admits(self, peer: str) -> bool:
        return self._cloud.addresses.inside(peer)

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

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        arguments = ["-c", process.command] if process.command else ["-s"]
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            *arguments,
            cwd=self.home,
            env=self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        feeding = asyncio.create_task(_copy(process.stdin, child.stdin, close=True))
        # As sshd: the session ends when the command has and its output is closed.
        await asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
        exit_code = await child.wait()
        feeding.cancel()
        process.exit(exit_code if exit_code >= 0 else 128 - exit_code)


async def _copy(reader: Any, writer: Any, *, close: bool = False) -> None:
    """From one end to the other until either is gone."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if close:
            writer.close()


class _Login(asyncssh.SSHServer):
    """Who may log in, and where a login may connect to from this machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._connection: asyncssh.SSHServerConnection

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        if not self._machine.admits(conn.get_extra_info("peername")[0]):
            conn.abort()

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.public_data == self._machine.key.public_data

    def auth_completed(self) -> None:
        self._machine.logged_in()

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
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, str(error)) from error
        return SSHForwarder(peer)


class _Files(asyncssh.SFTPServer):
    """The machine's files: relative paths begin at home, and nothing outside of the machine can be named."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], *, machine: Machine) -> None:
        super().__init__(channel)
        self._machine = machine

    def map_path(self, path: bytes) -> bytes:
        mapped = Path(os.path.normpath(self._machine.home / os.fsdecode(path)))
        if not mapped.is_relative_to(self._machine.folder):
            raise asyncssh.SFTPPermissionDenied(f"{mapped} is outside of this machine")
        return os.fsencode(mapped)
