"""The check of a healthy site, as an operator and as Prefect's server see it; and of one that somebody works on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from magnumhub.domain.checks.causes import CAUSAL_ORDER
from tests.support.sandbox import Ran, Sandbox

LIMIT_S = 90
pytestmark = pytest.mark.timeout(600)
FIVE_WORKERS = {"health": {"workers": 5}}


@pytest.fixture(scope="module")
def site(running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of five workers, provisioned."""
    running_sandbox.reset()
    site = running_sandbox.site_with(tmp_path_factory.mktemp("site"), FIVE_WORKERS)
    ran = running_sandbox.magnumhub("provision", site, "--json")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    return site


@pytest.fixture(scope="module")
def checked(running_sandbox: Sandbox, site: Path) -> Ran:
    ran = running_sandbox.magnumhub("check", site, "--json")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    return ran


def test_every_check_is_green(checked: Ran) -> None:
    document = checked.document
    assert document["level"] == "Healthy"
    assert {check["name"]: check["level"] for check in document["checks"]} == dict.fromkeys(CAUSAL_ORDER, "Healthy")
    assert document["findings"] == []
    assert document["duration_s"] < LIMIT_S


def test_the_document_has_what_programs_read(checked: Ran) -> None:
    document = checked.document
    assert document.keys() == {
        "site",
        "level",
        "started_at",
        "duration_s",
        "checks",
        "findings",
        "versions",
        "benchmark",
    }
    assert {key for check in document["checks"] for key in check} == {"name", "level", "duration_s", "summary"}
    assert document["versions"].keys() == {"hub", "notebook", "gateway", "scheduler", "workers", "runner"}
    assert document["versions"]["hub"] == {"chart": "4.4.0", "jupyterhub": "5.5.0"}
    for component in ("notebook", "scheduler", "workers"):
        assert document["versions"][component]["dask"] == "2026.8.0"
    benchmark = document["benchmark"]
    assert (benchmark["from"], benchmark["n_workers"]) == ("notebook", 5)
    assert abs(benchmark["mean"]) < 6 / benchmark["array_size"]


def test_nothing_is_left_behind(checked: Ran, running_sandbox: Sandbox) -> None:
    pods = running_sandbox.kubectl("get", "pods", "-A", "-o", "name")
    assert "jupyter-" not in pods
    assert "dask-scheduler" not in pods
    assert "dask-worker" not in pods


def test_the_cloud_is_not_changed(running_sandbox: Sandbox, site: Path) -> None:
    before = [change for change in running_sandbox.mutations() if change["service"] != "kubernetes"]
    ran = running_sandbox.magnumhub("check", site)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    for name in CAUSAL_ORDER:
        assert f"  {name} " in ran.stdout, "a person reads every check"
    assert [change for change in running_sandbox.mutations() if change["service"] != "kubernetes"] == before


def test_prefects_server_has_the_report(checked: Ran, site: Path, prefect_server: str) -> None:
    found = httpx.post(f"{prefect_server}/artifacts/latest/filter", json={"limit": 200}).json()
    reports = {artifact["key"]: artifact["data"] for artifact in found}
    overview = reports["health-heat"]
    assert "Healthy" in overview
    assert "![" in overview
    assert "data:image/svg+xml;base64," in overview
    assert "2026.8.0" in reports["health-heat-versions"]
    assert "compute" in reports["health-heat-timings"]
    assert "health-heat-findings" in reports
    runs = httpx.post(f"{prefect_server}/flow_runs/filter", json={"limit": 200}).json()
    assert ("healthy",) in {tuple(run["tags"]) for run in runs if run["name"] == f"check_health {site.stem}"}


def test_no_secret_shows(checked: Ran, running_sandbox: Sandbox, prefect_server: str) -> None:
    password = (Path(running_sandbox.started["clouds_yaml"]).parent / "hub-password").read_text().strip()
    artifacts = httpx.post(f"{prefect_server}/artifacts/filter", json={"limit": 200}).text
    logs = httpx.post(f"{prefect_server}/logs/filter", json={"limit": 200}).text
    for told in (checked.stdout, checked.stderr, artifacts, logs):
        assert password not in told


def test_a_site_that_somebody_works_on_is_skipped(running_sandbox: Sandbox, site: Path) -> None:
    lease = ("patch", "lease", "-n", "kube-system", "magnumhub-heat", "--type=merge", "-p")
    held = {"spec": {"holderIdentity": f"elsewhere:1/{os.getpid()}/1"}}
    running_sandbox.kubectl(*lease, json.dumps(held))
    checking = running_sandbox.start("check", site, "--json")
    while not checking.ended:  # as its holder would: another process of this site renews its lease
        running_sandbox.kubectl(*lease, json.dumps({"metadata": {"annotations": {"renewed": os.urandom(4).hex()}}}))
    ran = checking.result(timeout_s=10)
    running_sandbox.kubectl(*lease, json.dumps({"spec": {"holderIdentity": ""}}))
    document: dict[str, Any] = ran.document
    assert (ran.exit_code, document["level"]) == (0, "Skipped")
    assert "another run works on site heat: elsewhere:1" in document["checks"][0]["summary"]


def test_a_wrong_file_is_told_before_any_call(running_sandbox: Sandbox, tmp_path: Path) -> None:
    site = running_sandbox.site_with(tmp_path, {"health": {"cron": "every night", "workers": 0}})
    ran = running_sandbox.magnumhub("check", site, "--json")
    assert ran.exit_code == 2
    assert {problem["field"] for problem in ran.error["problems"]} == {"health.cron", "health.workers"}
