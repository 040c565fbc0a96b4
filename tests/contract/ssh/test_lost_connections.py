"""Connections that break, servers that stop: what clients see, and what goes on without them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import fabric
import paramiko
import pytest
from invoke.watchers import StreamWatcher

from magnumhub.domain.errors import DeadlineError, TransientError
from magnumhub.remote.jobs import Job
from magnumhub.remote.ssh import SSHShell
from tests.contract.ssh.conftest import connected
from tests.contract.ssh.told import Told
from tests.support.relay import Relay
from tests.support.sandbox import wait_until
from tests.support.ssh import SSHServer, target_of


@pytest.fixture
def over(network: Relay, server: SSHServer) -> Iterator[SSHShell]:
    """The product's shell, over a network that breaks."""
    with closing(SSHShell(target_of(server, host="127.0.0.1", port=network.port))) as opened:
        opened.run("true", timeout_s=20)
        yield opened


def soon(act: object, after_s: float = 0.5) -> threading.Timer:
    timer = threading.Timer(after_s, act)
    timer.start()
    return timer


class CutAfter(StreamWatcher):
    """Cuts the network when a command has printed this."""

    def __init__(self, text: str, network: Relay) -> None:
        super().__init__()
        self._text, self._network = text, network

    def submit(self, stream: str) -> list[str]:
        if self._text in stream:
            self._network.cut()
        return []


def is_there(client: paramiko.SSHClient, path: str) -> bool:
    return Told.run(client, f"test -e {path}")[0] == 0


def test_a_connection_cut_during_a_command(over: SSHShell, network: Relay, told: Told) -> None:
    soon(network.cut)
    start = time.monotonic()
    error = told.attempt("run", lambda: over.run("sleep 20", timeout_s=15))
    assert isinstance(error, TransientError)
    assert "the connection broke" in error.message
    assert time.monotonic() - start < 10
    done = over.run("echo again", timeout_s=20)
    told.add("echo again", stdout=done.stdout)
    assert done.stdout == "again\n"


def test_a_connection_cut_during_a_command_by_fabric(network: Relay, server: SSHServer, told: Told) -> None:
    options = {"key_filename": str(server.key_path), "look_for_keys": False, "allow_agent": False}
    with fabric.Connection("127.0.0.1", server.user, network.port, connect_kwargs=options) as connection:
        connection.open()
        cutting = [CutAfter("before\n", network)]
        result = connection.run("echo before; sleep 20", hide=True, warn=True, in_stream=False, watchers=cutting)
    told.add("echo before; sleep 20", exited=result.exited, stdout=result.stdout)
    assert (result.exited, result.stdout) == (-1, "before\n")


def test_a_connection_cut_during_a_command_by_openssh(
    network: Relay, server: SSHServer, told: Told, openssh: list[str]
) -> None:
    options = [f"-oPort={network.port}" if word.startswith("-oPort=") else word for word in openssh]
    command = ["ssh", *options, "127.0.0.1", "echo before; sleep 20"]
    done = told.broken_program(command, network.cut, shown="ssh: echo before; sleep 20")
    assert (done.returncode, done.stdout) == (255, "before\n")


def test_a_connection_cut_while_a_file_is_written(over: SSHShell, network: Relay, told: Told, folder: str) -> None:
    over.put(b"whole", f"{folder}/file")
    network.cut()
    with suppress(TransientError):
        over.put(bytes(1_000_000), f"{folder}/file")
    size = over.run(f"wc -c <{folder}/file", timeout_s=20).stdout.strip()
    told.add("size", whole=size in ("5", "1000000"))
    assert size in ("5", "1000000")


def test_a_network_that_swallows_everything(over: SSHShell, network: Relay, told: Told) -> None:
    network.swallow()
    start = time.monotonic()
    error = told.attempt("run", lambda: over.run("echo lost", timeout_s=2))
    assert isinstance(error, TransientError)
    assert "no end after 2 s" in error.message
    assert time.monotonic() - start < 8


def test_a_quiet_command_goes_on_without_its_client(
    network: Relay, server: SSHServer, client: paramiko.SSHClient, told: Told, folder: str
) -> None:
    lost = connected(server, hostname="127.0.0.1", port=network.port)
    channel = lost.get_transport().open_session()
    channel.exec_command(f"sleep 2; echo done >{folder}/done")
    time.sleep(0.5)
    network.cut()
    wait_until(lambda: is_there(client, f"{folder}/done"), 20, "the command's file")
    told.add("after", file=Told.run(client, f"cat {folder}/done")[1].decode())


@pytest.mark.parametrize("how", ["cut", "channel closed"])
def test_a_command_that_writes_ends_without_its_client(
    network: Relay, server: SSHServer, client: paramiko.SSHClient, told: Told, folder: str, how: str
) -> None:
    lost = connected(server, hostname="127.0.0.1", port=network.port)
    channel = lost.get_transport().open_session()
    channel.exec_command(f"sh -c 'echo $$ >{folder}/pid; while echo x; do sleep 0.1; done'")
    wait_until(lambda: is_there(client, f"{folder}/pid"), 20, "the command's file")
    assert Told.run(client, f"kill -0 $(cat {folder}/pid)")[0] == 0
    if how == "cut":
        network.cut()
    else:
        channel.close()
    wait_until(lambda: Told.run(client, f"kill -0 $(cat {folder}/pid)")[0] != 0, 20, "the end of the command")
    told.add("a command that writes", ended=True)
    lost.close()


def test_a_command_that_reads_sees_the_end(
    network: Relay, server: SSHServer, client: paramiko.SSHClient, told: Told, folder: str
) -> None:
    lost = connected(server, hostname="127.0.0.1", port=network.port)
    channel = lost.get_transport().open_session()
    channel.exec_command(f"sh -c 'cat >{folder}/read; echo $? >{folder}/ended'")
    channel.sendall(b"sent")
    wait_until(lambda: Told.run(client, f"cat {folder}/read")[1] == b"sent", 20, "what was sent")
    network.cut()
    wait_until(lambda: is_there(client, f"{folder}/ended"), 20, "the end of the command")
    told.add("cat", exit_code=Told.run(client, f"cat {folder}/ended")[1].decode())


@pytest.fixture
def job(over: SSHShell, client: paramiko.SSHClient) -> Iterator[Job]:
    """A job of the product; nothing of it stays in the server's home."""
    name = "contract-job"
    yield Job(over, name)
    Told.run(client, f"rm -rf .magnumhub/jobs/{name}; rmdir .magnumhub/jobs .magnumhub 2>/dev/null")


def test_a_job_outlives_its_connection(job: Job, network: Relay, server: SSHServer, told: Told) -> None:
    job.start("cat {secret} >copied; sleep 2; echo bad >&2; (exit 7)", {"secret": b"s3cret"})
    network.cut()
    with closing(SSHShell(target_of(server))) as later:
        found = Job(later, job.name)
        running = found.state()
        done = found.wait(deadline_s=30, report=print)
        copied = later.run(f"cat .magnumhub/jobs/{job.name}/copied", timeout_s=20).stdout
        left = later.run(f"ls .magnumhub/jobs/{job.name}/inputs", timeout_s=20).stdout
    assert done is not None
    told.add("job", before=running.step, exit_code=done.exit_code, stderr=done.stderr, copied=copied, inputs=left)
    assert (running.step, done.exit_code, done.stderr, copied, left) == ("running", 7, "bad\n", "s3cret", "")


def test_a_killed_job_is_known_to_be_dead(job: Job, told: Told) -> None:
    steps = [job.state().step]
    job.start("kill -9 $PPID $$", {})
    assert job.wait(deadline_s=30, report=print) is None
    steps.append(job.state().step)
    told.add("job", steps=steps)
    assert steps == ["none", "died"]


def test_a_server_that_is_switched_off(own: SSHServer, told: Told) -> None:
    with closing(connected(own)) as client, closing(SSHShell(target_of(own))) as shell:
        channel = client.get_transport().open_session()
        channel.exec_command("sleep 60")
        shell.run("true", timeout_s=20)
        own.stop()
        told.add("sleep 60", exit_code=channel.recv_exit_status())
        client.get_transport().join(20)
        told.add("connection", active=client.get_transport().is_active())
        assert not client.get_transport().is_active()
        error = told.attempt("run", lambda: shell.run("true", timeout_s=20))
        assert isinstance(error, TransientError)
        error = told.attempt("connect", lambda: shell.connect(deadline_s=1.5, report=print))
        assert isinstance(error, DeadlineError)
        assert "nothing listens there" in error.hint
        own.start()
        assert shell.run("echo again", timeout_s=20).stdout == "again\n"


def test_keepalive_is_answered(client: paramiko.SSHClient, told: Told) -> None:
    client.get_transport().global_request("keepalive@openssh.com", wait=True)
    told.add("keepalive@openssh.com", active=client.get_transport().is_active())
    assert client.get_transport().is_active()


def test_keepalive_by_openssh(server: SSHServer, told: Told, openssh: list[str]) -> None:
    options = ["-oServerAliveInterval=1", "-oServerAliveCountMax=1"]
    done = told.program(["ssh", *options, *openssh, server.host, "sleep 3; echo alive"], shown="ssh, alive each second")
    assert (done.returncode, done.stdout) == (0, "alive\n")
