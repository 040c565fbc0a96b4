"""Check a site again and again in one process, as a worker does that lives for months: `… repeat_checks SITE`.

One check for each line on stdin; after it one line of JSON on stdout: what the check said, and what the process has
come to hold. So whoever reads may look at the site between two checks.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
from pathlib import Path
from typing import Any

from flows.check_health import check_health
from tasks.sites import SiteName


def main() -> None:
    """Check until stdin ends."""
    for number, _ in enumerate(sys.stdin, start=1):
        health = check_health(SiteName(sys.argv[1]), return_state=True).result(raise_on_failure=False)
        if isinstance(health, BaseException):
            raise health
        findings = [finding.summary for finding in health.findings]
        said = {"check": number, "level": health.level, "findings": findings, "duration_s": health.duration_s}
        print(json.dumps(said | held()), flush=True)


def held() -> dict[str, Any]:
    """What this process holds: memory in MiB as the kernel counts it, threads, open files."""
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "memory_mib": int(status["VmRSS"].split()[0]) / 1024,
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "files": len(list(Path("/proc/self/fd").iterdir())),
    }


if __name__ == "__main__":
    main()
