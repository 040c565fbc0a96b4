"""A running sandbox as a test sees it: what is in it, what goes wrong in it, and magnumhub started against it."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from openstack.connection import Connection

from sandbox.tools import executable

BIN = Path(sys.executable).parent
_STDERR_BYTES = 2**20


@dataclass
class Ran:
    """How a command ended; `document` is what it printed with --json."""

    exit_code: int
    stdout: str
    stderr: str
    took_s: float

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.stdout)

    @property
    def error(self) -> dict[str, Any]:
        """What `--json` says of a failure; every failure says something."""
        error = self.document["error"]
        assert error["message"], self
        return error

    def told(self) -> str:
        """All that an operator reads of a failure, in one text."""
        error = self.error
        problems = [" ".join(problem.values()) for problem in error["problems"]]
        return "\n".join([error["message"], error["hint"], *problems])


class Running:
    """A started command; `kill` is SIGKILL for its whole process group, as by an out-of-memory killer."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        self._started_s = time.monotonic()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed with this object)
        self._process = subprocess.Popen(
            arguments,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            start_new_session=True,
            # What a shell runs in the background ignores SIGINT, and so would all that it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    @property
    def told(self) -> str:
        """What it has written to stderr so far."""
        return os.pread(self._stderr.fileno(), _STDERR_BYTES, 0).decode()

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def send(self, number: signal.Signals) -> None:
        """Signal the command itself, and none of its children."""
        self._process.send_signal(number)

    def result(self, timeout_s: float) -> Ran:
        try:
            stdout, _ = self._process.communicate(timeout=timeout_s)
        except BaseException:
            self.kill()
            raise
        return Ran(self._process.returncode, stdout, self.told, time.monotonic() - self._started_s)


@dataclass
class Sandbox:
    """A running sandbox: its ready-made sites, its control API, and magnumhub started against it."""

    started: dict[str, Any]
    environment: dict[str, str] = field(repr=False)

    def site(self, name: str = "heat") -> Path:
        return Path(self.started["sites"][name])

    def site_with(self, folder: Path, changes: Mapping[str, Any], name: str = "heat") -> Path:
        """A site file in `folder`: a ready-made one with `changes` laid over it, part by part."""
        site = _laid_over(yaml.safe_load(self.site(name).read_text()), changes)
        path = folder / self.site(name).name
        path.write_text(yaml.safe_dump(site, sort_keys=False))
        return path

    def state(self) -> dict[str, Any]:
        return httpx.get(f"{self.started['control_url']}/state", timeout=30).raise_for_status().json()

    def mutations(self, by: str = "product") -> list[dict[str, Any]]:
        return [mutation for mutation in self.state()["mutations"] if mutation["by"] == by]

    def fault(self, **fault: Any) -> None:
        """A fault, or `scenario=NAME`, or `settings={…}`."""
        httpx.post(f"{self.started['control_url']}/faults", json=fault, timeout=30).raise_for_status()

    def reset(self) -> None:
        httpx.post(f"{self.started['control_url']}/reset", timeout=120).raise_for_status()

    def connect(self, cloud: str = "sandbox") -> Connection:
        """What an operator does in the cloud by hand."""
        entry = yaml.safe_load(Path(self.started["clouds_yaml"]).read_text())["clouds"][cloud]
        return Connection(**entry)

    def start(self, *arguments: object) -> Running:
        return Running([str(BIN / "magnumhub"), *map(str, arguments)], self.environment)

    def magnumhub(self, *arguments: object, timeout_s: float = 280) -> Ran:
        return self.start(*arguments).result(timeout_s)

    def kubectl(self, *arguments: str, cluster: int = 0, stdin: str | None = None) -> str:
        kubeconfig = self.state()["clusters"][cluster]["kubeconfig"]
        command = [str(executable("kubectl")), "--kubeconfig", kubeconfig, *arguments]
        try:
            return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, timeout=120).stdout
        except subprocess.CalledProcessError as error:
            error.add_note(error.stderr)
            raise


@contextmanager
def running_sandbox(state: Path, environment: Mapping[str, str]) -> Iterator[Sandbox]:
    """A sandbox without delays, and an environment in which magnumhub finds it."""
    command = [str(BIN / "magnumhub"), "sandbox"]
    up = subprocess.run(
        [*command, "up", "--state", str(state), "--time-scale", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    started = json.loads(up.stdout)
    try:
        yield Sandbox(started, {**environment, "OS_CLIENT_CONFIG_FILE": started["clouds_yaml"]})
    finally:
        subprocess.run([*command, "down", "--state", str(state)], check=True, timeout=120)


def wait_until(holds: Callable[[], object], limit_s: float, what: str) -> None:
    """Look until something holds; an answer that does not come is a no."""
    give_up_s = time.monotonic() + limit_s
    while time.monotonic() < give_up_s:
        try:
            if holds():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"{what}: not within {limit_s} s")


def _laid_over(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(base))
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged
