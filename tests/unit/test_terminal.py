"""What a person sees of a run: plain lines in a log, columns on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from flows.summary import show_plan
from flows.terminal import PlainStages, row
from magnumhub.domain.plan import Change, Plan
from tasks.progress import StageEvent

LONG = "a new one of the network that floating IPs come from, as none is marked with this role and site yet"
PLAN = Plan(
    site="iris-cam",
    changes=(
        Change(resource="address jupyterhub", action="create", reason=LONG),
        Change(resource="storage", action="keep", reason="class [fast]"),
    ),
)


class Log:
    """A log that is written to at times of our choice."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._file = io.StringIO()
        console = Console(file=self._file, width=40)
        self._stages = PlainStages(console, now_s=lambda: self.now_s)

    def hear(self, kind: str, text: str = "", **more: object) -> None:
        self._stages.on_event(StageEvent("helm", kind, text, **more))  # type: ignore[arg-type]

    @property
    def lines(self) -> list[str]:
        return self._file.getvalue().splitlines()


def test_each_end_is_one_line_however_long() -> None:
    log = Log()
    log.hear("started")
    log.hear("remark", f"Degraded: {LONG}")
    log.hear("ended", action="kept", duration_s=0.62)
    log.hear("ended", action="created", duration_s=4.0)
    log.hear("failed", "no [helm] there\nsecond line", duration_s=3.21)
    log.hear("waiting")
    assert log.lines == [
        f"helm: Degraded: {LONG}",
        "helm: ok (0.6 s)",
        "helm: created (4.0 s)",
        "helm: failed after 3.2 s: no [helm] there",
        "helm: waits for a person",
    ]


def test_progress_is_told_now_and_then_and_the_same_word_seldom() -> None:
    log = Log()
    for now_s, text in ((0, "0 of 1"), (5, "pulling"), (10, "0 of 1"), (11, "started"), (130, "started"), (131, "up")):
        log.now_s = now_s
        log.hear("progress", text)
    assert log.lines == ["helm: 0 of 1", "helm: started", "helm: up"]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (StageEvent("helm", "started"), "· helm               7.0 s  "),
        (StageEvent("helm", "progress", "uploading"), "· helm               7.0 s  uploading"),
        (StageEvent("helm", "ended", action="kept", duration_s=1.26), "✓ helm               1.3 s  ok"),
        (StageEvent("helm", "failed", "no\nway", duration_s=1.0), "✗ helm               1.0 s  failed: no"),
        (StageEvent("helm", "waiting", duration_s=1.0), "… helm               1.0 s  waits for a person"),
    ],
)
def test_rows_on_a_terminal_are_columns(event: StageEvent, text: str) -> None:
    assert row(event, elapsed_s=7.0).plain == text


def test_a_table_in_a_pipe_wraps_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(PLAN)
    assert capsys.readouterr().out.splitlines() == [
        f"resource            action  why{' ' * (len(LONG) - 3)}  what users notice",
        f"address jupyterhub  create  {LONG}",
        "storage             keep    class [fast]",
    ]


def test_a_table_on_a_terminal_stays_within_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TTY_COMPATIBLE": "1", "COLUMNS": "60", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    show_plan(PLAN)
    lines = Text.from_ansi(capsys.readouterr().out).plain.splitlines()
    assert len(lines) > 4
    assert max(map(len, lines)) <= 60
