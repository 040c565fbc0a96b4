"""A server with ssh and nothing else: a master of the sandbox, in this process, and the key that opens it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Protocol

import asyncssh

from magnumhub.remote.access import SSHTarget
from sandbox import addresses
from sandbox.addresses import SSH_PORT
from sandbox.cloud import Clock, Cloud
from sandbox.ssh import USER, Machine
from tests.support.loop import Loop


class SSHServer(Protocol):
    """What tests need of an ssh server."""

    host: str
    port: int
    user: str
    key_path: Path

    def start(self) -> None:
        """Switch it on."""

    def stop(self) -> None:
        """Switch it off."""

    def rebuild(self) -> None:
        """Make another server at the same address; it is on."""

    def admit(self, public_key: str) -> None:
        """Let this key in besides the one at `key_path`."""


def target_of(server: SSHServer, **changes: object) -> SSHTarget:
    """How the product is told of a server."""
    given = {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "key_path": str(server.key_path),
        "jump_host": None,
        "server_id": "server-1",
        "name": "hub-master-0",
    }
    return SSHTarget.model_validate(given | changes)


class SandboxServer:
    """A server of the sandbox, on the network that the runner reaches."""

    def __init__(self, folder: Path, loop: Loop, kubeconfig: str = "") -> None:
        plan, self._claimed = addresses.claim()
        self.host, self.port, self.user = f"127.{plan.octet}.10.10", SSH_PORT, USER
        self.key_path = folder / "key"
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(self.key_path)
        self.key_path.chmod(0o600)
        self._public_key = key.export_public_key("openssh").decode()
        self._cloud = Cloud(plan, folder, "http://nowhere", Clock(0), "test")
        self._kubeconfig = kubeconfig
        self._loop = loop
        self._machine = self._new()

    def _new(self) -> Machine:
        server = {"id": str(uuid.uuid4()), "address": self.host, "public_key": self._public_key}
        return Machine(self._cloud, server, self._kubeconfig)

    @property
    def home(self) -> Path:
        return self._machine.home

    @property
    def logins(self) -> int:
        return self._cloud.ledger.ssh_connections

    def start(self) -> None:
        self._loop.run(self._machine.start())

    def stop(self) -> None:
        self._loop.run(self._machine.stop())

    def rebuild(self) -> None:
        self.stop()
        self._machine = self._new()
        self.start()

    def admit(self, public_key: str) -> None:
        self._machine.key = asyncssh.import_public_key(public_key)

    def close(self) -> None:
        """Switch it off for good."""
        self.stop()
        self._claimed.close()
