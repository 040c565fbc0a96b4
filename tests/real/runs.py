"""magnumhub's commands with the clock beside them: what they said, when, and where their time went."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.sandbox import BIN, Ran

_ENDS_WITHIN_S = 30.0


@dataclass
class Run(Ran):
    """`lines`: (seconds since the command began, what it said then).

    creation_s: what the cloud took for the cluster, seen from beside.
    """

    lines: list[tuple[float, str]]
    creation_s: float = 0.0

    def ended_s(self, stage: str) -> float:
        """When a stage had ended, in seconds since the command began."""
        return next(at_s for at_s, line in self.lines if line.startswith(f"{stage}: ") and line.endswith(" s)"))

    @property
    def addresses_actual_s(self) -> float:
        """When hub and gateway both had answered on their addresses."""
        return max(self.ended_s("jupyterhub"), self.ended_s("dask_gateway"))

    def where_it_went(self) -> Iterator[str]:
        """The stages, with what is not a stage: the command's own start."""
        stages: list[dict[str, Any]] = self.document["stages"]
        began_s = self.ended_s("preflight") - stages[0]["duration_s"]
        remarks = {
            "cluster wait": f"the cloud made it in {self.creation_s:.1f} s",
            "dask_gateway": "beside jupyterhub",
            "verify": "both addresses are actual before it",
        }
        own = f"{began_s:.1f} s of it the command's start"
        yield f"  {self.addresses_actual_s:5.1f} s until both addresses were actual, {own}"
        yield f"  {self.took_s:5.1f} s the whole command"
        for stage in stages:
            remark = remarks.get(stage["name"], "")
            yield f"  {stage['duration_s']:5.1f} s {stage['name']}{f' ({remark})' if remark else ''}"


def provision(site: Path, environment: Mapping[str, str]) -> Run:
    """`provision`, to its end."""
    return _run("provision", site, environment)


def check(site: Path, environment: Mapping[str, str]) -> Run:
    """`check`, to its end."""
    return _run("check", site, environment)


def _run(command: str, site: Path, environment: Mapping[str, str]) -> Run:
    started_s, lines = time.monotonic(), []
    process = subprocess.Popen(
        [str(BIN / "magnumhub"), command, str(site), "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stderr
    try:
        for line in process.stderr:  # the document on stdout is small and waits in the pipe
            lines.append((time.monotonic() - started_s, line.rstrip()))
        stdout = process.stdout.read()
        process.wait(_ENDS_WITHIN_S)
    finally:
        process.kill()
    stderr = "\n".join(line for _, line in lines)
    return Run(process.returncode, stdout, stderr, time.monotonic() - started_s, lines)
