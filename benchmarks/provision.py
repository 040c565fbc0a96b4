"""How long `provision` takes on a sandbox without delays, where the time goes, and what the sandbox itself needs.

    python -m benchmarks.provision [--runs 3]

One process of the sandbox, one Prefect server, runs one after the other; figures are medians. Run it on a quiet
machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.prefect_server import prefect_server
from tests.support.sandbox import BIN, Ran, Sandbox, running_sandbox


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with prefect_server(home / "server") as url:
            environment = os.environ | {"PREFECT_API_URL": url, "PREFECT_HOME": folder, "XDG_STATE_HOME": folder}
            with running_sandbox(home / "sandbox", environment) as sandbox:
                print(f"sandbox, before workloads: {_resident_mib(sandbox.started['pid']):.0f} MiB resident")
                first, again = _measure(sandbox, runs)
    _show("provision from nothing", first)
    _show("provision again", again)
    print(f"magnumhub --help: {_help_s():.2f} s")


def _measure(sandbox: Sandbox, runs: int) -> tuple[list[Ran], list[Ran]]:
    first, again = [], []
    for _ in range(runs):
        sandbox.reset()
        first.append(_provision(sandbox))
        again.append(_provision(sandbox))
    return first, again


def _provision(sandbox: Sandbox) -> Ran:
    ran = sandbox.magnumhub("provision", sandbox.site(), "--json")
    if ran.exit_code:
        sys.exit(ran.stdout + ran.stderr)
    return ran


def _show(title: str, rans: list[Ran]) -> None:
    documents = [ran.document for ran in rans]
    print(f"\n{title}: {statistics.median(ran.took_s for ran in rans):.1f} s the whole command,", end=" ")
    print(f"{statistics.median(document['duration_s'] for document in documents):.1f} s the flow")
    names = [stage["name"] for stage in documents[0]["stages"]]
    for name in names:
        seconds = [s["duration_s"] for document in documents for s in document["stages"] if s["name"] == name]
        print(f"  {name:<16}{statistics.median(seconds):6.2f} s")


def _help_s() -> float:
    seconds = []
    for _ in range(5):
        started_s = time.monotonic()
        subprocess.run([str(BIN / "magnumhub"), "--help"], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.monotonic() - started_s)
    return statistics.median(seconds)


def _resident_mib(pid: int) -> float:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
