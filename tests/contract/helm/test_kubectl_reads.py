"""What kubectl shows: in all its forms, of what is there and of what is not."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.contract.helm.programs import Programs

OBJECTS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: map, labels: {app: one, tier: front}, annotations: {note: a}}
data: {color: red, text: "two\\nlines\\n"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other, labels: {app: two}}
---
apiVersion: v1
kind: Secret
metadata: {name: secret, labels: {app: one}}
data: {token: c2VjcmV0}
---
apiVersion: v1
kind: Service
metadata: {name: service, labels: {app: one}}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 81}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim}
spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: web:1
        ports: [{containerPort: 8080}]
        env: [{name: COLOR, value: red}]
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: job}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: "job:1"}]}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: everywhere}
spec:
  selector: {matchLabels: {app: everywhere}}
  template: {metadata: {labels: {app: everywhere}}, spec: {containers: [{name: c, image: "c:1"}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: pod, labels: {app: pod}}
spec: {containers: [{name: first, image: "a:1"}, {name: second, image: "b:1"}]}
"""
KINDS = ("deployment", "replicaset", "daemonset", "pod", "service", "configmap", "secret", "pvc", "job")
RESOURCES = {
    "configmaps",
    "daemonsets",
    "deployments",
    "events",
    "jobs",
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "replicasets",
    "roles",
    "rolebindings",
    "secrets",
    "serviceaccounts",
    "services",
    "storageclasses",
}
SETTLED = {"deployment/web": "Available", "job/job": "Complete", "pod/pod": "Ready"}
SELECTORS = ("app=one", "app!=one,app", "app in (one,two)", "app notin (one)", "tier", "!tier", "app==one,tier=front")


@pytest.fixture
def shown(programs: Programs) -> Programs:
    """With some objects, all of them settled."""
    done = programs.run("kubectl", "apply", "-f", "-", stdin=OBJECTS)
    assert done.exit_code == 0, done.stderr
    for what, condition in SETTLED.items():
        assert programs.run("kubectl", "wait", what, f"--for=condition={condition}", "--timeout=30s").exit_code == 0
    assert programs.run("kubectl", "rollout", "status", "daemonset/everywhere", "--timeout=30s").exit_code == 0
    return programs


@pytest.mark.parametrize("form", ["", "wide", "name", "json", "yaml"])
def test_forms(shown: Programs, form: str) -> None:
    words = ("-o", form) if form else ()
    for kind in KINDS:
        done = shown.kubectl("get", kind, *words, "--sort-by", "{.metadata.name}")
        assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("form", ["", "name"])
def test_endpoints(shown: Programs, form: str) -> None:
    """Not in the other forms: beside pods the order of addresses shows, which is luck, as is one annotation."""
    words = ("-o", form) if form else ()
    assert shown.kubectl("get", "endpoints", *words, "--sort-by", "{.metadata.name}").exit_code == 0


def test_parts_of_objects(shown: Programs) -> None:
    shown.kubectl("get", "configmap", "map", "-o", "jsonpath={.data.color}{'\\n'}{.metadata.labels}")
    shown.kubectl("get", "service", "-o", "jsonpath={range .items[*]}{.metadata.name}:{.spec.ports[0].port} {end}")
    shown.kubectl("get", "service", "-o", "custom-columns=NAME:.metadata.name,TYPE:.spec.type,NONE:.spec.none")
    shown.kubectl("get", "configmap", "map", "-o", "go-template={{ .data.color }}")
    shown.kubectl("get", "secret", "secret", "-o", "jsonpath={.data.token}")
    shown.kubectl("get", "deployment/web", "job/job", "-o", "name")
    shown.kubectl("get", "configmap", "map", "-o", "yaml", "--show-managed-fields")


def test_selectors(shown: Programs) -> None:
    for selector in SELECTORS:
        shown.kubectl("get", "configmap", "-l", selector, "-o", "name")
    for selector in ("metadata.name=map", "metadata.name!=map"):
        shown.kubectl("get", "configmap", "--field-selector", selector, "-o", "name")
    shown.kubectl("get", "pod", "--field-selector", "status.phase=Running", "-L", "app", "--no-headers")
    shown.kubectl("get", "pod", "--field-selector", "spec.none=x")
    shown.kubectl("get", "configmap", "-l", "a b c")
    shown.kubectl("get", "all", "-l", "app=web", "--show-kind")
    shown.kubectl("get", "configmap", "map", "service/service")


def test_everywhere(shown: Programs) -> None:
    mine = f"metadata.namespace={shown.namespace}"
    assert shown.kubectl("get", "configmap", "--all-namespaces", "--field-selector", mine).exit_code == 0
    assert shown.kubectl("get", "namespace", shown.namespace).exit_code == 0


@pytest.mark.parametrize("what", ["deployment/web", "service/service", "configmap/map", "secret/secret", "pvc/claim"])
def test_described(shown: Programs, what: str) -> None:
    assert shown.kubectl("describe", what, comparable=without_events).exit_code == 0


@pytest.mark.parametrize("what", ["pod/pod", "job/job", "daemonset/everywhere", "replicaset", "namespace"])
def test_described_too(shown: Programs, what: str) -> None:
    words = (what, shown.namespace) if what == "namespace" else (what,)
    assert shown.kubectl("describe", *words, comparable=without_events).exit_code == 0


def without_events(text: str) -> str:
    """What happened is told by `kubectl events`, and when is up to the moment."""
    return re.sub(r"(?ms)^Events:.*?(?=^\S|\Z)", "", text)


def test_events(shown: Programs) -> None:
    told = "custom-columns=TYPE:.type,REASON:.reason,KIND:.involvedObject.kind,FROM:.source.component,MESSAGE:.message"

    def one_of_each(text: str) -> str:
        return "\n".join(sorted(set(text.splitlines())))

    done = shown.kubectl("get", "events", "-o", told, "--no-headers", comparable=one_of_each)
    assert "ScalingReplicaSet" in done.stdout
    for_one = shown.kubectl("events", "--for", "deployment/web", "--no-headers")
    assert "Scaled up replica set" in for_one.stdout


def test_nothing_there(programs: Programs) -> None:
    programs.kubectl("get", "pods")
    programs.kubectl("get", "pods", "-o", "name")
    programs.kubectl("get", "pods", "-o", "json")
    assert programs.kubectl("get", "pod", "none").exit_code == 1
    assert programs.kubectl("get", "pod", "none", "other").exit_code == 1
    assert programs.kubectl("get", "pod", "none", "--ignore-not-found").exit_code == 0
    assert programs.kubectl("get", "nothings").exit_code == 1
    assert programs.kubectl("get", "nothings.example.org", "x").exit_code == 1
    assert programs.kubectl("describe", "pod", "none").exit_code == 1
    assert programs.kubectl("logs", "none").exit_code == 1
    assert programs.kubectl("get", "pods", "--namespace", "contract-none").exit_code == 0
    assert programs.kubectl("get", "--raw", "/api/v1/nothings").exit_code == 1
    assert programs.kubectl("get", "namespace", "contract-none").exit_code == 1


def test_watched(programs: Programs) -> None:
    """A watch told line by line, ended by its own limit."""
    watching = subprocess.Popen(
        programs.command("kubectl", "get", "configmap", "--watch", "--output-watch-events", "--request-timeout=4s"),
        env=programs.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    programs.run("kubectl", "create", "configmap", "map", "--from-literal=a=b")
    programs.run("kubectl", "label", "configmap", "map", "x=y")
    programs.run("kubectl", "delete", "configmap", "map")
    stdout, _ = watching.communicate(timeout=60)
    seen = [line.split()[:3] for line in stdout.splitlines() if "kube-root-ca" not in line]
    programs.transcript.add("helm", "kubectl get configmap --watch", stdout=seen)
    assert [words[0] for words in seen] == ["EVENT", "ADDED", "MODIFIED", "DELETED"]


def test_logs(shown: Programs) -> None:
    assert shown.kubectl("logs", "pod", "-c", "first").exit_code == 0
    assert shown.kubectl("logs", "pod").exit_code == 0
    assert shown.kubectl("logs", "job/job").exit_code == 0
    assert shown.kubectl("logs", "pod", "-c", "third").exit_code == 1


def test_what_there_is(programs: Programs) -> None:
    programs.kubectl("version", "-o", "json", comparable=without_builds)
    for group in ("", "apps", "batch", "rbac.authorization.k8s.io", "storage.k8s.io"):
        programs.kubectl("api-resources", f"--api-group={group}", "--no-headers", "-o", "wide", comparable=of_charts)
    assert programs.kubectl("explain", "pod.none").exit_code == 1


def without_builds(text: str) -> str:
    return re.sub(r'(?m)^ *"(build|git|platform|compiler|go|kustomize).*\n', "", text)


def of_charts(text: str) -> str:
    """The kinds that charts like ours are made of."""
    return "\n".join(line for line in text.splitlines() if line.split()[0] in RESOURCES)


def test_who_may(programs: Programs) -> None:
    assert programs.kubectl("auth", "can-i", "create", "pods").stdout == "yes\n"
    assert programs.kubectl("auth", "can-i", "delete", "nodes", "--as", "nobody").exit_code == 1
    programs.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username} {.status.userInfo.groups}")
    assert programs.kubectl("get", "pods", "--as", "nobody").exit_code == 1
