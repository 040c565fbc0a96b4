"""Progress on stderr while a flow runs: one live line a stage on a terminal, plain lines where there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from tasks.progress import StageEvent, listening

_MARKS = {"created": "green", "changed": "yellow", "kept": "dim", "skipped": "dim"}


@contextmanager
def progress_lines() -> Iterator[None]:
    """Show the stages of the flow that runs in the block, on stderr."""
    console = Console(stderr=True)
    display = _LiveStages(console) if console.is_terminal else _PlainStages(console)
    with display.shown(), listening(display.on_event):
        yield


class _PlainStages:
    """A line when a stage ends, and one for progress that is not too often."""

    EVERY_S = 10.0

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said_s: dict[str, float] = {}

    @contextmanager
    def shown(self) -> Iterator[None]:
        yield

    def on_event(self, event: StageEvent) -> None:
        now_s = time.monotonic()
        if event.kind == "progress":
            if now_s - self._said_s.get(event.stage, float("-inf")) < self.EVERY_S:
                return
            self._said_s[event.stage] = now_s
            self._line(f"{event.stage}: {event.text}")
        elif event.kind == "ended":
            self._line(f"{event.stage}: {event.action} ({event.duration_s:.1f} s)")
        elif event.kind == "waiting":
            self._line(f"{event.stage}: waits for a person")
        elif event.kind == "failed":
            reason = next(iter(event.text.splitlines()), "")
            self._line(f"{event.stage}: failed after {event.duration_s:.1f} s: {reason}")

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _LiveStages:
    """A table of stages that redraws itself; a running stage shows its last word and its seconds."""

    def __init__(self, console: Console) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[StageEvent, float]] = {}
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._live:
            yield

    def on_event(self, event: StageEvent) -> None:
        with self._lock:
            _, started_s = self._rows.get(event.stage, (event, time.monotonic()))
            if event.kind == "started":
                started_s = time.monotonic()
            self._rows[event.stage] = (event, started_s)

    def _render(self) -> Group:
        with self._lock:
            rows = list(self._rows.items())
        return Group(*(_row(name, event, started_s) for name, (event, started_s) in rows))


def _row(name: str, event: StageEvent, started_s: float) -> Text:
    if event.kind == "ended":
        style = _MARKS.get(event.action or "", "")
        return Text.assemble(("✓ ", style), f"{name:<16}", (f"{event.action} ", style), f"{event.duration_s:6.1f} s")
    if event.kind == "waiting":
        return Text.assemble(("… ", "yellow"), f"{name:<16}", ("waits for a person", "yellow"))
    if event.kind == "failed":
        return Text.assemble(("✗ ", "red"), f"{name:<16}", ("failed  ", "red"), f"{event.duration_s:6.1f} s")
    line = Text.assemble(("· ", "cyan"), f"{name:<16}", f"{time.monotonic() - started_s:6.0f} s  ", (event.text, "dim"))
    line.no_wrap, line.overflow = True, "ellipsis"
    return line
