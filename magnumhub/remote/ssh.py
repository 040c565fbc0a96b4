"""A shell on a master over ssh (fabric), with limits that hold when the network swallows packets.

fabric's own time-outs do not cover opening a channel on a connection whose address got blocked (measured: more than 10
minutes), so each call here closes the connection when its time is over, and the kernel gives up on unanswered packets.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import fabric
import paramiko

from magnumhub.domain.errors import AuthenticationError, DeadlineError, MagnumhubError, RefusedError, TransientError
from magnumhub.domain.results import Report
from magnumhub.remote import reachability
from magnumhub.remote.access import SSHTarget
from magnumhub.remote.known_hosts import PinnedKeys
from magnumhub.remote.shell import Finished, checked, quoted

_CONNECT_S = 15
_KEEPALIVE_S = 10
_DEAD_AFTER_S = 30
_SETTLE_S = 1

# paramiko logs tracebacks of errors that are raised as well; ours are told once.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class SSHShell:
    """A shell on one server; connects when first used, and again after the connection broke.

    Args:
        key: to log in with, also to the jump host; None: the one at the target's key_path, else ssh's own keys.
        known_hosts: file of pinned keys; None is the one in the product's state folder.
    """

    def __init__(self, target: SSHTarget, *, key: paramiko.PKey | None = None, known_hosts: Path | None = None) -> None:
        self.name = f"{target.user}@{target.host} ({target.name})"
        self._target = target
        self._key = key
        self._known_hosts = known_hosts
        self._connections: list[fabric.Connection] = []
        self._lock = threading.RLock()

    def connect(self, *, deadline_s: float, report: Report) -> None:
        """Log in, waiting for a server that still starts.

        Safe to repeat: an open connection stays.

        Raises:
            DeadlineError: it does not answer in time; says how.
            AuthenticationError: the key is not accepted.
            RefusedError: another host key than before, or the key cannot be used.
        """
        end, told = time.monotonic() + deadline_s, ""
        while True:
            try:
                self.transport()
                return
            except TransientError as error:
                if time.monotonic() >= end:
                    raise DeadlineError(f"{error.message} (tried for {deadline_s:.0f} s)", error.hint) from error
                if error.message != told:
                    told = error.message
                    report(told)
                time.sleep(min(1.0, max(0.0, end - time.monotonic())))

    def run(self, command: str, *, timeout_s: float, check: bool = True) -> Finished:
        with self._limited(timeout_s, f"running `{command}`"):
            connection = self._connection()
            result = connection.run(quoted("sh", "-c", command), hide=True, warn=True, in_stream=False)
        if result.exited == -1:
            # A server tells of a signal in a way that paramiko does not: both arrive as no exit code.
            how = "the connection broke" if is_broken(connection.transport) else "the shell was killed"
            raise TransientError(f"on {self.name}: {how} while running `{command}`")
        return checked(Finished(result.exited, result.stdout, result.stderr), command, self.name, check)

    def put(self, content: bytes, path: str, *, mode: int = 0o600, timeout_s: float = 60) -> None:
        part = f"{path}.{uuid.uuid4().hex[:8]}.part"
        try:
            self._write(content, part, mode, timeout_s)
        except RefusedError:
            folder = quoted(str(PurePosixPath(path).parent))
            self.run(f"umask 077; mkdir -p {folder}", timeout_s=timeout_s)
            self._write(content, part, mode, timeout_s)
        with self._limited(timeout_s, f"writing {path}"):
            self._connection().sftp().posix_rename(part, path)

    def _write(self, content: bytes, path: str, mode: int, timeout_s: float) -> None:
        with self._limited(timeout_s, f"writing {path}"), self._connection().sftp().open(path, "wx") as file:
            # The mode comes before the content, so that nobody else can open it in between.
            file.chmod(mode)
            file.set_pipelined(True)
            file.write(content)

    def transport(self) -> paramiko.Transport:
        """The connection that a tunnel goes through; made anew when it broke.

        Raises:
            TransientError, AuthenticationError, RefusedError: as `connect`.
        """
        return self._connection().transport

    def close(self) -> None:
        """End the connection; commands started detached go on."""
        with self._lock:
            while self._connections:
                self._connections.pop().close()

    def _connection(self) -> fabric.Connection:
        with self._lock:
            if self._connections and all(connection.is_connected for connection in self._connections):
                return self._connections[-1]
            self.close()
            self._connections = self._prepared()
            with self._limited(2 * _CONNECT_S, "connecting"), self._translated("connecting"):
                for connection in self._connections:
                    connection.open()
                    _watch_over(connection.transport)
            return self._connections[-1]

    def _prepared(self) -> list[fabric.Connection]:
        """Connections not opened yet, in the order to open them: the jump host's first."""
        target, gateway = self._target, None
        prepared = []
        if target.jump_host:
            gateway = fabric.Connection(target.jump_host, config=_no_config(), **self._options())
            PinnedKeys(gateway.host, self._known_hosts).prepare(gateway.client, gateway.host, gateway.port)
            prepared.append(gateway)
        connection = fabric.Connection(
            target.host, target.user, target.port, config=_no_config(), gateway=gateway, **self._options()
        )
        PinnedKeys(target.server_id, self._known_hosts).prepare(connection.client, target.host, target.port)
        return [*prepared, connection]

    def _options(self) -> dict[str, Any]:
        keys: dict[str, Any] = {"banner_timeout": _CONNECT_S, "auth_timeout": _CONNECT_S, "channel_timeout": _CONNECT_S}
        if self._key is not None:
            keys |= {"pkey": self._key, "look_for_keys": False, "allow_agent": False}
        elif self._target.key_path:
            path = Path(self._target.key_path).expanduser()
            if not path.is_file():
                raise RefusedError(f"access.ssh_key: there is no file {path}", "give the keypair's private key")
            keys |= {"key_filename": str(path), "look_for_keys": False, "allow_agent": False}
        return {"connect_timeout": _CONNECT_S, "connect_kwargs": keys}

    @contextmanager
    def _limited(self, timeout_s: float, doing: str) -> Iterator[None]:
        """Close the connection when the time is over: every call that waits on it then ends with an error."""
        late = threading.Event()

        def end() -> None:
            late.set()
            for connection in list(self._connections):
                connection.client.close()

        timer = threading.Timer(timeout_s, end)
        timer.daemon = True
        timer.start()
        try:
            with self._translated(doing):
                yield
        except (TransientError, AuthenticationError) as error:
            if late.is_set():
                # A login that was cut off looks to paramiko like one that was refused.
                hint = error.hint if error.transient else ""
                raise TransientError(f"on {self.name}: no end after {timeout_s:.0f} s: {doing}", hint) from error
            raise
        finally:
            timer.cancel()
        if late.is_set():
            raise TransientError(f"on {self.name}: no end after {timeout_s:.0f} s: {doing}")

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except MagnumhubError:
            raise
        except paramiko.BadHostKeyException as error:
            raise PinnedKeys(self._target.server_id, self._known_hosts).changed(self._target.host) from error
        except paramiko.AuthenticationException as error:
            raise AuthenticationError(
                f"{self.name} does not accept the key: {error}",
                "access.ssh_key must be the private key of cluster.keypair, access.ssh_user the image's user",
            ) from error
        except (PermissionError, FileNotFoundError) as error:
            raise RefusedError(f"on {self.name}: {doing}: {error}") from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            hint = ""
            if doing == "connecting" and isinstance(error, OSError):
                hint = reachability.Reachability(_connect_failure(error)).meaning
            raise TransientError(f"on {self.name}: {doing}: {error or type(error).__name__}", hint) from error


def wait_until_open(target: SSHTarget, *, deadline_s: float, report: Report) -> None:
    """Wait until the ssh port answers: the jump host's where there is one.

    Raises:
        DeadlineError: it does not; says how, and what that means.
    """
    if target.jump_host is None:
        what = f"ssh of {target.name}"
        reachability.wait_until_open(target.host, target.port, what=what, deadline_s=deadline_s, report=report)
        return
    jump = fabric.Connection(target.jump_host, config=_no_config())
    reachability.wait_until_open(jump.host, jump.port, what="access.jump_host", deadline_s=deadline_s, report=report)


def is_broken(transport: paramiko.Transport) -> bool:
    """Whether a connection is over: its thread ends the channels first, and says so of itself some moments later."""
    transport.join(_SETTLE_S)
    return not transport.is_active()


def _connect_failure(error: OSError) -> reachability.How:
    """paramiko wraps the failures of all addresses of a host into one error."""
    causes = getattr(error, "errors", None)
    return reachability.judge_connect_error(next(iter(causes.values())) if causes else error)


def _watch_over(transport: paramiko.Transport) -> None:
    """Notice a dead connection: keep it talking, and have the kernel give up on packets that nobody acknowledges."""
    transport.set_keepalive(_KEEPALIVE_S)
    if isinstance(transport.sock, socket.socket) and hasattr(socket, "TCP_USER_TIMEOUT"):
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_AFTER_S * 1000)


def _no_config() -> fabric.Config:
    """Without the user's ssh and fabric files: what a site says is all there is."""
    return fabric.Config(lazy=True, overrides={"load_ssh_configs": False})
