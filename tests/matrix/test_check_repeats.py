"""Checks again and again in one process: all Healthy, nothing left on the site, and nothing piles up in the runner.

`make soak` runs more of them: memory can be judged only when every cache of the libraries underneath is full, which
takes about 20 checks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.checked_site import CheckedSite, checked_site
from tests.support.sandbox import Sandbox

COUNT = int(os.environ.get("MAGNUMHUB_TEST_CHECKS", "20"))
_CHECK_S = 120
_WARM = 20
"""From this check on, all that is to be cached is."""
_GROWTH = 1.05
_ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}
"""As docs/health.md has it for a process that checks for months: glibc gives each thread a heap of its own, and what is
freed in 16 of them is hardly ever a whole page. Measured with 16 heaps, first to sixth check: 43.4 to 43.5 MiB are in
use, and the process grows from 185 to 190 MiB; with one heap from 176.3 to 177.4."""
_KEPT_ALIVE = 2
"""Connections to Prefect's server come and go."""

pytestmark = pytest.mark.timeout(300 + COUNT * _CHECK_S)


def test_checks_in_a_row_leave_nothing_and_do_not_grow(
    running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = checked_site(running_sandbox, tmp_path_factory.mktemp("site"))
    before = site.left()
    seen: list[dict[str, Any]] = []
    with checking(site) as process:
        for _ in range(COUNT):
            seen.append(one_more(process))
            print(summary(seen[-1]))  # what `make soak` shows meanwhile
            assert (seen[-1]["level"], seen[-1]["findings"]) == ("Healthy", [])
            site.wait_until_left(before)
    # The first check starts what Prefect keeps for the life of a process; from the second on nothing is added.
    for kept in seen[2:]:
        assert kept["threads"] == seen[1]["threads"]
        assert kept["files"] <= seen[1]["files"] + _KEPT_ALIVE
    if COUNT > _WARM:
        assert seen[-1]["memory_mib"] <= seen[_WARM - 1]["memory_mib"] * _GROWTH


def summary(check: dict[str, Any]) -> str:
    """A check's line for people."""
    held = f"{check['memory_mib']:.1f} MiB, {check['files']} files, {len(check['threads'])} threads"
    return f"check {check['check']}: {check['level']} in {check['duration_s']:.0f} s; {held}"


@contextmanager
def checking(site: CheckedSite) -> Iterator[subprocess.Popen[str]]:
    """The process that checks the site, once for each line that it gets."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.repeat_checks", str(site.path)],
        cwd=Path(__file__).parents[2],
        env={**site.sandbox.environment, "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL", **_ONE_ARENA},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def one_more(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Ask for a check and return what the process says after it."""
    assert process.stdin and process.stdout
    process.stdin.write("\n")
    process.stdin.flush()
    line = process.stdout.readline()
    assert line, f"the process ended: {process.wait(10)}"
    return json.loads(line)
