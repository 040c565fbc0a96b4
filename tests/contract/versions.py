"""Which programs were recorded, where the answers themselves do not tell: written beside the recorded ones."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

from sandbox.tools import executable
from tests.contract.transcript import RECORDED

_PROGRAMS: dict[str, dict[str, Callable[[], list[str]]]] = {
    "helm": {
        "helm": lambda: [str(executable("helm")), "version", "--template", "{{.Version}}"],
        "kubectl": lambda: [str(executable("kubectl")), "version", "--client"],
    },
    "ssh": {"openssh": lambda: ["ssh", "-V"]},
}


def record(folder: str) -> None:
    """The versions of what one folder's real side consists of."""
    told = {name: _said(command()) for name, command in _PROGRAMS.get(folder, {}).items()}
    if told:
        (RECORDED / folder / "versions.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")


def _said(command: list[str]) -> str:
    """Some say it on stdout, ssh on stderr; the first line is the program's own."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return (done.stdout or done.stderr).splitlines()[0]
