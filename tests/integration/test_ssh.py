"""The shell over ssh against a real ssh server: what runs, what is pinned, and which limits hold."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncssh
import pytest

from magnumhub.domain.errors import AuthenticationError, DeadlineError, RefusedError, ServiceError, TransientError
from magnumhub.remote.access import SSHTarget
from magnumhub.remote.jobs import Job
from magnumhub.remote.ssh import SSHShell
from magnumhub.remote.tunnel import tunnel
from tests.support.relay import Relay, relay
from tests.support.ssh import SandboxServer, target_of


def quiet(_: str) -> None:
    return


@pytest.fixture
def network(machine: SandboxServer) -> Iterator[Relay]:
    with relay(machine.host, machine.port) as opened:
        yield opened


def over(network: Relay, machine: SandboxServer) -> SSHTarget:
    """The machine as it is reached over a network that breaks."""
    return target_of(machine, host="127.0.0.1", port=network.port)


@pytest.fixture
def shell(target: SSHTarget) -> Iterator[SSHShell]:
    with closing(SSHShell(target)) as opened:
        yield opened


def test_a_command_gives_exit_code_and_both_outputs(shell: SSHShell) -> None:
    done = shell.run("echo out; echo err >&2; exit 3", timeout_s=60, check=False)
    assert (done.exit_code, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_failed_command_is_told_with_its_own_words(shell: SSHShell) -> None:
    with pytest.raises(ServiceError, match=r"exit code 1 .*no such thing"):
        shell.run("echo no such thing >&2; exit 1", timeout_s=60)


def test_a_file_is_for_its_owner_only_and_whole(shell: SSHShell, machine: SandboxServer) -> None:
    content = bytes(range(256)) * 4096
    shell.put(content, "deep/er/file")
    written = machine.home / "deep/er/file"
    assert written.read_bytes() == content
    assert written.stat().st_mode & 0o777 == 0o600
    assert written.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in written.parent.iterdir()] == ["file"]


def test_a_command_without_end_stops_at_its_limit(shell: SSHShell) -> None:
    start = time.monotonic()
    with pytest.raises(TransientError, match="no end after 1 s"):
        shell.run("sleep 30", timeout_s=1)
    assert time.monotonic() - start < 5
    assert shell.run("echo again", timeout_s=60).stdout == "again\n"


def test_a_broken_connection_is_made_anew(network: Relay, machine: SandboxServer) -> None:
    shell = SSHShell(over(network, machine))
    shell.run("true", timeout_s=60)
    network.cut()
    time.sleep(0.2)
    assert shell.run("echo again", timeout_s=60).stdout == "again\n"


def test_another_key_is_refused(machine: SandboxServer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(other)
    with pytest.raises(AuthenticationError, match="does not accept the key"):
        SSHShell(target_of(machine, key_path=str(other))).connect(deadline_s=5, report=quiet)


def test_a_missing_key_file_is_named(machine: SandboxServer) -> None:
    with pytest.raises(RefusedError, match="/no/such/key"):
        SSHShell(target_of(machine, key_path="/no/such/key")).connect(deadline_s=5, report=quiet)


def test_a_changed_host_key_of_the_same_server_is_refused(machine: SandboxServer, tmp_path: Path) -> None:
    with closing(SSHShell(target_of(machine))) as first:
        first.run("true", timeout_s=60)
    machine.rebuild()
    with pytest.raises(RefusedError, match="another host key") as refused:
        SSHShell(target_of(machine)).connect(deadline_s=5, report=quiet)
    assert str(tmp_path / "state/magnumhub/known_hosts") in refused.value.hint


def test_the_same_address_may_lead_to_another_server(machine: SandboxServer) -> None:
    with closing(SSHShell(target_of(machine))) as first:
        first.run("true", timeout_s=60)
    machine.rebuild()
    with closing(SSHShell(target_of(machine, server_id="server-2"))) as second:
        assert second.run("echo other", timeout_s=60).stdout == "other\n"


def test_through_a_jump_host(machine: SandboxServer) -> None:
    jump = f"core@{machine.host}:{machine.port}"
    with closing(SSHShell(target_of(machine, jump_host=jump, server_id="inner"))) as inner:
        assert inner.run("echo inside", timeout_s=60).stdout == "inside\n"
    assert machine.logins == 2


def test_a_closed_port_is_waited_for_and_explained(target: SSHTarget, machine: SandboxServer) -> None:
    machine.stop()
    with pytest.raises(DeadlineError) as late:
        SSHShell(target).connect(deadline_s=1.5, report=quiet)
    assert "nothing listens there" in late.value.hint


def test_an_address_blocked_on_an_open_connection_keeps_the_limit(network: Relay, machine: SandboxServer) -> None:
    shell = SSHShell(over(network, machine))
    assert shell.run("echo through", timeout_s=60).stdout == "through\n"
    network.swallow()
    start = time.monotonic()
    with pytest.raises(TransientError, match="no end after 2 s"):
        shell.run("echo lost", timeout_s=2)
    assert time.monotonic() - start < 6


def test_a_tunnel_leads_to_the_machines_own_port(shell: SSHShell) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as far:
        threading.Thread(target=echo_once, args=(far,), daemon=True).start()
        with tunnel(shell, *far.getsockname()) as port, closing(socket.create_connection(("127.0.0.1", port))) as near:
            near.sendall(b"hello")
            assert near.recv(100) == b"HELLO"


def test_a_tunnel_to_nothing_closes_the_connection(shell: SSHShell) -> None:
    with tunnel(shell, "127.0.0.1", 1) as port, closing(socket.create_connection(("127.0.0.1", port))) as near:
        near.settimeout(10)
        assert near.recv(1) == b""


def test_a_job_outlives_its_connection_and_is_found_again(network: Relay, machine: SandboxServer) -> None:
    job = Job(SSHShell(over(network, machine)), "work")
    job.start("cat {secret} >copied; sleep 2; echo bad >&2; (exit 7)", {"secret": b"s3cret"})
    network.cut()
    with closing(SSHShell(target_of(machine))) as later:
        found = Job(later, "work")
        assert found.state().step == "running"
        assert not list(machine.home.glob(".magnumhub/jobs/work/inputs/*"))
        done = found.wait(deadline_s=20, report=quiet)
    assert done is not None
    assert (done.exit_code, done.stderr) == (7, "bad\n")
    assert (machine.home / ".magnumhub/jobs/work/copied").read_text() == "s3cret"


def test_a_killed_job_is_known_to_be_dead(shell: SSHShell) -> None:
    job = Job(shell, "work")
    job.start("kill -9 $PPID $$", {})
    assert job.wait(deadline_s=10, report=quiet) is None
    assert job.state().step == "died"


def test_a_job_runs_for_as_long_as_a_child_of_it_does(shell: SSHShell) -> None:
    job = Job(shell, "work")
    job.start("sleep 2 & kill -9 $PPID $$", {})
    assert job.state().step == "running"
    assert job.wait(deadline_s=10, report=quiet) is None


def test_a_job_that_was_never_started_is_none(shell: SSHShell) -> None:
    assert Job(shell, "other").state().step == "none"


def echo_once(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(connection.recv(100).upper())
