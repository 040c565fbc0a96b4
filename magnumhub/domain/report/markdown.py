"""A check as markdown: the overview that a person opens first, and the pages behind it.

Whatever a service said stands in these pages, so every cell is escaped: it can neither break a table nor become a link.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from magnumhub.domain.findings import Finding, Level
from magnumhub.domain.health import Health
from magnumhub.domain.history import Record
from magnumhub.domain.report.trend import as_data_uri, trend_picture
from magnumhub.domain.version_matrix import COMPARED

_SPECIAL = re.compile(r"([\\|`*_<>\[\]])")
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s|`<>\\]+")
_PEERS = ("notebook", "scheduler", "workers")
"""Components that send Python objects to one another: what one of them has, the others need as well."""


def overview(record: Record, history: Sequence[Record]) -> str:
    """What a person reads first: the level, what to do, each check, and the last 30 checks as a picture."""
    health = record.health
    return "\n\n".join(
        [
            f"# {health.level}: {cell(health.site)}",
            f"Checked {when(health.started_at)}, in {health.duration_s:.0f} s.",
            *_most_important(health.findings),
            checks_table(health),
            f"![levels and benchmark of the last checks]({as_data_uri(trend_picture([record, *history]))})",
        ]
    )


def checks_table(health: Health) -> str:
    """What each check saw."""
    rows = ((c.name, marked(c.level), f"{c.duration_s:.1f}", cell(c.summary)) for c in health.checks)
    return table(("check", "level", "seconds", "what was seen"), rows)


def findings_page(health: Health) -> str:
    """Every finding with its remedy, as the document orders them: the most likely cause first."""
    head = f"# Findings: {cell(health.site)}, {when(health.started_at)}"
    if not health.findings:
        return f"{head}\n\nNothing was found."
    rows = (
        (marked(f.level), f.check, f.category.value, cell(f.summary), cell(f.remedy) or "–") for f in health.findings
    )
    return f"{head}\n\n{table(('level', 'check', 'category', 'what was seen', 'what to do'), rows)}"


def versions_page(health: Health) -> str:
    """Package by component; a cell that differs from the notebook's is marked."""
    head = f"# Versions: {cell(health.site)}, {when(health.started_at)}"
    if not health.versions:
        return f"{head}\n\nNo component was reached that could be asked."
    components = list(health.versions)
    packages = dict.fromkeys(package for versions in health.versions.values() for package in versions)
    rows = (
        (cell(package), *(_version(package, component, health.versions) for component in components))
        for package in packages
    )
    legend = "**⚠ bold**: differs from the notebook's; where there is none, from the scheduler's."
    return f"{head}\n\n{table(('package', *components), rows)}\n\n{legend}"


def timings_page(record: Record, history: Sequence[Record]) -> str:
    """Seconds of each check and of each phase of the benchmark, beside what they usually take."""
    health = record.health
    checks = table(
        ("check", "seconds", "median before"),
        (
            (c.name, f"{c.duration_s:.1f}", _usual(_check_s(earlier.health, c.name) for earlier in history))
            for c in health.checks
        ),
    )
    phases = table(
        ("phase of the benchmark", "seconds", "median before"),
        (
            (cell(phase), f"{seconds:.1f}", _usual(earlier.memory.phases.get(phase) for earlier in history))
            for phase, seconds in record.memory.phases.items()
        ),
    )
    head = f"# Timings: {cell(health.site)}, {when(health.started_at)}"
    whole = f"The whole check took {health.duration_s:.0f} s."
    return "\n\n".join([head, whole, checks, *([phases] if record.memory.phases else [])])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table; its cells are markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """Any text as one that can stand in a table's cell, on one line and with no meaning to markdown.

    Both UIs make links of bare addresses, also of those that nothing serves to a browser: here they are code.
    """
    line, at, parts = " ".join(text.split()), 0, []
    for address in _ADDRESS.finditer(line):
        parts += [_SPECIAL.sub(r"\\\1", line[at : address.start()]), f"`{address.group()}`"]
        at = address.end()
    return "".join([*parts, _SPECIAL.sub(r"\\\1", line[at:])])


def marked(level: Level) -> str:
    """A level in a table: what is not well stands out. (Signs would need a font that not every browser has.)"""
    return level if level in ("Healthy", "Skipped") else f"**{level}**"


def when(started_at: str) -> str:
    """An ISO time as people write it."""
    return datetime.fromisoformat(started_at).strftime("%Y-%m-%d %H:%M %Z").rstrip()


def _most_important(findings: Sequence[Finding]) -> list[str]:
    wrong = [finding for finding in findings if finding.level != "Healthy"]
    if not wrong:
        return ["Nothing needs to be done."]
    first = wrong[0]
    told = [f"**{cell(first.summary)}** ({first.check}, {first.category.value})"]
    if first.remedy:
        told.append(f"**What to do:** {cell(first.remedy)}")
    if others := len(wrong) - 1:
        told.append(f"Other findings: {others}, in the artifact of this run whose name ends in `-findings`.")
    return told


def _version(package: str, component: str, versions: Mapping[str, Mapping[str, str]]) -> str:
    peers = [peer for peer in _PEERS if peer in versions]
    expected = next((versions[peer][package] for peer in peers if package in versions[peer]), None)
    own = versions[component].get(package)
    if expected is None or own == expected:
        return cell(own or "–")
    if own is None:  # only what is compared has to be there: a worker needs no hub
        return "**⚠ none**" if component in peers and package in COMPARED else "–"
    return f"**⚠ {cell(own)}**"


def _check_s(health: Health, name: str) -> float | None:
    return next((check.duration_s for check in health.checks if check.name == name and check.level != "Skipped"), None)


def _usual(seconds: Iterable[float | None]) -> str:
    known = [taken for taken in seconds if taken is not None]
    return f"{statistics.median(known):.1f}" if known else "–"
