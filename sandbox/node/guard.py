"""Kills what a node has started once the node is gone, however it went.

It runs as a program of its own, as small as one of Python can be, and waits for the end of its standard input: that is
a pipe whose other end only the node holds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

MARK = "MAGNUMHUB_CONTAINER"


def kill_marked(mark: str) -> None:
    """End, at once, every process whose environment carries a mark that begins with `mark`."""
    signalled: set[int] = set()
    # Looked for again, as one may have been forked while others were signalled.
    while pids := _marked(mark) - signalled:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        signalled |= pids


def _marked(mark: str) -> set[int]:
    wanted, found = f"{MARK}={mark}".encode(), set()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # another user's, or gone meanwhile
            if any(variable.startswith(wanted) for variable in environment.read_bytes().split(b"\0")):
                found.add(int(environment.parent.name))
    return found


def main() -> None:
    """Wait for the node's end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.read(0, 1)
    kill_marked(sys.argv[1])


if __name__ == "__main__":
    main()
