"""What a server answered to one client, written into the test's transcript."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paramiko

from magnumhub.domain.errors import MagnumhubError
from tests.contract.transcript import Transcript

SERVICE = "ssh"
# Servers and ways to them are on this machine, but for a given one, which `names` knows.
_VOLATILE = {
    r"\b127(\.[0-9]+){3}\b": "<host>",
    r"(?<=port )[0-9]{4,}": "<port>",
    r"[0-9a-f]{8}(?=\.part\b)": "<random>",
}


@dataclass
class Told:
    """The transcript, and what was asked of the server in the words of the test."""

    transcript: Transcript

    def add(self, asked: str, **answer: Any) -> None:
        words = json.dumps({"asked": asked, **answer})
        for pattern, name in _VOLATILE.items():
            words = re.sub(pattern, name, words)
        plain = json.loads(words)
        self.transcript.add(SERVICE, plain.pop("asked"), **plain)

    def attempt(self, asked: str, call: Callable[[], Any]) -> Exception | None:
        """Do what may fail; how it fails is what is told."""
        try:
            returned = call()
        except (MagnumhubError, paramiko.SSHException, OSError, EOFError) as error:
            self.add(asked, error=type(error).__name__, said=_said(error))
            return error
        self.add(asked, returned=returned)
        return None

    def command(self, client: paramiko.SSHClient, command: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """Exit code and both outputs of a command."""
        exit_code, stdout, stderr = self.run(client, command, stdin)
        self.add(command, exit_code=exit_code, stdout=_shown(stdout), stderr=_shown(stderr))
        return exit_code, stdout, stderr

    @staticmethod
    def run(client: paramiko.SSHClient, command: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """The same, told to nobody."""
        channel = client.get_transport().open_session(timeout=30)
        channel.settimeout(60)
        channel.exec_command(command)
        channel.sendall(stdin)
        channel.shutdown_write()
        stderr: list[bytes] = []
        # Both are read at once: a server stops at a full window of either.
        reading = threading.Thread(target=lambda: stderr.append(channel.makefile_stderr("rb").read()))
        reading.start()
        stdout = channel.makefile("rb").read()
        reading.join()
        return channel.recv_exit_status(), stdout, stderr[0]

    def program(self, arguments: list[str], *, stdin: str = "", shown: str) -> subprocess.CompletedProcess[str]:
        """A run of OpenSSH's own ssh or sftp; its files and ports are the test's, so `shown` is told instead."""
        done = subprocess.run(arguments, input=stdin, capture_output=True, text=True, timeout=60)
        self._ended(done, shown)
        return done

    def broken_program(
        self, arguments: list[str], cut: Callable[[], None], *, shown: str
    ) -> subprocess.CompletedProcess[str]:
        """As `program`, of one whose connection is cut when its first line has come."""
        pipe = subprocess.PIPE
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True) as process:
            assert process.stdout
            first = process.stdout.readline()
            cut()
            stdout, stderr = process.communicate(timeout=60)
        done = subprocess.CompletedProcess(arguments, process.returncode, first + stdout, stderr)
        self._ended(done, shown)
        return done

    def _ended(self, done: subprocess.CompletedProcess[str], shown: str) -> None:
        stderr = [line for line in done.stderr.splitlines() if not line.startswith("Warning: Permanently added")]
        self.add(shown, exit_code=done.returncode, stdout=done.stdout, stderr=stderr)


def _said(error: Exception) -> Any:
    if isinstance(error, MagnumhubError):
        return {"message": error.message, "hint": error.hint, "transient": error.transient}
    return str(error)


def _shown(output: bytes) -> str:
    return output.decode(errors="backslashreplace") if len(output) < 10_000 else f"{len(output)} bytes"
