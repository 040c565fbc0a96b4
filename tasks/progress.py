"""One place where a stage says that it began, what it waits for, and how it ended.

Stages report in plain lines; who listens decides what becomes of them: the run's log in Prefect's UI, the line on a
terminal, the list of stages in the final document. Listeners live in the process that runs the flow, as do its tasks
(threads).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from magnumhub.domain.errors import MagnumhubError, WaitingError
from magnumhub.domain.redaction import redact
from magnumhub.domain.report.live import spent
from magnumhub.domain.results import Action, StageRecord

LOG_EVERY_S = 15.0
"""A long wait writes a log line this often at most: the UI's log tab is read by people."""


@dataclass(frozen=True)
class StageEvent:
    """What happened in a stage; `action` and `duration_s` are set when it ended."""

    stage: str
    kind: Literal["started", "progress", "remark", "ended", "waiting", "failed"]
    text: str = ""
    action: Action | None = None
    duration_s: float = 0.0


Listener = Callable[[StageEvent], None]
_listeners: list[Listener] = []
_hidden: list[tuple[str, ...]] = []


@contextmanager
def hiding(secrets: Iterable[str]) -> Iterator[None]:
    """Let no stage of this process say any of these secrets while the block runs: stages quote what services say."""
    known = tuple(secrets)
    _hidden.append(known)
    try:
        yield
    finally:
        _hidden.remove(known)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hand every event of this process to `listener` while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def recording() -> Iterator[list[StageRecord]]:
    """Collect the stages that end while the block runs, in the order in which they ended."""
    records: list[StageRecord] = []

    def record(event: StageEvent) -> None:
        if event.kind == "ended" and event.action is not None:
            records.append(StageRecord(name=event.stage, action=event.action, duration_s=round(event.duration_s, 3)))

    with listening(record):
        yield records


@dataclass
class Stage:
    """A running stage: call it with a line of progress; set `action` to what was done.

    A line of progress is of the moment. What should be read at the end as well is a `remark`.
    """

    name: str
    action: Action = "kept"
    _started_s: float = field(default_factory=time.monotonic, repr=False)
    _logged_s: float = field(default=float("-inf"), repr=False)

    def __call__(self, text: str) -> None:
        _publish(StageEvent(self.name, "progress", text))
        if time.monotonic() - self._logged_s >= LOG_EVERY_S:
            self._logged_s = time.monotonic()
            _log(f"{self.name} ({spent(self._logged_s - self._started_s)}): {text}")

    def remark(self, text: str) -> None:
        _publish(StageEvent(self.name, "remark", text))
        _log(f"{self.name}: {text}")


@contextmanager
def stage(name: str) -> Iterator[Stage]:
    """Announce a stage, time it, and say how it ended, also when it raises."""
    started_s = time.monotonic()
    running = Stage(name)
    _publish(StageEvent(name, "started"))
    try:
        yield running
    except BaseException as error:
        kind: Literal["waiting", "failed"] = "waiting" if isinstance(error, WaitingError) else "failed"
        text = error.message if isinstance(error, MagnumhubError) else str(error)
        _publish(StageEvent(name, kind, text, duration_s=time.monotonic() - started_s))
        raise
    duration_s = time.monotonic() - started_s
    _publish(StageEvent(name, "ended", action=running.action, duration_s=duration_s))
    _log(f"{name}: {running.action} in {duration_s:.1f} s")


def _publish(event: StageEvent) -> None:
    event = replace(event, text=_without_secrets(event.text))
    for listener in tuple(_listeners):
        listener(event)


def _without_secrets(text: str) -> str:
    return redact(text, (secret for secrets in tuple(_hidden) for secret in secrets))


def _log(text: str) -> None:
    # Imported late: it takes seconds, and those who listen are there before it.
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        get_run_logger().info(_without_secrets(text))
    except MissingContextError:  # a task's function called by itself, as in a notebook: there is no run to log to
        return
