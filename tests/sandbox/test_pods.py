"""Pods on the sandbox's node: real processes, seen through the API and kubectl."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.rest import ApiException
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.sandbox.conftest import wait_until
from tests.sandbox.kube_rig import Rig
from tests.sandbox.node_rig import NodeProcess, rig_with_real_nodes

NAMESPACE = "default"


class RefuseStatus:
    """Answers 503 to reports about pods whose name begins with `refused`, as a fault would, until told otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.on = True
        RefuseStatus.instance = self

    instance: RefuseStatus

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if self.on and scope["method"] == "PATCH" and "/pods/refused" in path and path.endswith("/status"):
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})
            return
        await self._app(scope, receive, send)


class Node:
    """A rig's node with an image `tiny:1`, which is nothing but Python."""

    def __init__(self, rig: Rig, images: Path, nodes: NodeProcess) -> None:
        self.rig, self.images, self._nodes = rig, images, nodes

    def names(self) -> set[str]:
        """Of the nodes that are ready."""
        nodes = [item for item in self.rig.core.list_node().items if item.status.conditions]
        return {
            n.metadata.name for n in nodes if [c.status for c in n.status.conditions if c.type == "Ready"] == ["True"]
        }

    def change(self, **addresses: str | None) -> None:
        """Add nodes, or take away those without an address."""
        nodes = json.loads(self._nodes.nodes.read_text()) | {
            name.replace("_", "-"): ip for name, ip in addresses.items()
        }
        self._nodes.nodes.write_text(json.dumps({name: address for name, address in nodes.items() if address}))
        self._nodes.process.send_signal(signal.SIGHUP)

    def create(self, name: str, script: str, kind: str = "sh", **spec: Any) -> None:
        """A pod with one container that runs a script; `container` in `spec` is laid over that container's."""
        program = ["sh", "-c", script] if kind == "sh" else ["python", "-u", "-c", script]
        container = {"name": "c", "image": "example.org/some/tiny:1", "command": program, **spec.pop("container", {})}
        pod = {
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"restartPolicy": "Never", "containers": [container], **spec},
        }
        self.rig.core.create_namespaced_pod(NAMESPACE, pod)

    def pods(self) -> list[Any]:
        return list(self.rig.core.list_namespaced_pod(NAMESPACE).items)

    def get(self, name: str) -> Any:
        return self.rig.core.read_namespaced_pod(name, NAMESPACE)

    def container(self, name: str) -> Any:
        statuses = self.get(name).status.container_statuses
        return statuses[0] if statuses else None

    def log(self, name: str, **options: Any) -> str:
        return str(self.rig.core.read_namespaced_pod_log(name, NAMESPACE, **options))

    def phase(self, name: str, phase: str) -> Any:
        """The pod, once it is in this phase."""
        return wait_until(lambda: (pod := self.get(name)).status.phase == phase and pod)

    def events(self, name: str) -> list[str]:
        listed = self.rig.core.list_namespaced_event(NAMESPACE, field_selector=f"involvedObject.name={name}")
        return [f"{event.reason}: {event.message}" for event in listed.items]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    images = folder / "images"
    images.mkdir()
    (images / "tiny-1.txt").write_text("# nothing but Python\n")
    environment = {"XDG_CACHE_HOME": str(folder / "cache")}
    with rig_with_real_nodes(folder, image_folder=images, environment=environment, wrap=RefuseStatus) as (rig, nodes):
        yield Node(rig, images, nodes)


def test_the_nodes_are_ready_with_their_room(node: Node) -> None:
    def ready() -> list[Any]:
        return [item for item in node.rig.core.list_node().items if item.status.conditions]

    for item in wait_until(lambda: len(found := ready()) == 2 and found):
        assert item.status.allocatable == {"cpu": "8", "memory": "8Gi", "pods": "110"}
        assert [c.status for c in item.status.conditions if c.type == "Ready"] == ["True"]
        assert item.status.node_info.kubelet_version == "v1.31.1"


def test_a_service_is_reached_by_its_address_and_from_pods_by_its_name(node: Node) -> None:
    probe = {"httpGet": {"path": "/", "port": "http"}}
    container = {"name": "c", "image": "tiny:1", "args": ["python", "-m", "http.server", "8000"]}
    container |= {"ports": [{"name": "http", "containerPort": 8000}], "readinessProbe": probe}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    node.rig.apps.create_namespaced_deployment(NAMESPACE, {"metadata": {"name": "web"}, "spec": spec})
    ports = [{"port": 8080, "targetPort": "http"}]
    service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": ports}}
    address = node.rig.core.create_namespaced_service(NAMESPACE, service).spec.cluster_ip
    wait_until(lambda: node.rig.apps.read_namespaced_deployment("web", NAMESPACE).status.ready_replicas == 2)

    assert wait_until(lambda: urllib.request.urlopen(f"http://{address}:8080/").status) == 200
    pods = node.rig.core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items
    urls = [f"http://{host}:8080" for host in ("web", "web.default.svc")] + [f"http://{pods[0].status.pod_ip}:8000"]
    node.create("client", f"import urllib.request as u; print([u.urlopen(x).status for x in {urls}])", "python")
    client_address = node.phase("client", "Succeeded").status.pod_ip
    assert node.log("client") == "[200, 200, 200]\n"
    assert client_address in node.log(pods[0].metadata.name)

    node.rig.apps.delete_namespaced_deployment("web", NAMESPACE)
    wait_until(lambda: not node.rig.core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://{address}:8080/")


def test_a_pod_gets_its_variables_and_volumes(node: Node) -> None:
    core = node.rig.core
    core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "conf"}, "data": {"a.py": "x = 1", "B": "b"}})
    secret = {"metadata": {"name": "cred"}, "stringData": {"token": "s3cret", "other": "o"}}
    core.create_namespaced_secret(NAMESPACE, secret)
    code = """
import json, os, stat
def read(path):
    path = path.replace("/etc/", os.environ["ETC"] + "/")
    return open(path).read(), oct(stat.S_IMODE(os.stat(path).st_mode))
names = ["NAME", "IP", "GREETING", "TOKEN", "C_B", "FILE", "HOSTNAME"]
print(json.dumps({name: os.environ[name] for name in names} | {"cwd": os.path.basename(os.getcwd())}))
print(json.dumps([read(os.environ["FILE"]), read(os.environ["SECRET"] + "/key"), read(os.environ["INFO"] + "/labels"),
                  read(os.environ["ALL"] + "/b"), read(os.environ["SHARED"] + "/init")]))
"""
    fields = {"NAME": "metadata.name", "IP": "status.podIP"}
    env: list[dict[str, Any]] = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()
    ]
    env += [
        {"name": "GREETING", "value": "I am $(NAME) at $(IP), $$(NAME)"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "cred", "key": "token"}}},
        {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "nothing", "key": "token", "optional": True}}},
        {"name": "FILE", "value": "/etc/conf/a.py"},
        {"name": "ETC", "value": "/etc"},
        *({"name": name, "value": f"/mnt/{name.lower()}"} for name in ("SECRET", "INFO", "ALL", "SHARED")),
    ]
    shared = {"name": "shared", "mountPath": "/mnt/shared"}
    mounts = [{"name": "conf", "mountPath": "/etc/conf"}, {"name": "secret", "mountPath": "/mnt/secret"}]
    mounts += [{"name": "info", "mountPath": "/mnt/info"}, {"name": "all", "mountPath": "/mnt/all"}, shared]
    items = [{"fieldRef": {"fieldPath": "metadata.labels"}, "path": "labels"}]
    projected = {"sources": [{"configMap": {"name": "conf", "items": [{"key": "B", "path": "b"}]}}]}
    keyed = {"secretName": "cred", "items": [{"key": "token", "path": "key"}], "defaultMode": 0o400}
    volumes = [
        {"name": "conf", "configMap": {"name": "conf"}},
        {"name": "secret", "secret": keyed},
        {"name": "info", "downwardAPI": {"items": items}},
        {"name": "all", "projected": projected},
        {"name": "shared", "emptyDir": {}},
    ]
    first = {"name": "first", "image": "tiny:1", "command": ["sh", "-c", "echo -n 1 > /mnt/shared/init"]}
    sources = [{"configMapRef": {"name": "conf"}, "prefix": "C_"}]
    container = {"env": env, "envFrom": sources, "volumeMounts": mounts, "workingDir": "/srv/work"}
    node.create(
        "sees",
        code,
        "python",
        container=container,
        volumes=volumes,
        initContainers=[first | {"volumeMounts": [shared]}],
    )
    address = node.phase("sees", "Succeeded").status.pod_ip
    variables, files = map(json.loads, node.log("sees").splitlines())
    assert variables.pop("FILE").endswith("/volumes/conf/a.py")
    assert variables == {
        "NAME": "sees",
        "IP": address,
        "GREETING": f"I am sees at {address}, $(NAME)",
        "TOKEN": "s3cret",
        "C_B": "b",
        "HOSTNAME": "sees",
        "cwd": "work",
    }
    assert files == [["x = 1", "0o644"], ["s3cret", "0o400"], ['app="sees"', "0o644"], ["b", "0o644"], ["1", "0o644"]]


def test_a_claims_folder_outlives_its_pods(node: Node) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    node.rig.core.create_namespaced_persistent_volume_claim(NAMESPACE, {"metadata": {"name": "home"}, "spec": spec})
    volumes = [{"name": "home", "persistentVolumeClaim": {"claimName": "home"}}]
    mount = {"volumeMounts": [{"name": "home", "mountPath": "/home/ann", "subPath": "inner"}]}
    node.create("writer", "echo kept > /home/ann/note", volumes=volumes, container=mount)
    node.phase("writer", "Succeeded")
    node.rig.core.delete_namespaced_pod("writer", NAMESPACE)
    node.create("reader", "cat /home/ann/note", volumes=volumes, container=mount)
    node.phase("reader", "Succeeded")
    assert node.log("reader") == "kept\n"


def test_exit_codes_decide_the_phase(node: Node) -> None:
    node.create("fails", "exit 7")
    node.phase("fails", "Failed")
    assert node.container("fails").state.terminated.exit_code == 7
    assert node.container("fails").state.terminated.reason == "Error"


def test_a_signals_exit_code_is_128_and_its_number(node: Node) -> None:
    node.create("killed", "kill -9 $$$$")
    node.phase("killed", "Failed")
    assert node.container("killed").state.terminated.exit_code == 137


def test_a_program_that_is_not_in_the_image_cannot_start(node: Node) -> None:
    node.create("nothing", "", container={"command": ["no-such-program"]})
    node.phase("nothing", "Failed")
    terminated = node.container("nothing").state.terminated
    assert (terminated.exit_code, terminated.reason) == (128, "StartError")
    assert "no-such-program" in terminated.message


@pytest.mark.parametrize("policy", ["Always", "OnFailure"])
def test_a_container_that_fails_is_started_again_after_a_pause(node: Node, policy: str) -> None:
    name = f"crash-{policy.lower()}"
    node.create(name, "echo once; exit 1", restartPolicy=policy)
    wait_until(lambda: node.container(name).state.waiting.reason == "CrashLoopBackOff")
    wait_until(lambda: node.container(name).restart_count >= 1)
    assert node.get(name).status.phase == "Running"
    assert node.container(name).last_state.terminated.exit_code == 1
    assert node.log(name, previous=True) == "once\n"
    node.rig.core.delete_namespaced_pod(name, NAMESPACE)


def test_an_init_container_must_succeed_first(node: Node) -> None:
    first = {"name": "first", "image": "tiny:1", "command": ["sh", "-c", "exit 3"]}
    node.create("never-begun", "echo begun", initContainers=[first])
    pod = node.phase("never-begun", "Failed")
    assert pod.status.init_container_statuses[0].state.terminated.exit_code == 3
    assert pod.status.container_statuses[0].state.waiting


def test_an_image_that_is_not_there_is_looked_for_again(node: Node) -> None:
    node.create("late", "echo here", container={"image": "example.org/late:2"})
    wait_until(lambda: node.container("late").state.waiting.reason == "ImagePullBackOff")
    assert any("example.org/late:2" in event for event in node.events("late"))
    (node.images / "late-2.txt").write_text("# nothing but Python\n")
    node.phase("late", "Succeeded")


def test_a_pod_waits_for_the_config_map_it_names(node: Node) -> None:
    volumes = [{"name": "v", "configMap": {"name": "comes-later"}}]
    node.create("patient", "true", volumes=volumes)
    wait_until(lambda: any("FailedMount" in event and "comes-later" in event for event in node.events("patient")))
    assert node.get("patient").status.phase == "Pending"
    node.rig.core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "comes-later"}, "data": {}})
    node.phase("patient", "Succeeded")


def pid_of(node: Node, name: str) -> int:
    """The process that a container says it is."""
    return wait_until(lambda: int(node.log(name).split()[0]))


def is_gone(node: Node, name: str) -> bool:
    try:
        node.get(name)
    except ApiException as error:
        return bool(error.status == 404)
    return False


def test_a_pod_that_ignores_the_request_to_end_is_killed_after_its_grace(node: Node) -> None:
    script = "trap '' TERM; echo $$$$; while true; do sleep 1; done"
    node.create("stubborn", script, terminationGracePeriodSeconds=1)
    pid = pid_of(node, "stubborn")
    node.rig.core.delete_namespaced_pod("stubborn", NAMESPACE)
    wait_until(lambda: is_gone(node, "stubborn"), limit_s=5)
    assert not Path(f"/proc/{pid}").exists()


def test_a_pod_that_is_removed_by_force_ends_too(node: Node) -> None:
    node.create("forced", "trap '' TERM; echo $$$$; while true; do sleep 1; done")
    pid = pid_of(node, "forced")
    node.rig.core.delete_namespaced_pod("forced", NAMESPACE, grace_period_seconds=0)
    assert is_gone(node, "forced")
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), limit_s=5)


def test_nothing_is_started_while_the_pods_status_is_refused(node: Node, tmp_path: Path) -> None:
    started = tmp_path / "started"
    node.create("refused", f"touch {started}")
    wait_until(lambda: node.get("refused").spec.node_name)
    node.create("bystander", "true")
    node.phase("bystander", "Succeeded")
    assert not started.exists()
    assert node.get("refused").status.phase == "Pending"
    RefuseStatus.instance.on = False
    node.phase("refused", "Succeeded")
    assert started.exists()


def test_a_command_says_when_a_pod_is_ready_and_another_when_it_is_dead(node: Node) -> None:
    probes = {
        "readinessProbe": {"exec": {"command": ["sh", "-c", "test -e $HOME/ready"]}},
        "livenessProbe": {"exec": {"command": ["sh", "-c", "! test -e $HOME/dead"]}, "periodSeconds": 1},
    }
    script = "echo $HOME; while true; do sleep 0.1; done"
    node.create("probed", script, restartPolicy="Always", container=probes)
    home = Path(wait_until(lambda: node.log("probed").strip()))
    assert not node.container("probed").ready
    (home / "ready").touch()
    wait_until(lambda: node.container("probed").ready, limit_s=3)
    (home / "dead").touch()
    wait_until(lambda: any("Liveness probe failed" in event for event in node.events("probed")))
    (home / "dead").unlink()
    wait_until(lambda: node.container("probed").restart_count == 1)
    node.rig.core.delete_namespaced_pod("probed", NAMESPACE)


def test_a_pod_speaks_to_the_api_as_its_service_account(node: Node) -> None:
    code = """
import json, os, ssl, urllib.request, base64
config = json.load(open(os.environ["KUBECONFIG"]))
cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
context.verify_flags &= ~ssl.VERIFY_X509_STRICT
context.check_hostname = False
review = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
request = urllib.request.Request(
    cluster["server"] + "/apis/authentication.k8s.io/v1/selfsubjectreviews", json.dumps(review).encode(),
    {"Authorization": "Bearer " + user["token"], "Content-Type": "application/json"})
print(json.load(urllib.request.urlopen(request, context=context))["status"]["userInfo"]["username"])
"""
    node.create("speaks", code, "python")
    node.phase("speaks", "Succeeded")
    assert node.log("speaks").strip() == "system:serviceaccount:default:default"


def test_kubectl_follows_a_log_to_its_end(node: Node) -> None:
    node.create("talks", "for i in 1 2 3; do echo $i; sleep 0.3; done")
    wait_until(lambda: node.log("talks"))
    assert node.rig.out("kubectl", "logs", "-f", "talks") == "1\n2\n3\n"
    assert node.rig.out("kubectl", "logs", "--tail=1", "talks") == "3\n"


def test_nodes_come_and_go_and_the_pods_of_the_others_run_on(node: Node) -> None:
    node.create("stays", "sleep 600", nodeName="node-0")
    started = node.phase("stays", "Running").status.container_statuses[0].state.running.started_at
    address = node.rig.core.read_node("node-1").status.addresses[0].address

    node.change(node_2=address.rpartition(".")[0] + ".13")
    wait_until(lambda: node.names() == {"node-0", "node-1", "node-2"})
    node.create("goes", "import os, time; print(os.getpid()); time.sleep(600)", "python", nodeName="node-2")
    node.phase("goes", "Running")
    process = int(wait_until(lambda: node.log("goes")))
    node.change(node_2=None)

    wait_until(lambda: node.names() == {"node-0", "node-1"})
    wait_until(lambda: not Path(f"/proc/{process}").exists())
    wait_until(lambda: {pod.metadata.name for pod in node.pods()} & {"goes", "stays"} == {"stays"})
    container = node.container("stays")
    assert (container.restart_count, container.state.running.started_at) == (0, started)
