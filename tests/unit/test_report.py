"""A check as markdown and as a picture, with literal values; and that what was written into it is read again."""

from __future__ import annotations

import base64
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.health import Benchmark, Check, Health
from magnumhub.domain.history import Memory, Record
from magnumhub.domain.report.markdown import cell, findings_page, overview, timings_page, versions_page
from magnumhub.domain.report.stored import record_in, with_record
from magnumhub.domain.report.trend import trend_picture

SVG = "{http://www.w3.org/2000/svg}"


def record(level: Level = "Healthy", *, day: int = 25, compute_s: float | None = 2.0, **different: Any) -> Record:
    computed = None
    if compute_s is not None:
        numbers = {"mean": 0.0, "array_size": 10000, "chunk": 500, "n_workers": 5, "total_s": 30.0, "from": "notebook"}
        computed = Benchmark.model_validate(numbers | {"compute_s": compute_s})
    health = {
        "site": "lab",
        "level": level,
        "started_at": f"2026-11-{day:02}T04:00:00+00:00",
        "duration_s": 61.2,
        "checks": (
            Check(name="hub", level=level, duration_s=1.5, summary="hub 5.5.0 answers"),
            Check(name="quota", level="Skipped", duration_s=0.0, summary="not asked"),
        ),
        "findings": (),
        "benchmark": computed,
    }
    return Record(
        health=Health.model_validate(health | different),
        memory=Memory(phases={"submit": 1.0, "compute": 2.0}, alarm=level == "Unhealthy"),
    )


def finding(level: Level, summary: str, remedy: str = "Do it.") -> Finding:
    return Finding(check="hub", level=level, category=Category.SERVICE, summary=summary, remedy=remedy)


def rows(page: str) -> list[list[str]]:
    """The cells of every table row in a page; an escaped pipe is no border."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [[text.strip() for text in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def picture_in(page: str) -> ElementTree.Element:
    [encoded] = re.findall(r"!\[[^]]*\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", page)
    return ElementTree.fromstring(base64.b64decode(encoded))


def texts(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


# The pages


def test_the_overview_begins_with_the_level_and_what_to_do() -> None:
    found = (finding("Unhealthy", "the hub is down", "Start it."), finding("Degraded", "slow"))
    page = overview(record("Unhealthy", findings=found), [])
    paragraphs = page.split("\n\n")
    assert paragraphs[0] == "# Unhealthy: lab"
    assert paragraphs[1] == "Checked 2026-11-25 04:00 UTC, in 61 s."
    assert paragraphs[2] == "**the hub is down** (hub, service)"
    assert paragraphs[3] == "**What to do:** Start it."
    assert "Other findings: 1" in paragraphs[4]


def test_a_healthy_overview_asks_for_nothing_also_when_there_are_remarks() -> None:
    page = overview(record(findings=(finding("Healthy", "a remark"),)), [])
    assert "Nothing needs to be done." in page
    assert ["hub", "Healthy", "1.5", "hub 5.5.0 answers"] in rows(page)


def test_what_a_service_said_cannot_break_a_table() -> None:
    said = "a | b\nc <script>alert(1)</script> [click](http://evil.example) `code` **bold**"
    page = findings_page(record("Unhealthy", findings=(finding("Unhealthy", said, "x | y"),)).health)
    [_, _, row] = rows(page)
    assert len(row) == 5
    assert row[4] == r"x \| y"
    without_code = row[3].replace("`http://evil.example)`", "")
    assert without_code != row[3], "no link"
    assert re.search(r"(?<!\\)[<\[`*]", without_code) is None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", r"a\|b"),
        ("a\n\n  b", "a b"),
        ("a\\|b", r"a\\\|b"),
        ("4 > 3", r"4 \> 3"),
        ("", ""),
        ("x_y at http://a_b:80, <b>", r"x\_y at `http://a_b:80,` \<b\>"),
    ],
)
def test_a_cell_is_one_line_without_meaning_to_markdown(text: str, written: str) -> None:
    assert cell(text) == written


def test_findings_keep_their_order_and_none_is_said() -> None:
    found = (finding("Unhealthy", "first"), finding("Degraded", "second", ""))
    page = findings_page(record("Unhealthy", findings=found).health)
    assert [row[3:] for row in rows(page)[2:]] == [["first", "Do it."], ["second", "–"]]
    assert "Nothing was found." in findings_page(record().health)


def test_the_version_matrix_marks_what_differs_from_the_notebook() -> None:
    versions = {
        "hub": {"jupyterhub": "5.5.0"},
        "notebook": {"jupyterhub": "5.5.0", "python": "3.12.1", "numpy": "2.4.0", "dask": "2026.8.0"},
        "scheduler": {"python": "3.12.1", "numpy": "2.4.0", "dask": "2026.8.0"},
        "workers": {"python": "3.12.1", "numpy": "1.26.4, 2.4.0"},
        "runner": {"python": "3.11.7", "lz4": "4.3"},
    }
    table = rows(versions_page(record(versions=versions).health))
    assert table[0] == ["package", "hub", "notebook", "scheduler", "workers", "runner"]
    assert table[2:] == [
        ["jupyterhub", "5.5.0", "5.5.0", "–", "–", "–"],
        ["python", "–", "3.12.1", "3.12.1", "3.12.1", "**⚠ 3.11.7**"],
        ["numpy", "–", "2.4.0", "2.4.0", "**⚠ 1.26.4, 2.4.0**", "–"],
        ["dask", "–", "2026.8.0", "2026.8.0", "**⚠ none**", "–"],
        ["lz4", "–", "–", "–", "–", "4.3"],
    ]


def test_without_a_notebook_the_scheduler_is_what_others_are_held_against() -> None:
    versions = {"scheduler": {"dask": "2026.8.0"}, "workers": {"dask": "2025.1.0"}}
    assert rows(versions_page(record(versions=versions).health))[2] == ["dask", "2026.8.0", "**⚠ 2025.1.0**"]
    assert "No component was reached" in versions_page(record().health)


def test_timings_stand_beside_what_they_usually_are() -> None:
    page = timings_page(record(), [record(), record(), record("Unknown")])
    assert ["hub", "1.5", "1.5"] in rows(page)
    assert ["quota", "0.0", "–"] in rows(page)
    assert ["compute", "2.0", "2.0"] in rows(page)
    assert ["compute", "2.0", "–"] in rows(timings_page(record(), []))


# The picture


def test_the_picture_has_its_own_background_and_a_square_for_each_check() -> None:
    history = [record("Unhealthy", day=24, compute_s=None), record("Degraded", day=23, compute_s=8.0)]
    picture = picture_in(overview(record(day=25), history))
    shapes = [shape.attrib for shape in picture.iter(f"{SVG}rect")]
    assert (shapes[0]["width"], shapes[0]["fill"]) == (picture.attrib["width"], "#ffffff")
    assert [shape["fill"] for shape in shapes if shape.get("rx") == "3"][:3] == ["#f9a825", "#c62828", "#2e7d32"]
    assert len([shape for shape in shapes if shape["fill"] == "#5b7db1"]) == 2  # the run that computed nothing has none
    assert texts(picture)[0] == "lab: the last 3 checks"
    assert {"8.0 s", "4.0 s", "D", "U", "H", "2026-11-25"} <= set(texts(picture))


def test_only_the_last_thirty_are_shown_and_all_is_inside() -> None:
    picture = ElementTree.fromstring(trend_picture([record(day=1 + n % 28, compute_s=0.0) for n in range(50)]))
    levels = [s for s in picture.iter(f"{SVG}rect") if s.get("rx") == "3" and s.get("height") == "20"]
    assert len(levels) == 30
    for shape in picture.iter(f"{SVG}rect"):
        right = float(shape.get("x", 0)) + float(shape.attrib["width"])
        assert 0 <= right <= float(picture.attrib["width"])


def test_a_first_run_that_computed_nothing_has_a_picture() -> None:
    picture = ElementTree.fromstring(trend_picture([record("Unknown", compute_s=None)]))
    assert "no computation ended in these checks" in texts(picture)


def test_a_site_of_thirty_checks_stays_far_below_a_megabyte() -> None:
    found = tuple(finding("Degraded", f"finding {n}: {'long ' * 40}") for n in range(30))
    page = with_record(overview(record("Degraded", findings=found), [record()] * 29), record("Degraded"))
    assert len(page.encode()) < 100_000


# The record in it


def test_what_was_written_is_read_again() -> None:
    said = "fences ``` and\n```\n\n</details>\nlines, | ünïcode"
    kept = record("Unhealthy", findings=(finding("Unhealthy", said),), versions={"hub": {"jupyterhub": "5.5.0"}})
    assert record_in(with_record(overview(kept, []), kept)) == kept


@pytest.mark.parametrize(
    "damaged",
    ["", "# somebody else's artifact", "# x\n\n```json\n{}\n```\n", with_record("x", record())[:-40], None, [{"a": 1}]],
)
def test_what_is_no_report_or_is_damaged_is_said(damaged: object) -> None:
    with pytest.raises(ValueError, match="no record"):
        record_in(damaged)


def test_a_record_of_another_form_is_said() -> None:
    with pytest.raises(ValueError, match="validation error"):
        record_in(with_record("x", record()).replace('"level":"Healthy"', '"level":"Fine"'))
