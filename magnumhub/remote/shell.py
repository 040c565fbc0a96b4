"""One interface to run commands: on this machine, or on a master through ssh.

Paths are relative to the shell's home. Commands are for sh and carry no secrets: those travel as files, `put` with mode
0600, which the command that reads them removes first.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from magnumhub.domain.errors import ServiceError, TransientError

FOLDER = ".magnumhub"
"""Everything of ours on a machine is in this folder of its home."""


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    exit_code: int
    stdout: str
    stderr: str


class Shell(Protocol):
    """Where commands run. name: for messages, as in "core@128.232.227.1 (hub-master-0)"."""

    name: str

    def run(self, command: str, *, timeout_s: float, check: bool = True) -> Finished:
        """Run a command for sh and wait for its end.

        Raises:
            ServiceError: it failed, unless `check` is false.
            TransientError: the connection broke, or no end within timeout_s; whether it ran is not known.
        """

    def put(self, content: bytes, path: str, *, mode: int = 0o600, timeout_s: float = 60) -> None:
        """Write a file, whole or not at all; its folders are made readable by the owner only.

        Raises:
            TransientError: the connection broke, or it took longer than timeout_s.
        """


class LocalShell:
    """This machine, the runner.

    Args:
        home: folder that paths are relative to; None is the folder for the product's state.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.name = "this machine"
        self._home = home or state_folder() / "runner"

    def run(self, command: str, *, timeout_s: float, check: bool = True) -> Finished:
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        process = subprocess.Popen(  # noqa: S603  the commands are the product's own
            ["sh", "-c", command],  # noqa: S607
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise TransientError(f"on {self.name}: no end after {timeout_s:.0f} s: {command}") from error
        return checked(Finished(process.returncode, stdout, stderr), command, self.name, check)

    def put(self, content: bytes, path: str, *, mode: int = 0o600, timeout_s: float = 60) -> None:
        target = self._home / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        part.replace(target)


def checked(finished: Finished, command: str, where: str, check: bool) -> Finished:
    """The finished command, or an error with its own words when it failed and that matters."""
    if check and finished.exit_code != 0:
        said = (finished.stderr.strip() or finished.stdout.strip())[-2000:]
        raise ServiceError(f"on {where}: exit code {finished.exit_code} of `{command}`: {said}")
    return finished


def quoted(*words: str) -> str:
    """Words as one command line for sh."""
    return shlex.join(words)


def state_folder() -> Path:
    """Where the product keeps what must survive a run: pinned host keys, running jobs."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "magnumhub"


def cache_folder() -> Path:
    """Where the product keeps what it can fetch again: charts, helm."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "magnumhub"
