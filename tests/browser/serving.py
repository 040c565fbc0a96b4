"""`magnumhub serve` on a sandbox, as somebody has it in a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.support.sandbox import BIN, Sandbox, wait_until

ROOT = Path(__file__).parents[2]
_READY_S = 240
"""For the server's first start and all deployments, on two busy cores."""
_STOP_S = 60


@dataclass
class Serving:
    """The command, what it writes, and the address at which Prefect's UI is."""

    sandbox: Sandbox
    port: int
    log: Path
    _process: subprocess.Popen[bytes] = field(init=False, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when the address is told: by then a worker takes runs."""
        before = self.log.stat().st_size if self.log.exists() else 0
        state = Path(self.sandbox.started["clouds_yaml"]).parent
        command = [str(BIN / "magnumhub"), "serve", "--sandbox", str(state), "--port", str(self.port)]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.sandbox.environment,
                stdout=log,
                stderr=log,
                # What a shell runs in the background ignores SIGINT, and so would this.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        try:
            wait_until(lambda: self._is_ready(before), _READY_S, "magnumhub serve tells its address")
        except BaseException as error:
            error.add_note(self.log.read_text())
            self.stop()
            raise

    def _is_ready(self, since: int) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        return self.url in self.log.read_text()[since:].partition("Prefect's UI")[2]

    def stop(self) -> None:
        """Ctrl-C, and once more where a run still goes on."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_STOP_S)

    def deploy(self) -> None:
        """What an operator runs when a file has changed."""
        known = {"PREFECT_API_URL": f"{self.url}/api", "MAGNUMHUB_SITES": str(self.sandbox.site().parent)}
        ran = subprocess.run(
            [str(BIN / "magnumhub"), "deploy"],
            cwd=ROOT,
            env=self.sandbox.environment | known,
            capture_output=True,
            text=True,
            timeout=_READY_S,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def own_environment(home: Path) -> dict[str, str]:
    """The environment of somebody who has no Prefect yet: whatever this machine's user has set is left out."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MAGNUMHUB_"))}
    return rest | {"XDG_STATE_HOME": str(home / "state")}


def write_site(sandbox: Sandbox, name: str, *, cron: str, asks: bool = False) -> None:
    """A site beside the sandbox's own, or one of those, checked at a time by which its schedule is told from others."""
    site = yaml.safe_load(sandbox.site().read_text())
    site["name"] = name
    site["health"]["cron"] = cron
    if asks:
        site["network"]["ingress"] = {"approval": "ask", "request_to": "cloud-support@example.org"}
    sandbox.site().with_name(f"{name}.yaml").write_text(yaml.safe_dump(site, sort_keys=False))
