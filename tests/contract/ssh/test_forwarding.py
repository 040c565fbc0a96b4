"""Ports reached through a server: tunnels to what listens, refusals of what does not, ends of either side."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import paramiko
import pytest

from magnumhub.remote.ssh import SSHShell
from magnumhub.remote.tunnel import tunnel
from tests.contract.ssh.told import Told
from tests.support.ssh import SSHServer

MANY = 8_000_000


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """A port at which each connection is served by a thread."""

    def accept(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)


def shout(connection: socket.socket) -> None:
    """Answer everything in capitals, until the other side ends."""
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data.upper())


def count(connection: socket.socket) -> None:
    """Answer when the other side has said all, with how much it was."""
    with connection:
        total = 0
        while data := connection.recv(65536):
            total += len(data)
        connection.sendall(b"%d" % total)


def pour(connection: socket.socket) -> None:
    """Send much at once, and end."""
    with connection:
        connection.sendall(bytes(MANY))


def opened(client: paramiko.SSHClient, to: tuple[str, int]) -> paramiko.Channel:
    channel = client.get_transport().open_channel("direct-tcpip", to, ("127.0.0.1", 1), timeout=20)
    channel.settimeout(30)
    return channel


def all_of(source: socket.socket | paramiko.Channel) -> int:
    total = 0
    while data := source.recv(65536):
        total += len(data)
    return total


def test_there_and_back(client: paramiko.SSHClient, told: Told, local: SSHServer) -> None:
    with listening(shout) as to, closing(opened(client, to)) as channel:
        channel.sendall(b"hello")
        answer = channel.recv(100)
        channel.shutdown_write()
        told.add("hello", answer=answer.decode(), after=channel.recv(100).decode())
        assert answer == b"HELLO"


def test_an_end_of_one_way_leaves_the_other(client: paramiko.SSHClient, told: Told, local: SSHServer) -> None:
    with listening(count) as to, closing(opened(client, to)) as channel:
        channel.sendall(bytes(MANY))
        channel.shutdown_write()
        answer = channel.recv(100)
        told.add("after the end", answer=answer.decode())
        assert answer == b"%d" % MANY


def test_much_and_then_the_end(client: paramiko.SSHClient, told: Told, local: SSHServer) -> None:
    with listening(pour) as to, closing(opened(client, to)) as channel:
        total = all_of(channel)
        told.add("all of it", total=total)
        assert total == MANY


@pytest.mark.parametrize(
    ("what", "to"), [("a closed port", ("127.0.0.1", 1)), ("a name that is none", ("contract.invalid", 80))]
)
def test_refused(client: paramiko.SSHClient, told: Told, what: str, to: tuple[str, int]) -> None:
    error = told.attempt(what, lambda: opened(client, to))
    assert isinstance(error, paramiko.ChannelException)
    assert error.code == 2
    assert told.command(client, "echo the connection stays")[0] == 0


def test_words_of_a_refusal(server: SSHServer, told: Told, openssh: list[str]) -> None:
    """paramiko keeps them to itself; OpenSSH prints them."""
    asked = ["ssh", *openssh, "-oLogLevel=INFO", "-W", "127.0.0.1:1", server.host]
    assert told.program(asked, shown="ssh -W 127.0.0.1:1").returncode == 255


def test_by_openssh(local: SSHServer, told: Told, openssh: list[str]) -> None:
    with listening(count) as to:
        asked = ["ssh", *openssh, "-W", f"{to[0]}:{to[1]}", local.host]
        assert told.program(asked, stdin="x" * 1_000_000, shown="ssh -W").stdout == "1000000"


def test_the_products_tunnel(shell: SSHShell, told: Told, local: SSHServer) -> None:
    with listening(shout) as to, tunnel(shell, *to) as port:
        for word in (b"hello", b"again"):
            with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as near:
                near.sendall(word)
                answer = near.recv(100)
                told.add(word.decode(), answer=answer.decode())
                assert answer == word.upper()


def test_much_through_the_products_tunnel(shell: SSHShell, told: Told, local: SSHServer) -> None:
    with listening(pour) as to, tunnel(shell, *to) as port:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as near:
            total = all_of(near)
        told.add("all of it", total=total)
        assert total == MANY


def test_many_at_once_through_the_products_tunnel(shell: SSHShell, told: Told, local: SSHServer) -> None:
    """Forwarded connections are no sessions: they may be more than ten."""
    with listening(shout) as to, tunnel(shell, *to) as port:
        near = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(20)]
        for number, connection in enumerate(near):
            connection.sendall(b"number %d" % number)
        answers = [connection.recv(100).decode() for connection in near]
        for connection in near:
            connection.close()
        told.add("twenty", answers=answers)
        assert answers == [f"NUMBER {number}" for number in range(20)]


def test_the_products_tunnel_to_a_closed_port(shell: SSHShell, told: Told) -> None:
    with (
        tunnel(shell, "127.0.0.1", 1) as port,
        closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as near,
    ):
        answer = near.recv(1)
        told.add("a closed port", answer=answer.decode())
        assert answer == b""
