"""Starting and ending a sandbox: twice, side by side, and after its server was killed."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path

from magnumhub.domain.spec_file import load_site
from tests.sandbox.conftest import Sandbox, command, wait_until


def processes(folder: Path) -> set[int]:
    """The processes that name this folder in their command line."""
    found = set()
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = cmdline.read_bytes()
        except OSError:
            continue
        pid = int(cmdline.parent.name)
        if str(folder).encode() in text and pid != os.getpid():
            found.add(pid)
    return found


def test_a_second_up_finds_the_first(running: Sandbox) -> None:
    again = command("up", "--state", str(running.folder))
    assert json.loads(again.stdout) == running.started


def test_secrets_are_for_their_owner_only(running: Sandbox) -> None:
    for name in ("clouds.yaml", "cloud.yaml", "default.pem", "hub-password"):
        assert stat.S_IMODE((running.folder / name).stat().st_mode) == 0o600


def test_every_site_file_is_one(running: Sandbox) -> None:
    assert set(running.started["sites"]) == {"heat", "heat_private", "heat_fip", "capi"}
    for path in running.started["sites"].values():
        assert load_site(path).name == Path(path).stem


def test_side_by_side_and_nothing_left_after_a_kill(running: Sandbox, tmp_path: Path) -> None:
    second = Sandbox(json.loads(command("up", "--state", str(tmp_path), "--time-scale", "0").stdout))
    magnum = second.magnum()
    magnum.clusters.create(name="a", cluster_template_id="kubernetes-v1.31.1", keypair="default")
    wait_until(lambda: magnum.clusters.get("a").status == "CREATE_COMPLETE")
    assert len(second.state()["clusters"]) == 1
    assert second.started["control_url"] != running.started["control_url"]
    assert len(processes(tmp_path)) >= 3
    os.kill(second.started["pid"], signal.SIGKILL)
    command("down", "--state", str(tmp_path))
    assert processes(tmp_path) == set()
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
