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
import subprocess
import sys
from pathlib import Path

from sandbox.node.guard import MARK, kill_marked

_UMASK = 0o022  # a container's, whatever that of the sandbox's user is


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
            umask=_UMASK,
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
        umask=_UMASK,
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


def start_guard(mark: str) -> subprocess.Popen[bytes]:
    """Start the program that kills everything marked once this process is gone, or leaves the returned context."""
    guard = Path(__file__).with_name("guard.py")
    # Isolated and without site-packages: it is there as long as the node is, and should cost little.
    program = [sys.executable, "-I", "-S", str(guard), mark]
    return subprocess.Popen(program, stdin=subprocess.PIPE, start_new_session=True)
