"""Run the computation on Dask where users run it, a notebook's kernel, and from the runner, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from magnumhub.domain.dask_outcome import DaskOutcome, Origin
from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.results import Report
from magnumhub.services import dask_program
from magnumhub.services.gateway import Gateway
from magnumhub.services.kernel import execute
from magnumhub.services.notebook_server import NotebookServer

_KEPT_LINES = 5


@dataclass(frozen=True)
class DaskRequest:
    """What to compute, on how many workers, and how long each part may take.

    Args:
        workers, required: how many are asked for, how many are enough to compute.
        array_size, chunk: edge lengths of the random array and of its chunks.
        other_s: for all calls beside the three waits: connecting, listing, versions.
        grace_s: from being told to stop until being killed; stopping the Dask clusters takes its time.
    """

    workers: int
    required: int
    array_size: int
    chunk: int
    scheduler_s: int
    workers_s: int
    benchmark_s: int
    other_s: int = 120
    grace_s: float = 2 * dask_program.CLEAR_LIMIT_S

    @property
    def deadline_s(self) -> float:
        return self.scheduler_s + self.workers_s + self.benchmark_s + self.other_s


def run_in_notebook(server: NotebookServer, request: DaskRequest, *, report: Report) -> DaskOutcome:
    """Compute in a kernel of a user's notebook server, against the gateway that its environment names.

    Safe to repeat: what an earlier run left on the gateway is stopped first.

    Raises:
        MagnumhubError: the kernel could not be used; what goes wrong inside it is in the outcome.
    """
    source = Path(dask_program.__file__).read_text(encoding="utf-8")
    params = {**asdict(request), "address": None, "proxy_address": None, "token": None}
    code = f"{source}\nmain(json.loads({json.dumps(params)!r}))\n"
    lines = _Lines(report)
    execution = execute(server, code, deadline_s=request.deadline_s, grace_s=request.grace_s, report=lines.take)
    return lines.outcome("notebook", request, interrupted=execution.interrupted, last_words=execution.error)


def run_on_runner(
    request: DaskRequest, *, address: str, proxy_address: str | None = None, token: str, report: Report
) -> DaskOutcome:
    """Compute from this machine, in a process of its own that is killed when it does not end in time.

    Safe to repeat: what an earlier run left on the gateway is stopped first, what a killed one leaves afterwards.

    Args:
        address: the gateway's public URL.
        proxy_address: where its schedulers are reached; None: at the same port.
        token: of a hub user whose Dask clusters are all ours; it travels through the process's stdin.
    """
    params = {**asdict(request), "address": address, "proxy_address": proxy_address, "token": token}
    lines = _Lines(report)
    with _Process(params, grace_s=request.grace_s) as process:
        ended = process.follow(lines.take, deadline_s=request.deadline_s)
    outcome = lines.outcome("runner", request, interrupted=not ended, last_words=" ".join(process.last_words))
    return outcome if outcome.cleared else _cleared_from_outside(outcome, address, token, report)


def _cleared_from_outside(outcome: DaskOutcome, address: str, token: str, report: Report) -> DaskOutcome:
    try:
        with Gateway(address, token) as gateway:
            gateway.clear(deadline_s=dask_program.CLEAR_LIMIT_S)
    except MagnumhubError as error:
        report(f"Dask clusters not stopped: {error.message}")
        return outcome
    return outcome.model_copy(update={"cleared": True})


class _Lines:
    """What a computation prints: progress is passed on, the outcome is kept."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._outcome: dict[str, Any] | None = None
        self._phase = "gateway"
        self._dask_cluster = ""

    def take(self, line: str) -> None:
        if line.startswith(dask_program.MARKER):
            self._outcome = json.loads(line.removeprefix(dask_program.MARKER))
        elif line.strip():
            if line.startswith(dask_program.NAMED):
                self._dask_cluster = line.removeprefix(dask_program.NAMED)
            elif not line.startswith(" "):
                self._phase = line
            self._report(line.strip())

    def outcome(self, origin: Origin, request: DaskRequest, *, interrupted: bool, last_words: str) -> DaskOutcome:
        seen = self._outcome or {"failed": {"phase": self._phase, "kind": "Died", "text": f"it ended: {last_words}"}}
        if interrupted:
            text = f"not finished after {request.deadline_s:.0f} s"
            phase = seen.get("failed", {}).get("phase", self._phase)
            seen = {**seen, "failed": {"phase": phase, "kind": "Deadline", "text": text}}
        asked = {key: getattr(request, key) for key in ("required", "array_size", "chunk")}
        return DaskOutcome.model_validate(
            {**seen, **asked, "origin": origin, "asked": request.workers, "dask_cluster": self._dask_cluster}
        )


class _Process:
    """The subprocess, in a process group of its own; leaving the context leaves nothing of it."""

    def __init__(self, params: dict[str, object], *, grace_s: float) -> None:
        self.last_words: deque[str] = deque(maxlen=_KEPT_LINES)
        self._params = params
        self._grace_s = grace_s
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._told = self._ended = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "magnumhub.services.dask_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdin = self._process.stdin
        threading.Thread(target=self._read_stdout, args=(self._process.stdout,), daemon=True).start()
        threading.Thread(target=self._read_stderr, args=(self._process.stderr,), daemon=True).start()

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            if not self._ended and not self._told:
                self._tell_to_stop(lambda line: None)
        finally:
            # Not waited for before: until then its group's number cannot belong to anybody else.
            self._signal(signal.SIGKILL)
            self._process.wait()
            with contextlib.suppress(OSError):
                self._stdin.close()

    def follow(self, take: Report, *, deadline_s: float) -> bool:
        """Hand on the lines as they come, in this thread; False when the process had to be stopped at the deadline."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(json.dumps(self._params) + "\n")
            self._stdin.flush()
        if self._drain(take, deadline_s):
            return True
        self._tell_to_stop(take)
        return False

    def _tell_to_stop(self, take: Report) -> None:
        self._told = True
        self._signal(signal.SIGTERM)
        self._drain(take, self._grace_s)

    def _drain(self, take: Report, limit_s: float) -> bool:
        end = time.monotonic() + limit_s
        while not self._ended and (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                line = self._lines.get(timeout=left)
                if line is None:
                    self._ended = True
                else:
                    take(line)
        return self._ended

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def _read_stdout(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_stderr(self, stream: IO[str]) -> None:
        for line in stream:
            self.last_words.append(line.strip())


def _environment() -> dict[str, str]:
    """This process's environment without what would configure Dask, or belongs to a hub or to Prefect."""
    foreign = ("DASK_", "JUPYTER", "PREFECT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
