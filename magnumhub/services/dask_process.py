"""The runner's process around the computation: `python -m magnumhub.services.dask_process`.

Parameters, the token among them, come as one line on stdin. Stdin then stays open as a lifeline: when it ends, whoever
started this process is gone (killed, perhaps), and the computation is stopped and tidied up as on SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from magnumhub.services import dask_program


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt("stopped")


def _watch_lifeline() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Compute as stdin says; the outcome is on stdout."""
    signal.signal(signal.SIGTERM, _interrupt)
    params = json.loads(sys.stdin.readline())
    threading.Thread(target=_watch_lifeline, daemon=True).start()
    dask_program.main(params)
    # No orderly end: threads of distributed and abandoned calls could hold the interpreter for ever.
    os._exit(0)


if __name__ == "__main__":
    main()
