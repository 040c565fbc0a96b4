"""helm install and what helm tells of a release; what a release leaves when it goes."""

from __future__ import annotations

import pytest

from tests.contract.helm.chart import write_chart
from tests.contract.helm.programs import Programs

AGAIN = ("--install", "--reset-values", "--wait", "--timeout", "60s")
INSTALL = ("install", "demo", "{chart}", "--wait", "--timeout", "60s")


def test_installed_and_looked_at(programs: Programs) -> None:
    done = programs.helm(*INSTALL, "--set", "color=blue")
    assert done.exit_code == 0, done.stderr
    assert programs.helm("list").exit_code == 0
    listed = programs.helm("list", "-o", "json").document
    assert [(item["name"], item["status"], item["chart"]) for item in listed] == [("demo", "deployed", "demo-1.2.3")]
    programs.helm("status", "demo", comparable=by_line)
    status = programs.helm("status", "demo", "-o", "json").document
    assert status["info"]["status"] == "deployed"
    programs.helm("history", "demo")
    programs.helm("history", "demo", "-o", "json")
    assert programs.helm("get", "values", "demo", "-o", "json").document == {"color": "blue"}
    programs.helm("get", "values", "demo", "--all")
    programs.helm("get", "manifest", "demo")
    programs.helm("get", "hooks", "demo")
    programs.helm("get", "notes", "demo")
    programs.helm("get", "metadata", "demo")
    programs.kubectl("get", "deployment,service,secret,pvc,job,widget", "-o", "name")
    programs.kubectl("get", "secret", "--field-selector", "type=helm.sh/release.v1", "--show-labels")


def by_line(text: str) -> str:
    """helm tells kinds in an order that it draws, and leaves out a header that was there just before."""
    return "\n".join(sorted(set(text.splitlines())))


def test_a_name_in_use(programs: Programs) -> None:
    programs.run("helm", "install", "demo", "{chart}", "--no-hooks")
    assert programs.helm("install", "demo", "{chart}").exit_code == 1
    done = programs.helm("install", "other", "{chart}", "--no-hooks")
    assert done.exit_code == 1
    assert "invalid ownership metadata" in done.stderr


@pytest.mark.parametrize("words", ["status", "history", "get values", "get manifest", "uninstall", "rollback"])
def test_no_such_release(programs: Programs, words: str) -> None:
    assert programs.helm(*words.split(), "nothing").exit_code == 1


def test_no_releases(programs: Programs) -> None:
    assert programs.helm("list", "-o", "json").document == []
    programs.helm("list")


def test_no_such_namespace(programs: Programs) -> None:
    done = programs.helm("install", "demo", "{chart}", "--no-hooks", "--namespace", "contract-none")
    assert done.exit_code == 1
    assert 'namespaces "contract-none" not found' in done.stderr


def test_a_namespace_made_by_helm(programs: Programs) -> None:
    name = f"{programs.namespace}-made"
    programs.chart = write_chart(programs.chart, {"templates/claim.yaml": None})
    try:
        done = programs.helm(*INSTALL, "--create-namespace", "--namespace", name)
        assert done.exit_code == 0, done.stderr
        programs.kubectl("get", "namespace", name, "--show-labels")
    finally:
        programs.run("kubectl", "delete", "namespace", name, "--wait=false")


def test_a_hook_that_fails(programs: Programs) -> None:
    done = programs.helm("install", "demo", "{chart}", "--set", "hook=fails:1", "--timeout", "30s")
    assert done.exit_code == 1
    programs.helm("list")
    programs.kubectl("get", "job", "-o", "jsonpath={.items[*].status.failed}")
    assert programs.helm("upgrade", "demo", "{chart}", *AGAIN).exit_code == 0
    programs.helm("history", "demo")


def test_never_ready(programs: Programs) -> None:
    done = programs.helm("install", "demo", "{chart}", "--wait", "--timeout", "3s", "--set", "image=never-ready:1")
    assert done.exit_code == 1
    assert programs.helm("list", "-o", "json").document[0]["status"] == "failed"


def test_never_ready_and_taken_back(programs: Programs) -> None:
    never = ("--wait", "--timeout", "3s", "--set", "image=never-ready:1", "--rollback-on-failure")
    assert programs.helm("install", "demo", "{chart}", *never).exit_code == 1
    assert programs.helm("list", "-o", "json").document == []


REFUSED = {
    "an unknown field": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndatas: {a: b}\n",
    "a name that is none": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}\n",
    "a wrong type": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata: {a: [1]}\n",
    "a wrong port": "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 99999}]}\n",
    "no containers": "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: []}\n",
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_by_the_api(programs: Programs, what: str) -> None:
    programs.chart = write_chart(programs.chart, {"templates/bad.yaml": REFUSED[what]})
    assert programs.helm("install", "demo", "{chart}", "--no-hooks", "--timeout", "20s").exit_code == 1


@pytest.mark.not_recorded
@pytest.mark.parametrize("version", ["v1", "nothing.example.org/v1"])
@pytest.mark.not_recorded
def test_an_unknown_kind(programs: Programs, version: str) -> None:
    """helm reads /openapi/v2 to word this, which the sandbox has not."""
    text = f"apiVersion: {version}\nkind: Nothing\nmetadata: {{name: bad}}\n"
    programs.chart = write_chart(programs.chart, {"templates/bad.yaml": text})
    done = programs.run("helm", "install", "demo", "{chart}", "--no-hooks")
    assert done.exit_code == 1
    assert "unable to build kubernetes objects from release manifest" in done.stderr


def test_asked_only(programs: Programs) -> None:
    """--dry-run=server asks the API; template and lint need none, but for its version and kinds."""
    assert programs.helm("install", "demo", "{chart}", "--dry-run=server", "--no-hooks").exit_code == 0
    assert programs.helm("list", "-o", "json").document == []
    assert programs.helm("template", "demo", "{chart}", "--show-only", "templates/map.yaml").exit_code == 0
    assert programs.helm("lint", "{chart}").exit_code == 0
    write_chart(programs.chart, {"templates/version.yaml": VERSION})
    assert programs.helm("install", "demo", "{chart}", "--dry-run=server", "--no-hooks").exit_code == 0


VERSION = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: version}
data:
  major: {{ .Capabilities.KubeVersion.Major | quote }}
  jobs: {{ .Capabilities.APIVersions.Has "batch/v1/Job" | quote }}
  nothing: {{ .Capabilities.APIVersions.Has "nothing/v1" | quote }}
  found: {{ (lookup "v1" "Namespace" "" .Release.Namespace).metadata.name | quote }}
  missing: {{ lookup "v1" "ConfigMap" .Release.Namespace "none" | toJson | quote }}
"""


def test_uninstalled(programs: Programs) -> None:
    programs.run("helm", *INSTALL)
    done = programs.helm("uninstall", "demo", "--wait", "--timeout", "60s")
    assert done.exit_code == 0, done.stderr
    assert programs.helm("list", "-o", "json").document == []
    left = programs.kubectl("get", "deployment,service,secret,pvc,job,widget", "-o", "name").stdout
    assert left.split() == ["persistentvolumeclaim/demo", "job.batch/demo-hook"]


def test_uninstalled_and_remembered(programs: Programs) -> None:
    programs.run("helm", *INSTALL)
    assert programs.helm("uninstall", "demo", "--keep-history", "--wait", "--timeout", "60s").exit_code == 0
    assert programs.helm("list", "-o", "json").document[0]["status"] == "uninstalled"
    assert programs.helm("rollback", "demo", "1", "--no-hooks").exit_code == 0
    programs.helm("history", "demo")
    assert programs.helm("uninstall", "demo", "--keep-history", "--wait", "--timeout", "60s").exit_code == 0
    assert programs.helm("uninstall", "demo").exit_code == 0
    assert programs.helm("list", "-o", "json").document == []


def test_something_that_does_not_let_go(programs: Programs) -> None:
    programs.run("helm", *INSTALL)
    hold = '{"metadata":{"finalizers":["contract.example.org/hold"]}}'
    assert programs.kubectl("patch", "service", "demo", "--type", "merge", "-p", hold).exit_code == 0
    assert programs.helm("uninstall", "demo", "--wait", "--timeout", "3s").exit_code == 1
    programs.helm("list")
    release = '{"metadata":{"finalizers":null}}'
    assert programs.kubectl("patch", "service", "demo", "--type", "merge", "-p", release).exit_code == 0
    programs.helm("uninstall", "demo", "--wait", "--timeout", "30s")
    assert programs.helm("list", "-o", "json").document == []
