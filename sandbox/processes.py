"""Programs that belong to a sandbox: they end with it, also when its server is killed.

Each carries the sandbox's random id in its environment, and so does everything it starts. What is left behind after a
SIGKILL is found by that id and by nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

MARK = "MAGNUMHUB_SANDBOX"
_ROOT = Path(__file__).resolve().parent.parent
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def start(module: str, arguments: Sequence[str], *, log: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start one of the sandbox's own modules; it is told to stop when this process dies."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=_ROOT,
            env=os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the module takes it, if it does: its default is the end


def stop(process: subprocess.Popen[bytes], grace_s: float = 10.0) -> None:
    """Ask a process to end, insist after the grace period."""
    process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def marked(variable: str, value: str) -> list[int]:
    """The processes of this user that carry this variable in their environment, but not this one."""
    needle = f"{variable}={value}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        pid = int(environment.parent.name)
        with contextlib.suppress(OSError):  # another user's, or gone meanwhile
            if pid != os.getpid() and needle in environment.read_bytes().split(b"\0"):
                found.append(pid)
    return found


def end_marked(variable: str, value: str, grace_s: float = 5.0) -> None:
    """End every process that carries the variable: SIGTERM, then SIGKILL after the grace period."""
    deadline_s = time.monotonic() + grace_s
    for pid in marked(variable, value):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    while (left := marked(variable, value)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
