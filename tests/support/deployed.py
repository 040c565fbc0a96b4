"""The project's deployments on a Prefect server and a worker that carries them out, as an operator sets them up."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
from prefect.client.orchestration import SyncPrefectClient

from tests.support.sandbox import BIN, wait_until

ROOT = Path(__file__).parents[2]
POOL = "magnumhub"


def workplace(folder: Path, *sites: Path) -> Path:
    """This project's folder, with these sites."""
    (folder / "flows").symlink_to(ROOT / "flows")
    shutil.copy(ROOT / "prefect.yaml", folder)
    (folder / "deployments/sites").mkdir(parents=True)
    for site in sites:
        shutil.copy(site, folder / "deployments/sites")
    return folder


def deploy(folder: Path, environment: Mapping[str, str], *names: str, slots: int) -> None:
    """Put these deployments on a pool of so many slots."""
    limit = ["work-pool", "set-concurrency-limit", POOL, str(slots)]
    for command in (["work-pool", "create", POOL, "--type", "process", "--overwrite"], limit):
        _prefect(folder, environment, *command)
    for name in names:
        _prefect(folder, environment, "--no-prompt", "deploy", "--name", name)


@contextmanager
def worker(folder: Path, environment: Mapping[str, str], *options: str) -> Iterator[None]:
    """A worker of the pool while the block runs; it is killed with all that it runs, as by the loss of its machine."""
    command = [str(BIN / "prefect"), "worker", "start", "--pool", POOL, *options]
    quick = {"PREFECT_WORKER_QUERY_SECONDS": "2", "TMPDIR": str(folder)}
    with (folder / "worker.log").open("a") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**environment, **quick}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        with_it = psutil.Process(process.pid).children(recursive=True)  # a run has a session of its own
        process.kill()
        process.wait(30)
        for run in with_it:
            with suppress(psutil.NoSuchProcess):
                run.kill()


def ask_prefect(url: str, method: Any, path: str, **body: Any) -> Any:
    """By Prefect's own client, which asks again where the server's database is busy."""
    with SyncPrefectClient(url) as client:
        return client.request(method, path, json=body or None).raise_for_status().json()


class DeployedRun:
    """A run of a deployment, as its server shows it; `url` changes when the server is replaced."""

    def __init__(self, url: str, deployment: str, **parameters: Any) -> None:
        self.url = url
        found = ask_prefect(url, "GET", f"/deployments/name/{deployment}")
        started = ask_prefect(url, "POST", f"/deployments/{found['id']}/create_flow_run", parameters=parameters)
        self.id = UUID(started["id"])

    @property
    def state(self) -> dict[str, Any]:
        return self._look("GET", f"/flow_runs/{self.id}")["state"]

    def reaches(self, name: str, limit_s: float) -> str:
        """Wait until the run is in the state of that name; returns the state's message."""
        wait_until(lambda: self._is(name), limit_s, f"the run is {name}")
        return self.state["message"] or ""

    def is_suspended_with(self, number: int, limit_s: float) -> str:
        """Wait for the run's so manieth question; returns the text of its form."""
        what = f"question {number} is put"
        wait_until(lambda: self._is("Suspended") and len(self.forms()) >= number, limit_s, what)
        return self.forms()[-1]

    def _is(self, name: str) -> bool:
        seen = self.state
        assert seen["name"] == name or seen["type"] not in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"), seen
        return bool(seen["name"] == name)

    def forms(self) -> list[str]:
        """The texts of the forms that it was suspended with, oldest first."""
        inputs = self._look("POST", f"/flow_runs/{self.id}/input/filter", prefix="suspended-", limit=100)
        forms = [entry for entry in inputs if entry["key"].endswith("-description")]
        return [json.loads(entry["value"]) for entry in sorted(forms, key=lambda entry: entry["created"])]

    def retry(self) -> None:
        """What `Retry` in its menu does."""
        again = {"type": "SCHEDULED", "name": "AwaitingRetry"}
        answer = ask_prefect(self.url, "POST", f"/flow_runs/{self.id}/set_state", state=again, force=True)
        assert answer["status"] == "ACCEPT", answer

    def resume(self, **answer: Any) -> str:
        """Answer its form; returns ACCEPT or REJECT."""
        return ask_prefect(self.url, "POST", f"/flow_runs/{self.id}/resume", run_input=answer)["status"]

    def _look(self, method: str, path: str, **body: Any) -> Any:
        # Many times a second: without the client that each time takes longer to make than the answer to come.
        return httpx.request(method, f"{self.url}{path}", json=body or None, timeout=30).raise_for_status().json()


def _prefect(folder: Path, environment: Mapping[str, str], *arguments: str) -> None:
    ran = subprocess.run(
        [str(BIN / "prefect"), *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
