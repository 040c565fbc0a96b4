"""The same on both sides: a server with ssh, a client of it, a folder in its home.

MAGNUMHUB_TEST_SSH             user@host:port of a real server
MAGNUMHUB_TEST_SSH_SERVER_KEY  a file with the private key that it accepts
Without them the real server is OpenSSH's sshd of this machine, started for the tests.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import paramiko
import pytest

from magnumhub.remote.access import SSHTarget
from magnumhub.remote.ssh import SSHShell
from tests.contract.ssh.sshd import Sshd, executable
from tests.contract.ssh.told import Told
from tests.contract.transcript import Transcript
from tests.support.loop import Loop
from tests.support.relay import Relay, relay
from tests.support.ssh import SandboxServer, SSHServer, target_of


class GivenServer:
    """A real server that is not the tests' own: nobody switches it off."""

    def __init__(self, address: str, key_path: str) -> None:
        self.user, _, where = address.partition("@")
        self.host, _, port = where.partition(":")
        self.port = int(port or 22)
        self.key_path = Path(key_path)

    def _refuse(self, *_: str) -> None:
        pytest.skip("MAGNUMHUB_TEST_SSH names a server that is not the tests' own")

    start = stop = rebuild = admit = _refuse

    def close(self) -> None:
        return


def _server(side: str, folder: Path) -> SandboxServer | Sshd | GivenServer:
    if side == "sandbox":
        return SandboxServer(folder, Loop())
    if address := os.environ.get("MAGNUMHUB_TEST_SSH"):
        return GivenServer(address, os.environ["MAGNUMHUB_TEST_SSH_SERVER_KEY"])
    program = executable()
    if program is None:
        pytest.skip("there is no sshd here, and MAGNUMHUB_TEST_SSH names no server")
    return Sshd(program, folder)


@pytest.fixture(scope="session")
def server(side: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHServer]:
    """The server that most tests share; it is on."""
    with closing(_server(side, tmp_path_factory.mktemp("server"))) as made:
        if not isinstance(made, GivenServer):
            made.start()
        yield made


@pytest.fixture
def own(side: str, tmp_path: Path) -> Iterator[SSHServer]:
    """A server that this test may switch off; it is on."""
    folder = tmp_path / "own"
    folder.mkdir()
    with closing(_server(side, folder)) as made:
        made.start()
        yield made


@pytest.fixture
def local(server: SSHServer) -> SSHServer:
    """The shared server, where it runs on this machine and so reaches the ports of the test."""
    if isinstance(server, GivenServer):
        pytest.skip("MAGNUMHUB_TEST_SSH names a server on another machine")
    return server


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The product's own folders, apart from the user's; no agent, no terminal to ask at."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def connected(server: SSHServer, **changes: object) -> paramiko.SSHClient:
    """A client that accepts any host key."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.MissingHostKeyPolicy())
    given = {
        "hostname": server.host,
        "port": server.port,
        "username": server.user,
        "key_filename": str(server.key_path),
        "look_for_keys": False,
        "allow_agent": False,
    }
    client.connect(**(given | changes))
    return client


@pytest.fixture
def client(server: SSHServer) -> Iterator[paramiko.SSHClient]:
    with closing(connected(server)) as opened:
        yield opened


@pytest.fixture
def home(client: paramiko.SSHClient) -> str:
    return client.exec_command("pwd -P")[1].read().decode().strip()


@pytest.fixture
def names(server: SSHServer, tmp_path: Path) -> dict[str, str]:
    """What differs between two servers without meaning anything."""
    return {f"{server.user}@": "<user>@", str(tmp_path): "<tmp>", server.host: "<host>"}


@pytest.fixture
def told(transcript: Transcript) -> Told:
    return Told(transcript)


@pytest.fixture
def folder(client: paramiko.SSHClient) -> Iterator[str]:
    """An empty folder in the home, as a relative path."""
    name = f"contract-{uuid.uuid4().hex[:8]}"
    client.exec_command(f"mkdir {name}")[1].channel.recv_exit_status()
    yield name
    client.exec_command(f"rm -rf {name}")[1].channel.recv_exit_status()


@pytest.fixture
def target(server: SSHServer) -> SSHTarget:
    return target_of(server)


@pytest.fixture
def shell(target: SSHTarget) -> Iterator[SSHShell]:
    """The product's own."""
    with closing(SSHShell(target)) as opened:
        yield opened


@pytest.fixture
def network(server: SSHServer) -> Iterator[Relay]:
    """The way to the server, with its troubles."""
    with relay(server.host, server.port) as opened:
        yield opened


def openssh_options(server: SSHServer, known_hosts: Path) -> list[str]:
    """OpenSSH's options for a server, without the user's own files; what stands before them is the program."""
    if shutil.which("ssh") is None:
        pytest.skip("there is no ssh here")
    options = {
        "User": server.user,
        "Port": server.port,
        "IdentityFile": server.key_path,
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
    }
    return ["-F", "none", *(f"-o{name}={value}" for name, value in options.items())]


@pytest.fixture
def openssh(server: SSHServer, tmp_path: Path) -> list[str]:
    return openssh_options(server, tmp_path / "known_hosts")
