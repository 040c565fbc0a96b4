"""Whether it is the server that it was: the product pins by the server's id, OpenSSH by the address; and jump hosts."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import paramiko
import pytest

from magnumhub.domain.errors import RefusedError
from magnumhub.remote.ssh import SSHShell
from tests.contract.ssh.conftest import connected, openssh_options
from tests.contract.ssh.told import Told
from tests.support.ssh import SSHServer, target_of


def shown_key(server: SSHServer) -> paramiko.PKey:
    with closing(connected(server)) as client:
        return client.get_transport().get_remote_server_key()


def test_a_server_keeps_its_key(own: SSHServer, told: Told, tmp_path: Path) -> None:
    before = shown_key(own)
    own.stop()
    own.start()
    assert shown_key(own) == before
    told.add("key", kind=before.get_name())


def test_the_first_key_is_pinned(server: SSHServer, told: Told, tmp_path: Path) -> None:
    for _ in range(2):
        with closing(SSHShell(target_of(server))) as shell:
            assert shell.run("echo in", timeout_s=20).stdout == "in\n"
    pinned = (tmp_path / "state/magnumhub/known_hosts").read_text().splitlines()
    told.add("known_hosts", lines=[line.split()[:2] for line in pinned])
    assert len(pinned) == 1


def test_a_changed_key_is_refused(own: SSHServer, told: Told, tmp_path: Path) -> None:
    openssh = openssh_options(own, tmp_path / "known_hosts")
    for _ in range(2):
        done = told.program(["ssh", *openssh, own.host, "echo in"], shown="ssh echo in")
        assert done.returncode == 0
    with closing(SSHShell(target_of(own))) as shell:
        shell.run("true", timeout_s=20)
    own.rebuild()
    error = told.attempt("connect", SSHShell(target_of(own)).transport)
    assert isinstance(error, RefusedError)
    done = subprocess.run(["ssh", *openssh, own.host, "echo in"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr


def test_the_address_may_lead_to_another_server(own: SSHServer, told: Told) -> None:
    with closing(SSHShell(target_of(own))) as shell:
        shell.run("true", timeout_s=20)
    own.rebuild()
    with closing(SSHShell(target_of(own, server_id="server-2"))) as shell:
        done = shell.run("echo another", timeout_s=20)
    told.add("echo another", stdout=done.stdout)
    assert done.stdout == "another\n"


@pytest.fixture
def inner(client: paramiko.SSHClient) -> tuple[str, int]:
    """The server's address as it sees it itself."""
    words = Told.run(client, "printenv SSH_CONNECTION")[1].decode().split()
    return words[2], int(words[3])


def test_through_a_jump_host(server: SSHServer, told: Told, inner: tuple[str, int]) -> None:
    jump = f"{server.user}@{server.host}:{server.port}"
    target = target_of(server, host=inner[0], port=inner[1], jump_host=jump, server_id="inner")
    with closing(SSHShell(target)) as shell:
        done = shell.run("echo inside; exit 3", timeout_s=20, check=False)
    told.add("echo inside; exit 3", exit_code=done.exit_code, stdout=done.stdout)
    assert (done.exit_code, done.stdout) == (3, "inside\n")


def test_through_a_jump_host_by_openssh(
    server: SSHServer, told: Told, inner: tuple[str, int], openssh: list[str], tmp_path: Path
) -> None:
    jump = " ".join(["ssh", *openssh, "-W", "%h:%p", server.host])
    asked = ["ssh", *openssh, "-oProxyCommand=" + jump, "-p", str(inner[1]), inner[0], "echo inside; exit 3"]
    done = told.program(asked, shown="ssh through a jump host: echo inside; exit 3")
    assert (done.returncode, done.stdout) == (3, "inside\n")


def test_a_jump_host_that_cannot_reach_it(server: SSHServer, told: Told) -> None:
    jump = f"{server.user}@{server.host}:{server.port}"
    error = told.attempt("connect", SSHShell(target_of(server, host="127.0.0.1", port=1, jump_host=jump)).transport)
    assert error is not None
