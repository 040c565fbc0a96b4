"""`python -m sandbox up` starts a cloud on this machine, `down` ends it and all that ran in it."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sandbox import processes, tools

_STATE_FILE = "state.json"
_ID_FILE = "id"
_READY_S = 60
_STOP_S = 30
_LEFTOVERS = ("clouds.yaml", "cloud.yaml", "default.pem", "hub-password", "sites", "kubeconfigs", "nodes", "servers")


def up(state_dir: Path, time_scale: float, faults: Path | None) -> dict[str, Any]:
    """Start a sandbox and wait until it answers.

    Safe to repeat: one that runs with this state folder is left alone.

    Raises:
        SystemExit: it did not start; its log says why.
    """
    running = _running(state_dir)
    if running is not None:
        return running
    down(state_dir)  # what a killed one left behind
    tools.executable("helm")
    state_dir.mkdir(parents=True, exist_ok=True)
    log = state_dir / "logs" / "server.log"
    log.parent.mkdir(exist_ok=True)
    sandbox_id = secrets.token_hex(8)
    (state_dir / _ID_FILE).write_text(sandbox_id)
    arguments = [f"--state={state_dir}", f"--ready={state_dir / _STATE_FILE}", f"--time-scale={time_scale}"]
    arguments += [f"--faults={faults}"] if faults else []
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "sandbox.server", *arguments],
            cwd=Path(__file__).resolve().parent.parent,
            env=os.environ | {processes.MARK: sandbox_id},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline_s = time.monotonic() + _READY_S
    while not (state_dir / _STATE_FILE).exists():
        if server.poll() is not None or time.monotonic() > deadline_s:
            server.kill()
            raise SystemExit(f"the sandbox did not start:\n{log.read_text()[-2000:]}\nIts log is {log}")
        time.sleep(0.05)
    return _state(state_dir)


def down(state_dir: Path) -> None:
    """End a sandbox and everything that ran in it, also when its server was killed.

    Safe to repeat: nothing runs, nothing is done.
    """
    id_file = state_dir / _ID_FILE
    if not id_file.exists():
        return
    processes.end_marked(processes.MARK, id_file.read_text(), grace_s=_STOP_S)
    for name in (*_LEFTOVERS, _STATE_FILE, _ID_FILE):
        path = state_dir / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _running(state_dir: Path) -> dict[str, Any] | None:
    if not (state_dir / _STATE_FILE).exists():
        return None
    state = _state(state_dir)
    alive = state["pid"] in processes.marked(processes.MARK, (state_dir / _ID_FILE).read_text())
    return state if alive else None


def _state(state_dir: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((state_dir / _STATE_FILE).read_text())
    return state


def parser() -> argparse.ArgumentParser:
    """The options of `up` and `down`."""
    top = argparse.ArgumentParser(prog="magnumhub sandbox", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    for name, words in (("up", "start it, print where everything is"), ("down", "end it and all that ran in it")):
        command = commands.add_parser(name, help=words)
        command.add_argument(
            "--state", type=Path, default=Path(".sandbox"), help="its folder, .sandbox here by default"
        )
    options = commands.choices["up"]
    options.add_argument(
        "--time-scale", type=float, default=0.02, help="factor on the cloud's delays: 1 is a real one's"
    )
    options.add_argument("--faults", type=lambda text: Path(text).resolve(), help="JSON list of faults and scenarios")
    return top


def main() -> None:
    given = parser().parse_args()
    state_dir = given.state.resolve()
    if given.command == "down":
        down(state_dir)
    else:
        sys.stdout.write(json.dumps(up(state_dir, given.time_scale, given.faults)) + "\n")


if __name__ == "__main__":
    main()
