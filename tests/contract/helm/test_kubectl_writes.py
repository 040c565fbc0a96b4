"""What kubectl changes: made, applied, patched, scaled, rolled out, deleted, and what is refused."""

from __future__ import annotations

import pytest

from tests.contract.helm.programs import Programs

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {color: red, size: small}\n"
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
"""
SHOWN = "jsonpath={.data} {.metadata.labels} {.metadata.annotations.note}"


@pytest.fixture
def map_(programs: Programs) -> Programs:
    assert programs.run("kubectl", "apply", "--server-side", "-f", "-", stdin=MAP).exit_code == 0
    return programs


@pytest.fixture
def web(programs: Programs) -> Programs:
    assert programs.run("kubectl", "apply", "-f", "-", stdin=WEB).exit_code == 0
    assert programs.run("kubectl", "rollout", "status", "deployment/web", "--timeout=30s").exit_code == 0
    return programs


@pytest.mark.parametrize("where", [(), ("--server-side",)], ids=["client-side", "server-side"])
def test_applied(programs: Programs, where: tuple[str, ...]) -> None:
    apply = ("apply", "-f", "-", *where)
    assert programs.kubectl("diff", "-f", "-", *where, stdin=MAP, comparable=without_files).exit_code == 1
    assert programs.kubectl(*apply, "--dry-run=server", stdin=MAP).exit_code == 0
    assert programs.kubectl("get", "configmap", "map", "-o", "name").exit_code == 1
    assert programs.kubectl(*apply, stdin=MAP).exit_code == 0
    assert programs.kubectl(*apply, stdin=MAP).exit_code == 0
    assert programs.kubectl("diff", "-f", "-", *where, stdin=MAP).exit_code == 0
    changed = MAP.replace("red", "blue").replace(", size: small", "")
    assert programs.kubectl("diff", "-f", "-", *where, stdin=changed, comparable=without_files).exit_code == 1
    assert programs.kubectl(*apply, stdin=changed).exit_code == 0
    assert programs.kubectl("get", "configmap", "map", "-o", "jsonpath={.data}").stdout == '{"color":"blue"}'
    programs.kubectl("get", "configmap", "map", "-o", "json", "--show-managed-fields")


def without_files(text: str) -> str:
    """The differences alone: the names of files and their times are drawn."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(("diff ", "---", "+++", "@@")))


def test_applied_by_two(map_: Programs) -> None:
    other = ("apply", "--server-side", "--field-manager", "other", "-f", "-")
    changed = MAP.replace("red", "blue")
    assert map_.kubectl(*other, stdin=changed).exit_code == 1
    assert map_.kubectl(*other, "--force-conflicts", stdin=changed).exit_code == 0
    map_.kubectl("get", "configmap", "map", "-o", "json", "--show-managed-fields")


def test_created_and_replaced(programs: Programs) -> None:
    assert programs.kubectl("create", "-f", "-", stdin=MAP).exit_code == 0
    assert programs.kubectl("create", "-f", "-", stdin=MAP).exit_code == 1
    assert programs.kubectl("replace", "-f", "-", stdin=MAP.replace("red", "blue")).exit_code == 0
    programs.kubectl("get", "configmap", "map", "-o", SHOWN)
    assert programs.kubectl("replace", "-f", "-", stdin=MAP.replace("name: map", "name: none")).exit_code == 1
    old = MAP.replace("name: map", 'name: map, resourceVersion: "1"')
    assert programs.kubectl("replace", "-f", "-", stdin=old).exit_code == 1
    programs.kubectl("create", "secret", "generic", "secret", "--from-literal=token=x")
    assert programs.run("kubectl", "apply", "-f", "-", stdin=WEB).exit_code == 0
    programs.kubectl("expose", "deployment", "web", "--port", "80")
    programs.kubectl("create", "namespace", programs.namespace)


@pytest.mark.parametrize("kind", ["strategic", "merge", "json"])
def test_patched(map_: Programs, kind: str) -> None:
    patch = '{"data":{"color":"blue","size":null}}'
    if kind == "json":
        patch = '[{"op":"replace","path":"/data/color","value":"blue"},{"op":"remove","path":"/data/size"}]'
    words = ("patch", "configmap", "map", "--type", kind, "-p", patch)
    assert map_.kubectl(*words).exit_code == 0
    map_.kubectl("get", "configmap", "map", "-o", SHOWN)
    map_.kubectl(*words)
    if kind == "json":
        bad = '[{"op":"test","path":"/data/color","value":"x"}]'
        assert map_.kubectl("patch", "configmap", "map", "--type", kind, "-p", bad).exit_code == 1
    else:  # the words differ, which is listed
        assert "is invalid" in map_.run("kubectl", *words[:-1], '{"data":[1]}').stderr
    assert map_.kubectl("patch", "configmap", "none", "--type", kind, "-p", patch).exit_code == 1


def test_patched_lists(web: Programs) -> None:
    more = '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:1"}]}}}}'
    assert web.kubectl("patch", "deployment", "web", "-p", more).exit_code == 0
    web.kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[*].name}")
    for refused in ('{"spec":{"selector":{"matchLabels":{"tier":"b"}}}}', '{"spec":{"replicas":-1}}'):
        assert web.kubectl("patch", "deployment", "web", "-p", refused).exit_code == 1


def test_labelled(map_: Programs) -> None:
    assert map_.kubectl("label", "configmap", "map", "tier=front").exit_code == 0
    assert map_.kubectl("label", "configmap", "map", "tier=front").exit_code == 0
    assert map_.kubectl("label", "configmap", "map", "tier=back").exit_code == 1
    assert map_.kubectl("label", "configmap", "map", "tier=back", "--overwrite").exit_code == 0
    assert map_.kubectl("annotate", "configmap", "map", "note=a").exit_code == 0
    map_.kubectl("get", "configmap", "map", "-o", SHOWN)
    assert map_.kubectl("label", "configmap", "map", "tier-").exit_code == 0
    assert map_.kubectl("label", "configmap", "map", "bad=!").exit_code == 1
    assert map_.kubectl("label", "configmap", "none", "a=b").exit_code == 1
    map_.kubectl("get", "configmap", "map", "-o", SHOWN)


def test_scaled_and_rolled_out(web: Programs) -> None:
    assert web.kubectl("scale", "deployment", "web", "--replicas", "3").exit_code == 0
    assert web.run("kubectl", "rollout", "status", "deployment/web", "--timeout=30s").exit_code == 0
    web.kubectl("get", "deployment", "web")
    assert web.kubectl("scale", "deployment", "web", "--replicas", "1", "--current-replicas", "2").exit_code == 1
    assert web.kubectl("scale", "deployment", "none", "--replicas", "1").exit_code == 1
    assert web.kubectl("set", "image", "deployment/web", "web=web:2").exit_code == 0
    assert web.run("kubectl", "rollout", "status", "deployment/web", "--timeout=30s").exit_code == 0
    assert web.kubectl("rollout", "status", "deployment/web", "--timeout=30s").exit_code == 0
    web.kubectl("rollout", "history", "deployment/web")
    web.kubectl("rollout", "history", "deployment/web", "--revision", "2")
    assert web.kubectl("rollout", "undo", "deployment/web").exit_code == 0
    assert web.run("kubectl", "rollout", "status", "deployment/web", "--timeout=30s").exit_code == 0
    web.kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[*].image}")
    web.kubectl("rollout", "history", "deployment/web")
    web.kubectl("rollout", "undo", "deployment/web", "--to-revision", "9")
    assert web.kubectl("rollout", "pause", "deployment/web").exit_code == 0
    assert web.kubectl("rollout", "restart", "deployment/web").exit_code == 1
    assert web.kubectl("rollout", "resume", "deployment/web").exit_code == 0
    assert web.kubectl("rollout", "restart", "deployment/web").exit_code == 0
    assert web.run("kubectl", "rollout", "status", "deployment/web", "--timeout=30s").exit_code == 0


def test_a_rollout_that_does_not_end(web: Programs) -> None:
    assert web.kubectl("set", "image", "deployment/web", "web=never-ready:1").exit_code == 0
    assert web.kubectl("rollout", "status", "deployment/web", "--timeout=3s").exit_code == 1
    web.kubectl("get", "deployment", "web", "--no-headers")


def test_waited_for(web: Programs) -> None:
    assert web.kubectl("wait", "deployment/web", "--for=condition=Available", "--timeout=20s").exit_code == 0
    assert web.kubectl("wait", "deployment/web", "--for=jsonpath={.status.readyReplicas}=1").exit_code == 0
    assert web.kubectl("wait", "deployment/web", "--for=condition=None", "--timeout=1s").exit_code == 1
    assert web.kubectl("wait", "deployment/none", "--for=condition=Available", "--timeout=1s").exit_code == 1
    assert web.kubectl("wait", "pod", "-l", "app=web", "--for=condition=Ready", "--timeout=20s").exit_code == 0
    assert web.kubectl("wait", "pod/none", "--for=delete", "--timeout=5s").exit_code == 0


def test_deleted(web: Programs) -> None:
    assert web.kubectl("delete", "deployment", "none").exit_code == 1
    assert web.kubectl("delete", "deployment", "none", "--ignore-not-found").exit_code == 0
    assert web.kubectl("delete", "deployment", "web", "--dry-run=server").exit_code == 0
    assert web.kubectl("delete", "deployment", "web", "--cascade=orphan").exit_code == 0
    web.kubectl("get", "replicaset,pod", "-o", "name")
    assert web.run("kubectl", "apply", "-f", "-", stdin=WEB).exit_code == 0
    assert web.run("kubectl", "rollout", "status", "deployment/web", "--timeout=30s").exit_code == 0
    web.kubectl("get", "replicaset,pod", "-o", "name")
    assert web.kubectl("delete", "deployment", "web", "--cascade=foreground", "--timeout=30s").exit_code == 0
    assert web.kubectl("get", "replicaset,pod", "-o", "name").stdout == ""
    assert web.kubectl("delete", "configmap", "--all").exit_code == 0
    assert web.kubectl("delete", "-f", "-", stdin=MAP + "---\n" + WEB).exit_code == 1


def test_something_that_does_not_let_go(map_: Programs) -> None:
    hold = '{"metadata":{"finalizers":["contract.example.org/hold"]}}'
    assert map_.kubectl("patch", "configmap", "map", "--type", "merge", "-p", hold).exit_code == 0
    assert map_.kubectl("delete", "configmap", "map", "--timeout=2s").exit_code == 1
    assert map_.kubectl("get", "configmap", "map").exit_code == 0
    assert map_.kubectl("delete", "configmap", "map", "--wait=false").exit_code == 0
    more = '{"metadata":{"finalizers":["contract.example.org/hold","contract.example.org/more"]}}'
    assert map_.kubectl("patch", "configmap", "map", "--type", "merge", "-p", more).exit_code == 1
    let_go = '{"metadata":{"finalizers":null}}'
    assert map_.kubectl("patch", "configmap", "map", "--type", "merge", "-p", let_go).exit_code == 0
    assert map_.kubectl("get", "configmap", "map").exit_code == 1


REFUSED = {
    "an unknown field": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndatas: {a: b}\n",
    "no name": "apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {a: b}}\n",
    "a name that is none": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}\n",
    "a wrong type": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata: [a]\n",
    "a wrong label": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, labels: {a: 'b c'}}\n",
    "no ports": "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {selector: {a: b}}\n",
    "no containers": "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: []}\n",
    "a selector of others": WEB.replace("matchLabels: {app: web}", "matchLabels: {app: other}"),
    "a job that restarts": (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: bad}\n"
        'spec: {template: {spec: {restartPolicy: Always, containers: [{name: c, image: "c:1"}]}}}\n'
    ),
    "another namespace": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad, namespace: contract-none}\n",
}


@pytest.mark.parametrize("where", ["create", "apply", "apply --server-side"])
@pytest.mark.parametrize("what", REFUSED)
def test_refused(programs: Programs, what: str, where: str) -> None:
    assert programs.kubectl(*where.split(), "-f", "-", stdin=REFUSED[what]).exit_code == 1
