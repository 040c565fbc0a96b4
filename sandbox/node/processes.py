"""Process groups that end for certain.

A container's process gets a session of its own and a mark in its environment. A signal goes to the group; what is left
in other sessions (Jupyter starts kernels so) is found by the mark. A guard process outlives the node by a moment: when
the node ends, however it ends, the guard kills whatever carries the node's mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

MARK = "MAGNUMHUB_CONTAINER"
_PROC = Path("/proc")


async def start(
    argv: list[str], environment: dict[str, str], folder: Path, output: Path, mark: str
) -> asyncio.subprocess.Process:
    """Run a program in a session of its own, its output appended to a file.

    Raises:
        OSError: there is no such program, or it cannot be run.
    """
    with output.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *argv,
            env={**environment, MARK: mark},
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


async def run(argv: list[str], environment: dict[str, str], folder: Path, timeout_s: float, mark: str) -> str:
    """Run a short command to its end: "" or why it failed."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env={**environment, MARK: mark},
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await process.communicate()
    except TimeoutError:
        kill_marked(mark)
        return f"command timed out after {timeout_s:g}s"
    return "" if process.returncode == 0 else output.decode(errors="replace").strip() or f"exit {process.returncode}"


def terminate(process: asyncio.subprocess.Process) -> None:
    """Ask the process's group to end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)


def kill_marked(mark: str) -> None:
    """End, at once, every process whose mark begins with `mark`."""
    signalled: set[int] = set()
    # Looked for again, as one may have been forked while others were signalled.
    while pids := _marked(mark) - signalled:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        signalled |= pids


def _marked(mark: str) -> set[int]:
    wanted = f"{MARK}={mark}".encode()
    found = set()
    for entry in _PROC.iterdir():
        # A process that is gone meanwhile, or another user's.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and any(
                variable.startswith(wanted) for variable in (entry / "environ").read_bytes().split(b"\0")
            ):
                found.add(int(entry.name))
    return found


def start_guard(mark: str) -> None:
    """Fork the process that kills everything marked once this process is gone.

    It must be called before there are threads or an event loop.
    """
    reader, writer = os.pipe()
    if os.fork():
        os.close(reader)  # the writing end stays open until this process ends
        return
    os.close(writer)
    os.setsid()  # a signal to the node's group must not reach it
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.read(reader, 1)
    kill_marked(mark)
    sys.stdout.flush()
    os._exit(0)
