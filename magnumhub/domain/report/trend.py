"""A picture of a site's last checks: the level of each by colour and letter, the benchmark's seconds as bars.

An SVG of its own light background: Prefect's older UI is dark. Few enough shapes to be written by hand; a plotting
library would be the largest dependency of the product.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape

from magnumhub.domain.findings import Level
from magnumhub.domain.history import Record

SHOWN = 30

_COLOURS: dict[Level, str] = {
    "Healthy": "#2e7d32",
    "Degraded": "#f9a825",
    "Unhealthy": "#c62828",
    "Unknown": "#6a6a6a",
    "Skipped": "#b0b0b0",
}
_LETTERS: dict[Level, str] = {"Healthy": "H", "Degraded": "D", "Unhealthy": "U", "Unknown": "?", "Skipped": "S"}
_WIDTH, _HEIGHT = 760, 250
_LEFT, _RIGHT = 50, 740
_TOP, _BASE = 56, 166
"""Of the bars: where the largest begins and where all end."""
_STEP = (_RIGHT - _LEFT) / SHOWN
_INK = "#222222"


def trend_picture(records: Sequence[Record]) -> str:
    """The SVG of the newest SHOWN of these records, which are newest first; the newest stands at the right."""
    shown = list(reversed(records[:SHOWN]))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}"'
            f' viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="#ffffff"/>',
            *_heading(shown),
            *_seconds(shown),
            *_levels(shown),
            *_legend(),
            "</svg>",
        ]
    )


def as_data_uri(svg: str) -> str:
    """The picture as an address that markdown can show: Prefect's UI drops an inline SVG."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _heading(shown: list[Record]) -> Iterator[str]:
    site = shown[-1].health.site if shown else ""
    count = "the last check" if len(shown) == 1 else f"the last {len(shown)} checks"
    yield _text(_LEFT, 24, f"{site}: {count}", size=15, bold=True)
    yield _text(_LEFT, 42, "bars: seconds of the benchmark's computation; squares: level of the check")


def _seconds(shown: list[Record]) -> Iterator[str]:
    taken = [record.health.benchmark.compute_s if record.health.benchmark else None for record in shown]
    known = [seconds for seconds in taken if seconds is not None]
    yield f'<line x1="{_LEFT}" y1="{_BASE}" x2="{_RIGHT}" y2="{_BASE}" stroke="#888888"/>'
    if not known:
        yield _text(_LEFT + 8, (_TOP + _BASE) / 2, "no computation ended in these checks")
        return
    most = max(known) or 1.0
    for part in (0.5, 1.0):
        y = _BASE - part * (_BASE - _TOP)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>'
        yield _text(_LEFT - 6, y + 4, f"{part * most:.1f} s", anchor="end")
    for place, seconds in enumerate(taken):
        if seconds is not None:
            height = max(1.0, seconds / most * (_BASE - _TOP))
            yield (
                f'<rect x="{_x(place, shown) + 3:.1f}" y="{_BASE - height:.1f}" width="{_STEP - 6:.1f}"'
                f' height="{height:.1f}" fill="#5b7db1"/>'
            )


def _levels(shown: list[Record]) -> Iterator[str]:
    for place, record in enumerate(shown):
        level, x = record.health.level, _x(place, shown)
        yield (
            f'<rect x="{x + 1:.1f}" y="{_BASE + 8}" width="{_STEP - 2:.1f}" height="20" rx="3"'
            f' fill="{_COLOURS[level]}"/>'
        )
        yield _text(x + _STEP / 2, _BASE + 22, _LETTERS[level], anchor="middle", colour=_ink_on(level))
    if shown:
        yield _text(_RIGHT, _BASE + 44, shown[-1].health.started_at[:10], anchor="end")
    if len(shown) > 8:  # two dates need their room
        yield _text(_x(0, shown), _BASE + 44, shown[0].health.started_at[:10])


def _legend() -> Iterator[str]:
    for place, (level, colour) in enumerate(_COLOURS.items()):
        x = _LEFT + place * 110
        yield f'<rect x="{x}" y="{_HEIGHT - 24}" width="14" height="14" rx="3" fill="{colour}"/>'
        yield _text(x + 20, _HEIGHT - 12, f"{_LETTERS[level]} {level}")


def _x(place: int, shown: list[Record]) -> float:
    """Where a check stands: the newest at the right edge, however few there are."""
    return _RIGHT - (len(shown) - place) * _STEP


def _ink_on(level: Level) -> str:
    return _INK if level in ("Degraded", "Skipped") else "#ffffff"


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, bold: bool = False, colour: str = _INK
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight} fill="{colour}">'
        f"{escape(text)}</text>"
    )
