"""Commands that outlive the connection, and the process, that started them: found again and waited for by a later run.

A job holds a file lock for as long as it or a child of it runs, which the kernel lets go of however it ends: so whether
it still runs is never guessed from a process id. Its input files are opened and removed before its command starts.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from magnumhub.domain.errors import DeadlineError, TransientError
from magnumhub.domain.results import Report
from magnumhub.remote.shell import FOLDER, Finished, Shell, quoted

_ANSWER_S = 30
_LOOK_S = 5
_TELL_EVERY_S = 15.0
_FIRST_FD = 4
_INPUTS = "inputs"
_SAID_BYTES = 20000


@dataclass(frozen=True)
class JobState:
    """none: never started here; died: its process was killed before it could say how it ended.

    ended_at: by that machine's clock, in seconds since 1970.
    """

    step: Literal["none", "running", "ended", "died"]
    exit_code: int | None = None
    ended_at: float | None = None


class Job:
    """One job at a time under a name, on one machine."""

    def __init__(self, shell: Shell, name: str) -> None:
        self._shell = shell
        self._folder = f"{FOLDER}/jobs/{name}"
        self.name = name

    def start(self, command: str, inputs: Mapping[str, bytes]) -> None:
        """Start a command detached.

        Args:
            command: for sh; "{name}" stands for the path of an input.
            inputs: files by name; nobody else can read them, and they are gone once the command has started.

        Raises:
            TransientError: the connection broke, or the machine is too busy; `state` tells whether it runs.
        """
        for name, content in inputs.items():
            self._shell.put(content, f"{self._folder}/{_INPUTS}/{name}")
        self._shell.put(_script(command, list(inputs)).encode(), f"{self._folder}/run", mode=0o700)
        # The lock's wait covers a look at the lock that happens just now.
        done = self._shell.run(
            f"cd {quoted(self._folder)} && rm -f started ended || exit 1; "
            "setsid nohup flock -w 10 lock sh ./run </dev/null >/dev/null 2>&1 & "
            "n=0; while [ ! -e started ] && [ $n -lt 200 ]; do sleep 0.05; n=$((n+1)); done; [ -e started ]",
            timeout_s=_ANSWER_S,
            check=False,
        )
        if done.exit_code:
            raise TransientError(
                f"{self.name} on {self._shell.name} did not start: {done.stderr.strip() or 'no sign of it in 10 s'}",
                "is that machine overloaded, or its disk full?",
            )

    def state(self, *, wait_s: float = 0) -> JobState:
        """What has become of it, seen after at most wait_s seconds or when it ends."""
        seen = self._shell.run(
            f"cd {quoted(self._folder)} 2>/dev/null && [ -e started ] || {{ echo none; exit; }}; "
            f"if ! flock -w {wait_s:.0f} lock true; then echo running; "
            "elif [ -e ended ]; then echo ended $(cat ended) $(stat -c %Y ended); else echo died; fi",
            timeout_s=_ANSWER_S + wait_s,
        )
        match seen.stdout.split():
            case ["ended", code, at]:
                return JobState("ended", int(code), float(at))
            case ["running" | "died" as step]:
                return JobState(step)
            case _:
                return JobState("none")

    def wait(self, *, deadline_s: float, report: Report) -> Finished | None:
        """Wait for its end, through broken connections.

        Args:
            deadline_s: in seconds.

        Returns:
            How it ended and what it said of errors; None when it died without saying so.

        Raises:
            DeadlineError: it still runs; it is left alone, and a later run finds it.
        """
        start = told = time.monotonic()
        last = ""
        while (passed := time.monotonic() - start) < deadline_s:
            try:
                seen = self.state(wait_s=min(_LOOK_S, max(1, deadline_s - passed)))
                if seen.step != "running":
                    return self._finished(seen)
                last = "it still runs"
            except TransientError as error:
                last = error.message
                time.sleep(1)
            if time.monotonic() - told > _TELL_EVERY_S:
                told = time.monotonic()
                report(f"{self.name} on {self._shell.name}: {last} ({passed:.0f} s)")
        raise DeadlineError(
            f"{self.name} on {self._shell.name} has not ended after {deadline_s:.0f} s: {last}",
            "run again: it is found and waited for",
        )

    def _finished(self, seen: JobState) -> Finished | None:
        if seen.exit_code is None:
            return None
        stderr = self._shell.run(f"tail -c {_SAID_BYTES} {quoted(self._folder)}/err", timeout_s=_ANSWER_S).stdout
        return Finished(seen.exit_code, "", stderr)


def job_name(*parts: str) -> str:
    """A name for a folder from words."""
    return ".".join(re.sub(r"[^A-Za-z0-9_-]", "-", part) for part in parts)


def sweep(shell: Shell) -> None:
    """Remove input files that a killed run left before their command could: each lives for an instant otherwise."""
    shell.run(
        f"find {FOLDER}/{_INPUTS} {FOLDER}/jobs/*/{_INPUTS} -type f -mmin +1 -exec rm -f {{}} + 2>/dev/null",
        timeout_s=_ANSWER_S,
        check=False,
    )


def run_with_input(shell: Shell, command: str, name: str, content: bytes, *, timeout_s: float) -> Finished:
    """Run a short command that reads one secret file as {name}; how it ended is the caller's to judge."""
    path = f"{FOLDER}/{_INPUTS}/{uuid.uuid4().hex}"
    shell.put(content, path)
    return shell.run(with_inputs(command, {name: path}), timeout_s=timeout_s, check=False)


def with_inputs(command: str, inputs: Mapping[str, str]) -> str:
    """A command for sh that opens its input files, removes them, and reads them as "{name}".

    Args:
        inputs: path by name. Linux opens an open file again by /dev/fd, even after its name is gone.
    """
    numbers = {name: _FIRST_FD + n for n, name in enumerate(inputs)}
    opened = [f"exec {numbers[name]}<{quoted(path)} && rm -f {quoted(path)}" for name, path in inputs.items()]
    for name, number in numbers.items():
        command = command.replace(f"{{{name}}}", f"/dev/fd/{number}")
    return " && ".join([*opened, command])


def _script(command: str, names: list[str]) -> str:
    inside = with_inputs(command, {name: f"{_INPUTS}/{name}" for name in names})
    return f"umask 077\ntouch started\n{{ {inside}; }} >/dev/null 2>err\necho $? >ended.part && mv ended.part ended\n"
