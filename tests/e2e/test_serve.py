"""`magnumhub serve`: from nothing to Prefect's UI with a worker, twice, and to nothing again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from tests.support.deployed import DeployedRun
from tests.support.ports import free_port
from tests.support.sandbox import BIN, Running, wait_until

ROOT = Path(__file__).parents[2]
FLOWS = {"provision", "plan", "redeploy", "teardown", "check_health", "check_fleet", "test_connection", "mark_crashed"}
_START_S = 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project's folder, without a site."""
    here = tmp_path_factory.mktemp("project")
    (here / "flows").symlink_to(ROOT / "flows")
    shutil.copy(ROOT / "prefect.yaml", here)
    shutil.copytree(ROOT / "deployments/automations", here / "deployments/automations")
    return here


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


def serve(folder: Path, port: int) -> Running:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "OS_"))}
    environment = clean | {"TMPDIR": str(folder), "PWD": str(folder)}
    command = ["env", "-C", str(folder), str(BIN / "magnumhub"), "serve", "--port", str(port)]
    return Running([*command, "--sandbox", str(folder / "sandbox")], environment)


def is_serving(process: Running) -> bool:
    assert not process.ended, process.told
    return "Ctrl-C ends it" in process.told


@pytest.fixture(scope="module")
def served(folder: Path, port: int) -> Iterator[str]:
    """The API of a server that was made from nothing."""
    first = serve(folder, port)
    try:
        wait_until(lambda: is_serving(first), _START_S, "it serves")
        yield f"http://127.0.0.1:{port}/api"
        first.send(signal.SIGTERM)
        ran = first.result(90)
        assert ran.exit_code == 0, ran.stderr
        assert not processes_of(folder, "prefect"), "server and worker have ended"
    finally:
        if not first.ended:
            first.kill()
        Running([str(BIN / "magnumhub"), "sandbox", "down", "--state", str(folder / "sandbox")], os.environ).result(90)


def processes_of(folder: Path, word: str) -> list[psutil.Process]:
    """What runs for this folder's server."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        environment, command = process.info["environ"] or {}, " ".join(process.info["cmdline"] or [])
        if environment.get("PREFECT_HOME") == str(folder / "sandbox/prefect") and f"-m {word}" in command:
            found.append(process)
    return found


def rows(api: str, path: str, **body: object) -> list[dict[str, object]]:
    answer = httpx.post(f"{api}/{path}/filter", json=body, timeout=30).raise_for_status()
    found: list[dict[str, object]] = answer.json()
    return found


def named(found: list[dict[str, object]]) -> list[str]:
    return sorted(str(row["name"]) for row in found)


def everything(api: str) -> dict[str, list[str]]:
    deployments = rows(api, "deployments")
    schedules = [schedule for each in deployments for schedule in each["schedules"]]  # type: ignore[attr-defined]
    return {
        "deployments": named(deployments),
        "schedules": sorted(str(schedule["slug"]) for schedule in schedules),
        "automations": named(rows(api, "automations")),
        "work pools": named(rows(api, "work_pools")),
        "block types": sorted(
            str(row["slug"]) for row in rows(api, "block_types") if "prefect" not in str(row["slug"])
        ),
    }


def test_a_newcomer_gets_everything(served: str) -> None:
    there = everything(served)
    assert set(there["deployments"]) == FLOWS
    assert there["schedules"] == ["capi", "heat", "heat-fip", "heat-private", "morning"]
    assert there["automations"] == ["magnumhub: the worker of a run died"]
    assert there["work pools"] == ["magnumhub"]
    assert {"openstack-credentials", "ssh-key"} <= set(there["block types"])
    provision = httpx.get(f"{served}/deployments/name/provision/provision").json()
    assert provision["parameter_openapi_schema"]["properties"]["site"]["enum"] == [
        "capi",
        "heat",
        "heat-fip",
        "heat-private",
    ]


def test_what_is_started_there_is_carried_out(served: str) -> None:
    run = DeployedRun(served, "plan/plan", site="heat")
    run.reaches("Completed", 120)


def test_served_again_it_is_one_more_worker_and_nothing_twice(folder: Path, port: int, served: str) -> None:
    before = everything(served)
    [pool] = rows(served, "work_pools")
    second = serve(folder, port)
    try:
        wait_until(lambda: is_serving(second), _START_S, "it serves as well")

        def online() -> list[str]:
            return [str(row["name"]) for row in rows(served, f"work_pools/{pool['name']}/workers")]

        wait_until(lambda: len(online()) == 2, 60, "two workers are there")
        assert everything(served) == before
        second.send(signal.SIGTERM)
        ran = second.result(90)
        assert ran.exit_code == 0
        assert "is there already" in ran.stderr
    finally:
        if not second.ended:
            second.kill()
    assert httpx.get(f"{served}/health").json() is True, "the first one goes on"


def test_another_folder_is_refused_before_anything_starts(tmp_path: Path) -> None:
    ran = serve(tmp_path, 4).result(60)
    assert ran.exit_code == 1
    assert f"there is no prefect.yaml in {tmp_path}" in ran.stderr
    assert not (tmp_path / "sandbox").exists()


def test_a_port_of_another_program_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "flows").symlink_to(ROOT / "flows")
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump({"deployments": []}))
    with socket.create_server(("127.0.0.1", 0)) as other:
        command = ["env", "-C", str(tmp_path), str(BIN / "magnumhub"), "serve", "--port", str(other.getsockname()[1])]
        ran = Running(command, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}).result(90)
    assert ran.exit_code == 1
    assert "did not start" in ran.stderr
    assert "--port" in ran.stderr
