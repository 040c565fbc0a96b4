"""helm upgrade and rollback: what changes, what is refused, what a crash leaves and how it is recovered."""

from __future__ import annotations

import subprocess

import pytest

from tests.contract.helm.programs import Programs
from tests.support.sandbox import wait_until

READY = ("--wait", "--timeout", "60s")
# As magnumhub/remote/releases.py calls it.
OWN = ("--server-side=true", "--force-conflicts")


@pytest.fixture
def demo(programs: Programs) -> Programs:
    """With release demo, in which only the color is set."""
    done = programs.run("helm", "install", "demo", "{chart}", *READY, "--set", "color=blue")
    assert done.exit_code == 0, done.stderr
    return programs


def statuses(programs: Programs) -> list[str]:
    done = programs.run("helm", "history", "demo", "-o", "json")
    return [item["status"] for item in done.document]


def color(programs: Programs) -> str:
    return programs.kubectl("get", "configmap", "demo", "-o", "jsonpath={.data.color}").stdout


def test_upgraded_and_rolled_back(demo: Programs) -> None:
    assert demo.helm("upgrade", "demo", "{chart}", *READY, "--set", "color=green,replicas=2").exit_code == 0
    assert color(demo) == "green"
    demo.kubectl("get", "deployment", "demo")
    assert demo.helm("upgrade", "demo", "{chart}", *READY, "--reuse-values").exit_code == 0
    demo.helm("get", "values", "demo", "--revision", "1")
    demo.helm("rollback", "demo", "1", *READY)
    assert color(demo) == "blue"
    assert statuses(demo) == ["superseded", "superseded", "superseded", "deployed"]
    demo.helm("history", "demo", "-o", "json")
    demo.kubectl("get", "deployment", "demo", "-o", "jsonpath={.spec.replicas} {.metadata.generation}")


def versions(programs: Programs) -> str:
    words = ("deployment,service,configmap", "-o", "jsonpath={.items[*].metadata.resourceVersion}")
    return programs.run("kubectl", "get", *words).stdout


def test_an_upgrade_that_changes_nothing(demo: Programs) -> None:
    before = versions(demo)
    assert demo.helm("upgrade", "demo", "{chart}", "--no-hooks", "--reuse-values").exit_code == 0
    assert versions(demo) == before


def test_something_no_longer_in_the_chart(demo: Programs) -> None:
    (demo.chart / "templates/widget.yaml").unlink()
    assert demo.helm("upgrade", "demo", "{chart}", *READY, "--reuse-values").exit_code == 0
    assert demo.kubectl("get", "widget", "demo").exit_code == 1


def test_a_field_that_cannot_change(demo: Programs) -> None:
    done = demo.helm("upgrade", "demo", "{chart}", "--reuse-values", "--no-hooks", "--set", "label=other")
    assert done.exit_code == 1
    assert "field is immutable" in done.stderr
    assert statuses(demo) == ["deployed", "failed"]
    assert demo.helm("upgrade", "demo", "{chart}", *READY, "--reset-values").exit_code == 0
    demo.helm("history", "demo", "-o", "json")


@pytest.mark.parametrize("taken_back", [False, True])
def test_never_ready(demo: Programs, taken_back: bool) -> None:
    never = ("--wait", "--timeout", "3s", "--no-hooks", "--reuse-values", "--set", "image=never-ready:1")
    more = ("--rollback-on-failure",) if taken_back else ()
    done = demo.helm("upgrade", "demo", "{chart}", *never, *more)
    assert done.exit_code == 1
    demo.helm("history", "demo", "-o", "json")
    demo.helm("list", "-o", "json")
    assert statuses(demo)[-1] == ("deployed" if taken_back else "failed")


def test_a_field_that_somebody_else_changed(demo: Programs) -> None:
    patched = demo.kubectl("patch", "configmap", "demo", "--type", "merge", "-p", '{"data":{"color":"pink"}}')
    assert patched.exit_code == 0
    again = ("upgrade", "demo", "{chart}", "--no-hooks", "--reuse-values", "--set", "color=white")
    done = demo.helm(*again)
    assert done.exit_code == 1
    assert 'conflict with "kubectl-patch"' in done.stderr
    assert color(demo) == "pink"
    assert demo.helm(*again, "--force-conflicts").exit_code == 0
    assert color(demo) == "white"
    demo.helm("history", "demo", "-o", "json")


def test_replicas_that_somebody_else_scaled(demo: Programs) -> None:
    assert demo.kubectl("scale", "deployment", "demo", "--replicas", "2").exit_code == 0
    assert demo.helm("upgrade", "demo", "{chart}", "--no-hooks", "--reuse-values").exit_code == 1
    assert demo.helm("upgrade", "demo", "{chart}", "--no-hooks", "--reuse-values", *OWN, *READY).exit_code == 0
    demo.kubectl("get", "deployment", "demo", "-o", "jsonpath={.spec.replicas}")


def kill_in_its_hook(programs: Programs, *words: str, left: str) -> None:
    """A helm whose hook waits for a node that is not there, killed in it."""
    command = programs.command("helm", *words, "--set", "hold.node=none", "--timeout", "60s")
    sleeping = subprocess.Popen(command, env=programs.environment, cwd=programs.folder, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: left in programs.run("helm", "list", "-o", "json").stdout, 30, left)
    finally:
        sleeping.kill()
        sleeping.wait()


def test_a_killed_upgrade(programs: Programs) -> None:
    assert programs.run("helm", "install", "demo", "{chart}", *READY).exit_code == 0
    kill_in_its_hook(programs, "upgrade", "demo", "{chart}", left="pending-upgrade")
    done = programs.helm("upgrade", "demo", "{chart}", *READY, "--reset-values")
    assert done.exit_code == 1
    assert "another operation" in done.stderr
    programs.helm("history", "demo", "-o", "json")
    assert programs.helm("rollback", "demo", "1", *OWN, "--no-hooks", "--timeout", "60s").exit_code == 0
    assert statuses(programs)[-1] == "deployed"
    assert (
        programs.helm("upgrade", "demo", "{chart}", *OWN, *READY, "--reset-values", "--set", "color=green").exit_code
        == 0
    )
    programs.helm("history", "demo", "-o", "json")
    assert color(programs) == "green"


def test_a_killed_install(programs: Programs) -> None:
    kill_in_its_hook(programs, "install", "demo", "{chart}", left="pending-install")
    assert programs.helm("upgrade", "demo", "{chart}", "--install", *READY, "--reset-values").exit_code == 1
    assert programs.helm("rollback", "demo", "1", *OWN, "--no-hooks", "--timeout", "60s").exit_code == 0
    assert programs.helm("upgrade", "demo", "{chart}", *OWN, *READY, "--reset-values").exit_code == 0
    programs.helm("history", "demo", "-o", "json")
    programs.helm("list", "-o", "json")


def test_no_such_revision(demo: Programs) -> None:
    assert demo.helm("rollback", "demo", "7").exit_code == 1
    assert demo.helm("get", "values", "demo", "--revision", "7").exit_code == 1
