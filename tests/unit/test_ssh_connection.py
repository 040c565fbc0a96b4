"""What a connection says of itself at the moment at which it breaks."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import paramiko
import pytest

from magnumhub.remote.ssh import is_broken


class Breaking(paramiko.Transport):
    """A connection whose end was noticed, and whose thread says so of itself only after a while, as a busy one does."""

    def run(self) -> None:
        time.sleep(0.2)
        self.active = False


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_connection_that_is_about_to_say_that_it_broke(pair: tuple[socket.socket, socket.socket]) -> None:
    transport = Breaking(pair[0])
    transport.active = True
    threading.Thread.start(transport)

    assert transport.is_active()
    assert is_broken(transport)


def test_a_connection_whose_other_side_is_gone(pair: tuple[socket.socket, socket.socket]) -> None:
    transport = paramiko.Transport(pair[0])
    transport.start_client(event=threading.Event())
    pair[1].close()

    assert is_broken(transport)


def test_a_connection_that_goes_on(pair: tuple[socket.socket, socket.socket]) -> None:
    transport = paramiko.Transport(pair[0])
    transport.start_client(event=threading.Event())
    try:
        assert not is_broken(transport)
    finally:
        transport.close()
