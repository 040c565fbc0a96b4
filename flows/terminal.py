"""Progress on stderr while a flow runs: one live line a stage on a terminal, plain lines where there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from tasks.progress import StageEvent, listening

_STARTING = "starting"  # a row of its own until the first stage begins: Prefect takes its seconds
_WORDS = {"kept": "ok"}  # to a person; "kept" is the document's word
_STYLES = {"created": "green", "changed": "yellow", "kept": "dim", "skipped": "dim"}


@contextmanager
def progress_lines() -> Iterator[None]:
    """Show the stages of the flow that runs in the block, on stderr."""
    console = Console(stderr=True)
    display = LiveStages(console) if console.is_terminal else PlainStages(console)
    with display.shown(), listening(display.on_event):
        yield


class PlainStages:
    """A line when a stage ends, one for each remark, and some of its progress: logs are read afterwards.

    Args:
        now_s: the clock; monotonic.
    """

    _NEWS_EVERY_S = 10.0
    _SAME_EVERY_S = 120.0

    def __init__(self, console: Console, now_s: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now_s = now_s
        self._said: dict[str, tuple[str, float]] = {}

    @contextmanager
    def shown(self) -> Iterator[None]:
        yield

    def on_event(self, event: StageEvent) -> None:
        if event.kind == "remark" or (event.kind == "progress" and self._is_due(event)):
            self._line(f"{event.stage}: {event.text}")
        elif event.kind == "ended":
            self._line(f"{event.stage}: {_word(event)} ({event.duration_s:.1f} s)")
        elif event.kind == "waiting":
            self._line(f"{event.stage}: waits for a person")
        elif event.kind == "failed":
            self._line(f"{event.stage}: failed after {event.duration_s:.1f} s: {_first_line(event.text)}")

    def _is_due(self, event: StageEvent) -> bool:
        text, said_s = self._said.get(event.stage, ("", float("-inf")))
        every_s = self._SAME_EVERY_S if event.text == text else self._NEWS_EVERY_S
        if self._now_s() - said_s < every_s:
            return False
        self._said[event.stage] = event.text, self._now_s()
        return True

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveStages:
    """A table of stages that redraws itself; a running stage shows its last word and its seconds."""

    def __init__(self, console: Console) -> None:
        self._lock = threading.Lock()
        self._rows = {_STARTING: (StageEvent(_STARTING, "started", "Prefect"), time.monotonic())}
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._live:
            try:
                yield
            finally:
                self._forget_start()

    def on_event(self, event: StageEvent) -> None:
        self._forget_start()
        if event.kind == "remark":
            self._live.console.print(Text.assemble(("! ", "yellow"), f"{event.stage}: {event.text}"), highlight=False)
            return
        with self._lock:
            _, started_s = self._rows.get(event.stage, (event, time.monotonic()))
            if event.kind == "started":
                started_s = time.monotonic()
            self._rows[event.stage] = (event, started_s)

    def _forget_start(self) -> None:
        with self._lock:
            self._rows.pop(_STARTING, None)

    def _render(self) -> Group:
        with self._lock:
            rows = list(self._rows.values())
        return Group(*(row(event, time.monotonic() - started_s) for event, started_s in rows))


def row(event: StageEvent, elapsed_s: float) -> Text:
    """A stage's line: mark, name, seconds, what is or was done; cut where the terminal ends."""
    if event.kind == "ended":
        style = _STYLES[event.action or "kept"]
        return _columns(("✓", style), event.stage, event.duration_s, (_word(event), style))
    if event.kind == "waiting":
        return _columns(("…", "yellow"), event.stage, event.duration_s, ("waits for a person", "yellow"))
    if event.kind == "failed":
        return _columns(("✗", "red"), event.stage, event.duration_s, (f"failed: {_first_line(event.text)}", "red"))
    return _columns(("·", "cyan"), event.stage, elapsed_s, (_first_line(event.text), "dim"))


def _columns(mark: tuple[str, str], stage: str, seconds: float, words: tuple[str, str]) -> Text:
    line = Text.assemble(mark, f" {stage:<15} {seconds:6.1f} s  ", words)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _word(event: StageEvent) -> str:
    return _WORDS.get(event.action or "kept", event.action or "")


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")
