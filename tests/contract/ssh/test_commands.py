"""Commands: how they end, what they say, what they are given."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import closing

import asyncssh
import paramiko
import pytest

from magnumhub.domain.errors import ServiceError, TransientError
from magnumhub.remote.ssh import SSHShell
from tests.contract.ssh.conftest import connected
from tests.contract.ssh.told import Told
from tests.support.sandbox import wait_until
from tests.support.ssh import SSHServer

SESSIONS_MAX = 10


@pytest.mark.parametrize("code", [0, 1, 2, 126, 127, 255])
def test_exit_codes(client: paramiko.SSHClient, told: Told, code: int) -> None:
    assert told.command(client, f"exit {code}") == (code, b"", b"")


@pytest.mark.parametrize("code", [0, 3, 255])
def test_exit_codes_by_openssh(server: SSHServer, told: Told, openssh: list[str], code: int) -> None:
    shown = f"ssh: echo out; echo err >&2; exit {code}"
    done = told.program(["ssh", *openssh, server.host, f"echo out; echo err >&2; exit {code}"], shown=shown)
    assert (done.returncode, done.stdout) == (code, "out\n")


def test_a_command_that_is_not_there(client: paramiko.SSHClient, told: Told) -> None:
    exit_code, stdout, stderr = told.command(client, "sh -c 'contract-nothing 2>/dev/null'")
    assert (exit_code, stdout, stderr) == (127, b"", b"")


@pytest.mark.parametrize("name", ["KILL", "TERM", "PIPE"])
def test_a_killed_command(server: SSHServer, told: Told, openssh: list[str], name: str) -> None:
    """The server says which signal it was; what a client makes of that is its own."""

    async def run() -> asyncssh.SSHCompletedProcess:
        options = {"username": server.user, "client_keys": [str(server.key_path)], "known_hosts": None}
        async with asyncssh.connect(server.host, server.port, config=None, **options) as connection:
            return await connection.run(f"kill -{name} $$", check=False)

    done = asyncio.run(run())
    told.add(f"kill -{name} $$", exit_status=done.exit_status, exit_signal=done.exit_signal)
    assert done.exit_signal is not None
    assert done.exit_signal[0] == name
    ended = told.program(["ssh", *openssh, server.host, f"kill -{name} $$"], shown=f"ssh: kill -{name} $$")
    assert ended.returncode == 255


def test_a_killed_command_by_paramiko(client: paramiko.SSHClient, told: Told) -> None:
    assert told.command(client, "kill -9 $$") == (-1, b"", b"")
    assert Told.run(client, "sh -c 'kill -9 $$'; exit $?")[0] == 137


def test_both_outputs_apart(client: paramiko.SSHClient, told: Told) -> None:
    asked = "echo out; echo err >&2; echo out again"
    assert told.command(client, asked) == (0, b"out\nout again\n", b"err\n")


def test_input(client: paramiko.SSHClient, told: Told) -> None:
    assert told.command(client, "cat", b"asked\n") == (0, b"asked\n", b"")
    assert told.command(client, "wc -c | tr -d ' '", bytes(300_000)) == (0, b"300000\n", b"")


def test_a_shell_without_a_command(server: SSHServer, told: Told, openssh: list[str]) -> None:
    done = told.program(["ssh", "-T", *openssh, server.host], stdin="echo in a shell; exit 4\n", shown="ssh -T")
    assert (done.returncode, done.stdout) == (4, "in a shell\n")


@pytest.mark.parametrize("name", ["USER", "LOGNAME", "HOME"])
def test_who_it_runs_as(client: paramiko.SSHClient, server: SSHServer, home: str, name: str) -> None:
    exit_code, stdout, _ = Told.run(client, f"printenv {name}")
    assert exit_code == 0
    assert stdout.decode().strip() == (home if name == "HOME" else server.user)


def test_environment(client: paramiko.SSHClient, told: Told) -> None:
    told.command(client, 'sh -c \'[ "$(pwd -P)" = "$(cd && pwd -P)" ]; echo $?\'')
    told.command(client, "sh -c 'for name in SHELL PATH SSH_CLIENT SSH_CONNECTION; do printenv $name | wc -w; done'")
    told.command(client, "sh -c 'printenv SSH_TTY TERM | wc -l'")
    exit_code, stdout, _ = Told.run(client, "printenv PATH")
    assert exit_code == 0
    assert {"/usr/bin", "/bin"} <= set(stdout.decode().strip().split(":"))


def test_the_clients_language_is_let_in_and_nothing_else(client: paramiko.SSHClient, told: Told) -> None:
    channel = client.get_transport().open_session()
    for name in ("LANG", "LC_CONTRACT", "CONTRACT"):
        channel.set_environment_variable(name, "C.contract")
    channel.exec_command("sh -c 'printenv LANG; printenv LC_CONTRACT; printenv CONTRACT || echo none' 2>/dev/null")
    stdout = channel.makefile("rb").read().decode()
    told.add("printenv", stdout=stdout)
    assert stdout == "C.contract\nC.contract\nnone\n"


def test_unicode_and_bytes(client: paramiko.SSHClient, told: Told) -> None:
    assert told.command(client, "echo 'Gruß 你好 🚀'")[1].decode() == "Gruß 你好 🚀\n"
    exit_code, stdout, _ = told.command(client, r"sh -c 'printf \"\\000\\001\\377\\r\\n\"'".replace('\\"', '"'))
    assert (exit_code, stdout) == (0, b"\x00\x01\xff\r\n")


def test_long_output_is_whole(client: paramiko.SSHClient, told: Told) -> None:
    lines = b"".join(b"%d\n" % number for number in range(1, 1_000_001))
    exit_code, stdout, stderr = told.command(client, "seq 1 1000000; seq 1 200000 >&2")
    assert exit_code == 0
    assert hashlib.sha256(stdout).digest() == hashlib.sha256(lines).digest()
    assert stderr == lines[: len(stderr)]
    assert stderr.endswith(b"\n200000\n")


def test_long_output_by_the_product(shell: SSHShell, told: Told) -> None:
    done = shell.run("seq 1 300000; seq 1 100 >&2; exit 3", timeout_s=60, check=False)
    told.add("run", exit_code=done.exit_code, lines=done.stdout.count("\n"), errors=done.stderr.count("\n"))
    assert done.stdout.endswith("\n300000\n")


def test_a_failed_command_by_the_product(shell: SSHShell, told: Told) -> None:
    error = told.attempt("run", lambda: shell.run("echo no such thing >&2; exit 1", timeout_s=20))
    assert isinstance(error, ServiceError)


def test_a_killed_command_by_the_product(shell: SSHShell) -> None:
    """Whether the login shell tells of it, as dash does, or becomes the command, as bash does, is its own affair."""
    with pytest.raises((TransientError, ServiceError), match=r"the shell was killed|exit code 137"):
        shell.run("kill -9 $$", timeout_s=20)
    assert shell.run("echo again", timeout_s=20).stdout == "again\n"


def test_a_command_without_end_by_the_product(shell: SSHShell, told: Told) -> None:
    error = told.attempt("run", lambda: shell.run("sleep 30", timeout_s=1))
    assert isinstance(error, TransientError)
    assert shell.run("echo again", timeout_s=20).stdout == "again\n"


def test_ten_sessions_on_one_connection(server: SSHServer, told: Told) -> None:
    with closing(connected(server)) as client:
        transport = client.get_transport()
        opened = [transport.open_session() for _ in range(SESSIONS_MAX)]
        for channel in opened:
            channel.exec_command("cat")
        error = told.attempt("one more", transport.open_session)
        assert isinstance(error, paramiko.ChannelException)
        assert told.attempt("sftp", client.open_sftp) is not None
        opened[0].shutdown_write()
        assert opened[0].recv_exit_status() == 0
        opened[0].close()
        wait_until(lambda: has_room(transport), 20, "room for a session again")


def has_room(transport: paramiko.Transport) -> bool:
    try:
        transport.open_session().close()
    except paramiko.ChannelException:
        return False
    return True


def test_sessions_side_by_side(client: paramiko.SSHClient) -> None:
    channels = []
    for number in range(5):
        channel = client.get_transport().open_session()
        channel.exec_command(f"read line; echo $line; exit {number}")
        channels.append(channel)
    for number, channel in reversed(list(enumerate(channels))):
        channel.sendall(b"to %d\n" % number)
        assert channel.makefile("rb").read() == b"to %d\n" % number
        assert channel.recv_exit_status() == number


def test_a_session_lasts_as_long_as_its_output_is_open(client: paramiko.SSHClient, told: Told) -> None:
    exit_code, stdout, _ = told.command(client, "sh -c '(sleep 1; echo late) & echo early'")
    assert (exit_code, stdout) == (0, b"early\nlate\n")
