"""Who gets in, how the others are refused, and what is offered before."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncssh
import paramiko
import pytest

from magnumhub.domain.errors import AuthenticationError
from magnumhub.remote.ssh import SSHShell
from tests.contract.ssh.conftest import connected
from tests.contract.ssh.told import Told
from tests.support.ssh import SSHServer, target_of

ALGORITHMS = {
    "server_host_key_algs": ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"),
    "kex_algs": (
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group14-sha1",
    ),
    "encryption_algs": ("aes128-ctr", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-cbc"),
    "mac_algs": ("hmac-sha2-256", "hmac-sha2-512-etm@openssh.com", "hmac-sha1", "hmac-md5"),
}
"""What is asked for one by one; the last of each is too old for OpenSSH."""


def key_file(folder: Path, kind: str = "ssh-ed25519") -> Path:
    """A new private key that nobody knows."""
    path = folder / f"another-{kind}"
    key = asyncssh.generate_private_key(kind)
    # paramiko reads only some of the ECDSA keys that asyncssh writes in OpenSSH's own format.
    key.write_private_key(path, "openssh" if kind == "ssh-ed25519" else "pkcs1-pem")
    path.chmod(0o600)
    path.with_suffix(".pub").write_bytes(key.export_public_key("openssh"))
    return path


def greeted(server: SSHServer) -> paramiko.Transport:
    """A connection before anybody logs in."""
    transport = paramiko.Transport((server.host, server.port))
    transport.start_client(timeout=20)
    return transport


def test_the_right_key(server: SSHServer, told: Told) -> None:
    with closing(connected(server)) as client:
        transport = client.get_transport()
        told.add("login", authenticated=transport.is_authenticated(), version=transport.remote_version[:8])
        assert told.command(client, "echo in") == (0, b"in\n", b"")


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-ed25519"])
def test_keys_of_each_kind(own: SSHServer, told: Told, tmp_path: Path, kind: str) -> None:
    path = key_file(tmp_path, kind)
    own.admit(path.with_suffix(".pub").read_text())
    with closing(connected(own, key_filename=str(path))) as client:
        assert told.command(client, "echo in") == (0, b"in\n", b"")


@pytest.mark.parametrize("user", ["right", "unknown"])
def test_another_key(server: SSHServer, told: Told, tmp_path: Path, user: str) -> None:
    username = server.user if user == "right" else "contract-nobody"
    key = str(key_file(tmp_path))
    error = told.attempt("login", lambda: connected(server, username=username, key_filename=key))
    assert isinstance(error, paramiko.AuthenticationException)


def test_a_known_key_of_an_unknown_user(server: SSHServer, told: Told) -> None:
    error = told.attempt("login", lambda: connected(server, username="contract-nobody"))
    assert isinstance(error, paramiko.AuthenticationException)


@pytest.mark.parametrize("user", ["right", "unknown"])
def test_only_keys_are_asked_for(server: SSHServer, told: Told, user: str) -> None:
    username = server.user if user == "right" else "contract-nobody"
    with closing(greeted(server)) as transport:
        refused = told.attempt("none", lambda: transport.auth_none(username))
        assert isinstance(refused, paramiko.BadAuthenticationType)
        assert refused.allowed_types == ["publickey"]
        refused = told.attempt("password", lambda: transport.auth_password(username, "secret", fallback=False))
        assert isinstance(refused, paramiko.BadAuthenticationType)
        refused = told.attempt("ask", lambda: transport.auth_interactive(username, lambda *_: []))
        assert isinstance(refused, paramiko.BadAuthenticationType)


def test_too_many_keys(server: SSHServer, told: Told) -> None:
    with closing(greeted(server)) as transport:
        for attempt in range(6):
            assert transport.is_active(), attempt
            key = paramiko.ECDSAKey.generate()
            told.attempt(f"key {attempt}", lambda key=key: transport.auth_publickey(server.user, key))
        transport.join(10)
        told.add("connection", active=transport.is_active())
        assert not transport.is_active()


def test_the_product_is_refused(server: SSHServer, told: Told, tmp_path: Path) -> None:
    another = SSHShell(target_of(server, key_path=str(key_file(tmp_path))))
    error = told.attempt("connect", lambda: another.connect(deadline_s=20, report=print))
    assert isinstance(error, AuthenticationError)
    nobody = SSHShell(target_of(server, user="contract-nobody"))
    assert isinstance(told.attempt("connect", nobody.transport), AuthenticationError)


def test_openssh_gets_in(server: SSHServer, told: Told, openssh: list[str]) -> None:
    done = told.program(["ssh", *openssh, server.host, "echo in"], shown="ssh echo in")
    assert (done.returncode, done.stdout) == (0, "in\n")


def test_openssh_is_refused(server: SSHServer, told: Told, openssh: list[str], tmp_path: Path) -> None:
    asked = ["ssh", *openssh, server.host, "true"]
    another = [f"-oIdentityFile={key_file(tmp_path)}" if "IdentityFile" in word else word for word in asked]
    nobody = ["-oUser=contract-nobody" if "-oUser=" in word else word for word in asked]
    assert told.program(another, shown="ssh, another key").returncode == 255
    assert told.program(nobody, shown="ssh, another user").returncode == 255


def offered(server: SSHServer, kind: str, name: str) -> bool:
    """Whether the server agrees to one algorithm."""
    options: dict[str, Any] = {"username": server.user, "client_keys": [str(server.key_path)], kind: [name]}
    if kind == "mac_algs":
        options["encryption_algs"] = ["aes128-ctr"]  # others need none

    async def log_in() -> None:
        async with asyncssh.connect(server.host, server.port, config=None, known_hosts=None, **options):
            return

    try:
        asyncio.run(log_in())
    except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionError):
        return False
    return True


@pytest.mark.parametrize(("kind", "wanted"), ALGORITHMS.items(), ids=ALGORITHMS.keys())
def test_what_is_offered(server: SSHServer, told: Told, kind: str, wanted: tuple[str, ...]) -> None:
    answers = {name: offered(server, kind, name) for name in wanted}
    told.add(kind, answers=answers)
    assert answers.pop(wanted[-1]) is False
    assert any(answers.values())


def test_openssh_lists_the_host_keys(server: SSHServer, told: Told) -> None:
    done = subprocess.run(
        ["ssh-keyscan", "-p", str(server.port), server.host], capture_output=True, text=True, timeout=60, check=True
    )
    kinds = sorted(line.split()[1] for line in done.stdout.splitlines() if not line.startswith("#"))
    told.add("ssh-keyscan", kinds=kinds)
    assert "ssh-ed25519" in kinds
