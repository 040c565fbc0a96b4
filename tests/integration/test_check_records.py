"""What a check leaves on a real Prefect server: a history that other processes find, pages, tags."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.settings import PREFECT_API_URL, temporary_settings

from magnumhub.domain.errors import TransientError
from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.health import Check, Health
from magnumhub.domain.history import Memory, Record
from tasks.history import read_records, recall
from tasks.progress import StageEvent, listening
from tasks.report import publish
from tests.support.prefect_client import losable_server, using_server

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def server(prefect_server: str, tmp_path: Path) -> Iterator[str]:
    with using_server(prefect_server, tmp_path / "prefect"):
        yield prefect_server


def record(site: str, day: int, level: Level = "Healthy") -> Record:
    found = Finding(check="hub", level=level, category=Category.SERVICE, summary="a | b\n```\nc", remedy="Start it.")
    return Record(
        health=Health(
            site=site,
            level=level,
            started_at=f"2026-11-{day:02}T04:00:00+00:00",
            duration_s=61.2,
            checks=(Check(name="hub", level=level, duration_s=1.5, summary="hub 5.5.0 answers"),),
            findings=(found,),
            versions={"hub": {"jupyterhub": "5.5.0"}},
        ),
        memory=Memory(restarts={"jhub/hub-1/hub": day}, endpoints={"dask_gateway": None}, alarm=level == "Unhealthy"),
    )


@flow
def publishing(records: list[Record]) -> None:
    """Checks one after the other, as nights bring them; the newest first."""
    for place in reversed(range(len(records))):
        publish(records[place], records[place + 1 :])


def artifacts(key: str) -> list[Artifact]:
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))


def run_tags(flow_run_id: object) -> set[str]:
    with get_client(sync_client=True) as client:
        return set(client.read_flow_run(flow_run_id).tags)  # type: ignore[arg-type]


def remarks_of(site: str) -> tuple[list[Record] | None, list[str]]:
    """What is recalled, and what is said meanwhile."""
    events: list[StageEvent] = []
    with listening(events.append):
        found = recall(site)
    return found, [event.text for event in events if event.kind == "remark"]


def test_what_was_published_is_recalled_newest_first() -> None:
    records = [record("alpha", 3, "Unhealthy"), record("alpha", 2), record("alpha", 1, "Degraded")]
    publishing(records)
    assert remarks_of("alpha") == (records, [])
    assert recall("alpha", limit=2) == records[:2]


def test_another_process_recalls_it_as_well(server: str) -> None:
    publishing([record("beta", 1)])
    program = "from tasks.history import recall\nfor r in recall('beta'): print(r.model_dump_json(by_alias=True))"
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PREFECT_API_URL": server},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert Record.model_validate_json(told.stdout) == record("beta", 1)


def test_sites_do_not_see_one_another_and_a_new_site_has_no_history() -> None:
    publishing([record("gamma", 1)])
    assert recall("gamma-2") == []


@flow
def leaving(pages: list[str]) -> None:
    for page in pages:
        create_markdown_artifact(page, key="health-delta")


def test_a_damaged_or_foreign_artifact_is_passed_over_and_said() -> None:
    publishing([record("delta", 1)])
    [good] = artifacts("health-delta")
    leaving(
        ["# somebody's own page", str(good.data)[:-60], str(good.data).replace('"level":"Healthy"', '"level":"Fine"')]
    )
    publishing([record("delta", 2)])
    found, remarks = remarks_of("delta")
    assert found == [record("delta", 2), record("delta", 1)]
    assert len(remarks) == 3
    assert all("health-delta" in remark and "passed over" in remark for remark in remarks)


def test_four_pages_are_left_and_the_run_carries_one_level() -> None:
    first = publishing([record("epsilon", 2, "Unhealthy"), record("epsilon", 1)], return_state=True)
    assert first.is_completed()
    pages = {name: artifacts(f"health-epsilon{name}") for name in ("", "-findings", "-versions", "-timings")}
    assert {name: len(versions) for name, versions in pages.items()} == dict.fromkeys(pages, 2)
    assert all(artifact.type == "markdown" for versions in pages.values() for artifact in versions)
    [run_id] = {artifact.flow_run_id for versions in pages.values() for artifact in versions}
    assert run_tags(run_id) == {"unhealthy"}  # the healthy one, of an earlier try, is gone


@flow
def publishing_without_history(alone: Record) -> None:
    """The server answered again at the end, after it had not told the earlier checks."""
    publish(alone, None)


def test_a_check_that_does_not_know_of_the_alarm_leaves_the_one_that_stands() -> None:
    publishing([record("eta", 1, "Unhealthy")])
    publishing_without_history(record("eta", 2))
    assert recall("eta") == [record("eta", 1, "Unhealthy")]
    assert len(artifacts("health-eta-findings")) == 2  # people see it all the same


def test_a_server_that_does_not_answer_is_a_remark_and_no_failed_check() -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        found, remarks = remarks_of("alpha")
        assert found is None
        assert "judged without" in remarks[0]
        with pytest.raises(TransientError, match="cannot be read"):
            read_records("alpha", 1, print)


def test_a_server_that_goes_away_at_the_end_changes_no_verdict(server: str) -> None:
    events: list[StageEvent] = []
    with losable_server(server) as lost:

        @flow
        def cut_off() -> str:
            with lost(), listening(events.append):
                publish(record("zeta", 1, "Degraded"), [])
            return "Degraded"

        assert cut_off() == "Degraded"
    [remark] = [event.text for event in events if event.kind == "remark"]
    assert remark.startswith("the report could not be left on Prefect's server")
    assert recall("zeta") == []
