"""Jobs on a machine of one's own: only what a real machine cannot be made to do is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from magnumhub.domain.errors import TransientError
from magnumhub.remote.jobs import Job
from magnumhub.remote.shell import LocalShell


def test_a_machine_that_does_not_start_it_may_do_so_later(tmp_path: Path) -> None:
    shell = LocalShell(tmp_path)
    job = Job(shell, "helm")
    shell.put(b"", ".magnumhub/jobs/helm/started/in-the-way")  # a folder, which `rm -f` does not remove
    with pytest.raises(TransientError, match=r"helm on this machine did not start: .*started"):
        job.start("true", {})
