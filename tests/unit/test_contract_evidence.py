"""The contract suites' own decisions: what counts as equal, as seen, as verified."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import claims, differences
from tests.contract.differences import Difference
from tests.contract.evidence import contradicted, missing_suites, unseen
from tests.contract.normalise import Normaliser, without
from tests.contract.transcript import RECORDED, Transcript, recorded_path

ID, OTHER = "7d1a3b3e-1111-4000-8000-000000000001", "7d1a3b3e222240008000000000000002"


def test_an_id_keeps_its_number() -> None:
    told = Normaliser({}).value({"id": ID, "message": f"port {OTHER} of {ID} is gone"})
    assert told == {"id": "<id 1>", "message": "port <id 2> of <id 1> is gone"}


@pytest.mark.parametrize(
    ("end", "shown"),
    [
        ("Z", "<time>"),
        ("", "<time without zone>"),
        (".123456Z", "<time .0Z>"),
        ("+00:00", "<time +00:00>"),
    ],
)
def test_times_are_one_but_for_their_form(end: str, shown: str) -> None:
    assert Normaliser({}).text(f"at 2026-11-25T18:30:41{end}") == f"at {shown}"


def test_addresses_are_told_apart_and_macs_are_not() -> None:
    told = Normaliser({}).value(["10.0.0.4", "10.0.0.5", "10.0.0.4", "fa:16:3e:00:00:01"])
    assert told == ["<address 1>", "<address 2>", "<address 1>", "<mac>"]


def test_a_name_of_this_cloud_wins_over_its_shape() -> None:
    names = {"m1.small": "<flavor>", "http://10.0.0.1:8774": "<nova>"}
    assert Normaliser(names).value({"m1.small": "http://10.0.0.1:8774/v2.1"}) == {"<flavor>": "<nova>/v2.1"}


def test_numbers_and_nothing_stay() -> None:
    assert Normaliser({}).value({"n": 3, "none": None, "yes": True}) == {"n": 3, "none": None, "yes": True}


def test_fields_are_left_out_by_their_path() -> None:
    value = {"body": {"ports": [{"id": 1, "mtu": 2}], "mtu": 3}}
    assert without(value, ["body.ports[[]].mtu"]) == {"body": {"ports": [{"id": 1}], "mtu": 3}}


def test_what_was_not_seen_is_told_unless_it_is_listed() -> None:
    claims = {("nova", "GET /a", 200), ("nova", "GET /a", 404), ("octavia", "GET /b", 200)}
    listed = [Difference(what="", why="", services=["octavia"], answers=["*"])]
    assert unseen(claims, {("nova", "GET /a", 200)}, listed) == [("nova", "GET /a", 404)]


def test_an_excuse_holds_for_its_service_and_answer_only() -> None:
    difference = Difference(what="", why="", services=["nova"], answers=["GET /v2.1/* 404"])
    assert difference.excuses("nova", "GET /v2.1/servers", 404)
    assert not difference.excuses("nova", "GET /v2.1/servers", 200)
    assert not difference.excuses("neutron", "GET /v2.1/servers", 404)


@pytest.mark.parametrize(
    ("counts", "missing"),
    [
        ({"passed": 3, "failed": 0, "skipped": 0}, []),
        ({"passed": 0, "failed": 0, "skipped": 3}, ["ssh"]),
        ({"passed": 2, "failed": 0, "skipped": 1}, ["ssh"]),
    ],
)
def test_a_required_suite_that_was_skipped_is_missing(counts: dict[str, int], missing: list[str]) -> None:
    assert missing_suites(["ssh"], {("ssh", "real"): counts}) == missing


def test_a_required_suite_that_ran_nothing_is_missing() -> None:
    assert missing_suites(["ssh"], {("ssh", "sandbox"): {"passed": 9, "failed": 0, "skipped": 0}}) == ["ssh"]


def test_a_transcript_agrees_with_what_it_recorded_and_with_nothing_else(tmp_path: Path) -> None:
    def transcript(status: int, volatile: int) -> Transcript:
        told = Transcript(tmp_path / "kept.json", {"nova": ["body.volatile"]}, Normaliser({}))
        told.add("nova", "GET /", status=status, body={"volatile": volatile})
        return told

    transcript(200, 1).record()
    transcript(200, 2).compare()
    with pytest.raises(AssertionError, match="status"):
        transcript(404, 1).compare()


def test_an_answer_that_was_never_recorded_is_not_equal(tmp_path: Path) -> None:
    told = Transcript(tmp_path / "none.json", {}, Normaliser({}))
    told.add("nova", "GET /", status=200)
    with pytest.raises(AssertionError, match="never recorded"):
        told.compare()


def test_a_transcript_of_nothing_is_not_equal(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="nothing"):
        Transcript(tmp_path / "none.json", {}, Normaliser({})).compare()


def test_a_recording_s_file_is_called_as_its_test() -> None:
    path = recorded_path(Path("nova/test_pages.py"), "test_of[real-a/b]", "real")
    assert path == RECORDED / "nova" / "pages" / "of-a_b.json"


def test_every_recording_belongs_to_a_test() -> None:
    collect = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-o",
        "addopts=",
        "-p",
        "no:cacheprovider",
        str(RECORDED.parent),
    ]
    told = subprocess.run(collect, capture_output=True, text=True, check=True).stdout
    tests = [line.removeprefix("tests/contract/").split("::") for line in told.splitlines() if "::" in line]
    known = {recorded_path(Path(module), test, "real") for module, test in tests if "real" in test}
    versions = set(RECORDED.glob("*/versions.json"))
    assert set(RECORDED.rglob("*.json")) - versions - known == set()


def test_an_excuse_that_the_real_service_contradicts_is_told() -> None:
    listed = [Difference(what="", why="", services=["nova"], answers=["GET /a 404"])]
    assert contradicted({("nova", "GET /a", 404), ("nova", "GET /a", 200)}, listed) == [("nova", "GET /a", 404)]


def test_every_excuse_is_of_something_that_the_sandbox_answers() -> None:
    claimed = {answer for folder in claims.SERVICES for answer in claims.of(folder)}
    patterns = [(difference, pattern) for difference in differences.listed() for pattern in difference.answers]
    for difference, pattern in patterns:
        one = difference.model_copy(update={"answers": [pattern]})
        assert any(one.excuses(*answer) for answer in claimed), pattern


def test_few_differences_each_with_its_reason() -> None:
    listed = differences.listed()
    assert len(listed) <= differences.MOST
    assert all(len(difference.why) > 20 for difference in listed)


def test_the_document_shows_the_list_as_it_is() -> None:
    text = differences.DOCUMENT.read_text()
    assert text == differences.documented(text), "python -m tests.contract.differences"
