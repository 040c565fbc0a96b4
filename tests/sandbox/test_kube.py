"""The sandbox's Kubernetes API under the real helm, the real kubectl and the official Python client."""

from __future__ import annotations

import re
import socket
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException

from sandbox.kube.certificates import Authority
from sandbox.openstack.certificates import make_ca
from sandbox.tools import executable
from tests.sandbox.conftest import wait_until
from tests.sandbox.kube_rig import HOST, Rig, rig_with_node

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: small\nversion: 1.0.0\n",
    "values.yaml": "image: web:1\nreplicas: 2\naddress: null\nhook: busybox:1\n",
    "templates/all.yaml": """
        apiVersion: v1
        kind: Secret
        metadata: {name: web}
        stringData: {key: value}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web, labels: {app: web}}
        spec:
          type: LoadBalancer
          {{- with .Values.address }}
          loadBalancerIP: {{ . }}
          {{- end }}
          selector: {app: web}
          ports: [{name: http, port: 8080, targetPort: http}]
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: {{ .Values.replicas }}
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers: [{name: c, image: {{ .Values.image | quote }}, ports: [{name: http, containerPort: 80}]}]
        ---
        apiVersion: apps/v1
        kind: DaemonSet
        metadata: {name: everywhere}
        spec:
          selector: {matchLabels: {app: everywhere}}
          template:
            metadata: {labels: {app: everywhere}}
            spec: {containers: [{name: c, image: web:1}]}
        ---
        apiVersion: batch/v1
        kind: Job
        metadata: {name: first, annotations: {helm.sh/hook: "pre-install,pre-upgrade"}}
        spec:
          backoffLimit: 0
          template: {spec: {restartPolicy: Never, containers: [{name: c, image: {{ .Values.hook | quote }}}]}}
        """,
    "crds/thing.yaml": """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: things.example.org}
        spec:
          group: example.org
          scope: Namespaced
          names: {kind: Thing, plural: things, shortNames: [th]}
          versions:
          - name: v1
            served: true
            storage: true
            subresources: {status: {}}
            schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
        """,
}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig_with_node(tmp_path_factory.mktemp("kube"), default_storage_class=True) as started:
        yield started


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("chart")
    for name, text in CHART.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    return str(folder)


@pytest.fixture
def namespace(rig: Rig, request: pytest.FixtureRequest) -> Iterator[str]:
    name = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")[:50].rstrip("-")
    rig.core.create_namespace({"metadata": {"name": name}})
    yield name
    rig.core.delete_namespace(name)
    wait_until(lambda: name not in [n.metadata.name for n in rig.core.list_namespace().items])


def deployment(name: str = "web", **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    pod = {"containers": [{"name": "c", "image": spec.pop("image", "web:1"), "resources": spec.pop("resources", {})}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    body = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": body}


class TestHelm:
    def test_install_upgrade_rollback_uninstall(self, rig: Rig, chart: str, namespace: str) -> None:
        in_namespace = ("-n", namespace)
        rig.out("helm", "install", "r", chart, *in_namespace, "--wait", "--timeout", "20s")
        assert rig.apps.read_namespaced_deployment("web", namespace).status.available_replicas == 2
        rig.out("helm", "upgrade", "r", chart, *in_namespace, "--wait", "--timeout", "20s", "--set", "image=web:2")
        assert yaml.safe_load(rig.out("helm", "get", "values", "r", *in_namespace, "-o", "yaml")) == {"image": "web:2"}
        rig.out("helm", "rollback", "r", "1", *in_namespace, "--wait", "--timeout", "20s")
        pods = rig.core.list_namespaced_pod(namespace, label_selector="app=web").items
        assert {p.spec.containers[0].image for p in pods if not p.metadata.deletion_timestamp} == {"web:1"}
        history = yaml.safe_load(rig.out("helm", "history", "r", *in_namespace, "-o", "yaml"))
        assert [h["status"] for h in history] == ["superseded", "superseded", "deployed"]
        assert "v1/Deployment" in rig.out("helm", "status", "r", *in_namespace)
        rig.out("helm", "uninstall", "r", *in_namespace, "--wait")
        assert "release: not found" in rig.run("helm", "status", "r", *in_namespace).stderr
        wait_until(lambda: not rig.core.list_namespaced_pod(namespace, label_selector="app").items)

    def test_wait_ends_without_an_address_but_not_without_pods(self, rig: Rig, chart: str, namespace: str) -> None:
        never = ("--set", "image=never-ready:1", "--timeout", "2s", "--wait")
        failed = rig.run("helm", "install", "r", chart, "-n", namespace, *never)
        assert "Deployment" in failed.stderr and "not ready" in failed.stderr

    def test_failing_hook_fails_the_release(self, rig: Rig, chart: str, namespace: str) -> None:
        failed = rig.run("helm", "install", "r", chart, "-n", namespace, "--set", "hook=fails:1", "--timeout", "20s")
        assert "failed pre-install" in failed.stderr
        job = client.BatchV1Api(rig.api).read_namespaced_job("first", namespace)
        assert [c.type for c in job.status.conditions] == ["FailureTarget", "Failed"]

    def test_a_field_patched_by_hand_is_a_conflict_until_forced(self, rig: Rig, chart: str, namespace: str) -> None:
        rig.out("helm", "install", "r", chart, "-n", namespace)
        rig.out("kubectl", "patch", "svc", "web", "-n", namespace, "-p", '{"spec":{"loadBalancerIP":"192.0.2.1"}}')
        upgrade = ("upgrade", "r", chart, "-n", namespace, "--set", "address=192.0.2.2")
        told = rig.run("helm", *upgrade).stderr
        assert 'conflict with "kubectl-patch" using v1: .spec.loadBalancerIP' in told
        rig.out("helm", *upgrade, "--force-conflicts")
        assert rig.core.read_namespaced_service("web", namespace).spec.load_balancer_ip == "192.0.2.2"
        rig.out("kubectl", "scale", "deployment", "web", "-n", namespace, "--replicas=3")
        told = rig.run("helm", *upgrade, "--set", "replicas=1").stderr
        assert 'conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas' in told

    def test_a_field_that_left_the_chart_is_taken_away(self, rig: Rig, chart: str, namespace: str) -> None:
        rig.out("helm", "install", "r", chart, "-n", namespace, "--set", "address=192.0.2.2")
        rig.out("helm", "upgrade", "r", chart, "-n", namespace, "--reset-values")
        service = rig.core.read_namespaced_service("web", namespace)
        assert service.spec.load_balancer_ip is None
        assert service.spec.ports[0].node_port >= 30000


class TestKubectl:
    def test_tables_look_as_in_the_runbook(self, rig: Rig, namespace: str) -> None:
        rig.out("kubectl", "apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump(deployment()))
        rig.out("kubectl", "rollout", "status", "deployment/web", "-n", namespace, "--timeout=20s")
        head, pod = rig.out("kubectl", "get", "pods", "-n", namespace).splitlines()
        assert head.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
        assert pod.split()[1:4] == ["1/1", "Running", "0"]
        ports = [{"name": "http", "port": 8080, "targetPort": 80}]
        spec = {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": ports}
        service = rig.core.create_namespaced_service(namespace, {"metadata": {"name": "web"}, "spec": spec})
        head, row = rig.out("kubectl", "get", "service", "-n", namespace).splitlines()
        assert re.split(r"\s{2,}", head) == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
        port = f"8080:{service.spec.ports[0].node_port}/TCP"
        assert row.split()[1:5] == ["LoadBalancer", service.spec.cluster_ip, "<pending>", port]
        balanced = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}
        rig.core.patch_namespaced_service_status("web", namespace, balanced)
        assert rig.out("kubectl", "get", "service", "-n", namespace).split("\n")[1].split()[3] == "192.0.2.7"
        assert rig.core.read_namespaced_service("web", namespace).status.load_balancer.ingress[0].ip_mode == "VIP"
        assert "ScalingReplicaSet" in rig.out("kubectl", "describe", "deployment", "web", "-n", namespace)

    def test_watch_of_a_table(self, rig: Rig, namespace: str) -> None:
        rig.apps.create_namespaced_deployment(namespace, deployment())
        rig.out("kubectl", "rollout", "status", "deployment/web", "-n", namespace, "--timeout=20s")
        command = [executable("kubectl"), "--kubeconfig", rig.kubeconfig, "get", "pods", "-n", namespace, "-w"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
            assert following.stdout
            assert following.stdout.readline().split()[0] == "NAME"
            assert following.stdout.readline().split()[2] == "Running"
            rig.apps.delete_namespaced_deployment("web", namespace)
            assert following.stdout.readline().split()[2] == "Terminating"
            following.kill()

    def test_logs_come_from_the_node(self, rig: Rig, namespace: str) -> None:
        rig.apps.create_namespaced_deployment(namespace, deployment())
        rig.out("kubectl", "rollout", "status", "deployment/web", "-n", namespace, "--timeout=20s")
        assert f"log of /containerLogs/{namespace}/web-" in rig.out(
            "kubectl", "logs", "deployment/web", "-n", namespace
        )

    def test_apply_patch_edit_delete(self, rig: Rig, namespace: str) -> None:
        told = yaml.safe_dump(deployment(replicas=2))
        assert "created" in rig.out("kubectl", "apply", "-n", namespace, "-f", "-", stdin=told)
        assert "unchanged" in rig.out("kubectl", "apply", "-n", namespace, "-f", "-", stdin=told)
        assert "serverside-applied" in rig.out(
            "kubectl", "apply", "--server-side", "-n", namespace, "-f", "-", stdin=told
        )
        rig.out("kubectl", "set", "image", "deployment/web", "c=web:2", "-n", namespace)
        rig.out("kubectl", "label", "deployment", "web", "tier=front", "-n", namespace)
        stored = rig.apps.read_namespaced_deployment("web", namespace)
        assert stored.spec.template.spec.containers[0].image == "web:2"
        assert stored.metadata.labels == {"tier": "front"}
        assert stored.spec.strategy.rolling_update.max_surge == "25%"
        rig.out("kubectl", "delete", "deployment", "web", "-n", namespace, "--cascade=foreground")
        assert rig.apps.list_namespaced_replica_set(namespace).items == []

    def test_words_of_refusal(self, rig: Rig, namespace: str) -> None:
        missing = rig.run("kubectl", "get", "pod", "none", "-n", namespace).stderr
        assert missing == 'Error from server (NotFound): pods "none" not found\n'
        assert "the server doesn't have a resource type" in rig.run("kubectl", "get", "nonsense").stderr
        rig.out("kubectl", "create", "configmap", "twice", "-n", namespace, "--from-literal=a=b")
        twice = rig.run("kubectl", "create", "configmap", "twice", "-n", namespace, "--from-literal=a=b").stderr
        assert 'configmaps "twice" already exists' in twice
        wrong = deployment(selector={"matchLabels": {"app": "other"}})
        told = rig.run("kubectl", "apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump(wrong)).stderr
        assert "`selector` does not match template `labels`" in told

    def test_custom_resources(self, rig: Rig, namespace: str) -> None:
        rig.out("kubectl", "apply", "-f", "-", stdin=textwrap.dedent(CHART["crds/thing.yaml"]))
        thing = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"size": 1}}
        rig.out("kubectl", "apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump(thing))
        assert rig.out("kubectl", "get", "th", "-n", namespace).split()[2] == "t"
        custom = client.CustomObjectsApi(rig.api)
        place = ("example.org", "v1", namespace, "things", "t")
        as_json_patch = {"_content_type": "application/json-patch+json"}
        resized = [{"op": "replace", "path": "/spec/size", "value": 2}]
        changed = custom.patch_namespaced_custom_object(*place, resized, **as_json_patch)
        assert (changed["spec"], changed["metadata"]["generation"]) == ({"size": 2}, 2)
        added = [{"op": "add", "path": "/status", "value": {"a": 1}}]
        told = custom.patch_namespaced_custom_object_status(*place, added, **as_json_patch)
        assert (told["status"], told["metadata"]["generation"]) == ({"a": 1}, 2)


class TestClient:
    def test_watch_replays_what_came_after_a_version(self, rig: Rig, namespace: str) -> None:
        seen_until = rig.core.list_namespaced_config_map(namespace).metadata.resource_version
        for name in ("a", "b"):
            rig.core.create_namespaced_config_map(namespace, {"metadata": {"name": name, "labels": {"of": "test"}}})
        rig.core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": {"of": "other"}}})
        rig.core.delete_namespaced_config_map("b", namespace)
        stream = watch.Watch().stream(
            rig.core.list_namespaced_config_map,
            namespace,
            resource_version=seen_until,
            label_selector="of=test",
            timeout_seconds=1,
        )
        events = [(e["type"], e["object"].metadata.name) for e in stream]
        assert events == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a"), ("DELETED", "b")]

    def test_watch_from_a_forgotten_version_is_gone(self, rig: Rig, namespace: str) -> None:
        async def write_much() -> None:
            for count in range(2100):
                meta = {"name": "busy", "namespace": "elsewhere", "uid": "u", "labels": {"count": str(count)}}
                rig.cluster.store.put("", "configmaps", {"metadata": meta})

        rig.call(write_much)
        stream = watch.Watch().stream(rig.core.list_namespaced_pod, namespace, resource_version="2", timeout_seconds=1)
        with pytest.raises(ApiException) as refused:
            list(stream)
        assert refused.value.status == 410

    def test_stale_writes_conflict(self, rig: Rig, namespace: str) -> None:
        first = rig.core.create_namespaced_config_map(namespace, {"metadata": {"name": "c"}, "data": {"a": "1"}})
        rig.core.patch_namespaced_config_map("c", namespace, {"data": {"a": "2"}})
        with pytest.raises(ApiException) as refused:
            rig.core.replace_namespaced_config_map("c", namespace, first)
        assert refused.value.status == 409

    def test_dry_run_stores_nothing(self, rig: Rig, namespace: str) -> None:
        body = {"metadata": {"generateName": "c-"}}
        made = rig.core.create_namespaced_config_map(namespace, body, dry_run="All")
        assert made.metadata.name.startswith("c-")
        names = [c.metadata.name for c in rig.core.list_namespaced_config_map(namespace).items]
        assert names == ["kube-root-ca.crt"]

    def test_what_is_owned_goes_with_its_owner(self, rig: Rig, namespace: str) -> None:
        owner = rig.core.create_namespaced_config_map(namespace, {"metadata": {"name": "owner"}})
        named = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid}
        owned = {"metadata": {"name": "owned", "ownerReferences": [named]}}
        rig.core.create_namespaced_secret(namespace, owned)
        rig.core.delete_namespaced_config_map("owner", namespace)
        wait_until(lambda: not rig.core.list_namespaced_secret(namespace).items)
        rig.core.create_namespaced_secret(namespace, owned)
        wait_until(lambda: not rig.core.list_namespaced_secret(namespace).items)

    def test_a_finalizer_holds_a_service(self, rig: Rig, namespace: str) -> None:
        meta = {"name": "s", "finalizers": ["service.kubernetes.io/load-balancer-cleanup"]}
        rig.core.create_namespaced_service(namespace, {"metadata": meta, "spec": {"ports": [{"port": 80}]}})
        rig.core.delete_namespaced_service("s", namespace)
        assert rig.core.read_namespaced_service("s", namespace).metadata.deletion_timestamp
        rig.core.patch_namespaced_service("s", namespace, {"metadata": {"finalizers": None}})
        with pytest.raises(ApiException, match=r"NotFound|Not Found"):
            rig.core.read_namespaced_service("s", namespace)

    def test_service_accounts_have_tokens(self, rig: Rig, namespace: str) -> None:
        wait_until(lambda: rig.core.read_namespaced_service_account("default", namespace))
        body = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
        token = rig.core.create_namespaced_service_account_token("default", namespace, body).status.token
        reviewed = client.AuthenticationV1Api(rig.api).create_token_review({"spec": {"token": token}})
        assert reviewed.status.user.username == f"system:serviceaccount:{namespace}:default"
        shown = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{rig.server}/api", headers=shown, verify=False).status_code == 200
        assert httpx.get(f"{rig.server}/api/v1/nodes", headers=shown, verify=False).status_code == 403
        refused = httpx.get(f"{rig.server}/api/v1/nodes", verify=False)
        assert (refused.status_code, refused.json()["reason"]) == (403, "Forbidden")


class TestControllers:
    def test_endpoints_follow_readiness(self, rig: Rig, namespace: str) -> None:
        meta = {"name": "web", "labels": {"made-by": "test"}}
        spec = {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}
        rig.core.create_namespaced_service(namespace, {"metadata": meta, "spec": spec})
        rig.apps.create_namespaced_deployment(namespace, deployment(image="never-ready:1"))
        told = wait_until(lambda: rig.core.read_namespaced_endpoints("web", namespace).subsets)
        assert told[0].not_ready_addresses and not told[0].addresses
        assert rig.core.read_namespaced_endpoints("web", namespace).metadata.labels["made-by"] == "test"
        rig.apps.patch_namespaced_deployment("web", namespace, deployment(image="web:2"))
        slices = client.DiscoveryV1Api(rig.api)
        of_service = {"label_selector": "kubernetes.io/service-name=web"}
        wait_until(
            lambda: (
                [
                    (e.conditions.ready, s.ports[0].name, s.ports[0].port)
                    for s in slices.list_namespaced_endpoint_slice(namespace, **of_service).items
                    for e in s.endpoints or []
                ]
                == [(True, "http", 80)]
            )
        )

    def test_a_pod_without_room_waits_and_says_why(self, rig: Rig, namespace: str) -> None:
        rig.apps.create_namespaced_deployment(namespace, deployment(resources={"requests": {"memory": "9Gi"}}))
        pod = wait_until(
            lambda: next(p for p in rig.core.list_namespaced_pod(namespace).items if p.status.conditions), limit_s=5
        )
        told = pod.status.conditions[0]
        assert (told.type, told.status, told.reason) == ("PodScheduled", "False", "Unschedulable")
        assert told.message.startswith("0/1 nodes are available: 1 Insufficient memory.")
        events = rig.core.list_namespaced_event(namespace, field_selector=f"involvedObject.uid={pod.metadata.uid}")
        assert [e.reason for e in events.items] == ["FailedScheduling"]

    def test_a_claim_gets_a_volume_and_a_kept_one_can_be_claimed_again(self, rig: Rig, namespace: str) -> None:
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
        rig.core.create_namespaced_persistent_volume_claim(namespace, {"metadata": {"name": "home"}, "spec": claim})
        name = wait_until(
            lambda: rig.core.read_namespaced_persistent_volume_claim("home", namespace).spec.volume_name, limit_s=5
        )
        rig.core.patch_persistent_volume(name, {"spec": {"persistentVolumeReclaimPolicy": "Retain"}})
        rig.core.delete_namespaced_persistent_volume_claim("home", namespace)
        wait_until(lambda: rig.core.read_persistent_volume(name).status.phase == "Released")
        rig.core.patch_persistent_volume(name, {"spec": {"claimRef": None, "persistentVolumeReclaimPolicy": "Delete"}})
        again = {**claim, "volumeName": name}
        rig.core.create_namespaced_persistent_volume_claim(namespace, {"metadata": {"name": "again"}, "spec": again})
        wait_until(lambda: rig.core.read_namespaced_persistent_volume_claim("again", namespace).status.phase == "Bound")
        rig.core.delete_namespaced_persistent_volume_claim("again", namespace)
        wait_until(lambda: name not in [v.metadata.name for v in rig.core.list_persistent_volume().items])

    def test_a_private_address_resets_strangers(self, rig: Rig) -> None:
        port = rig.call(rig.cluster.listen, "127.99.1.1", 0, lambda peer: peer != HOST)
        with pytest.raises(ConnectionResetError), socket.create_connection(("127.99.1.1", port)) as stranger:
            stranger.recv(1)
        friend = socket.create_connection(("127.99.1.1", port), source_address=("127.99.1.2", 0))
        friend.close()
        rig.call(rig.cluster.unlisten, "127.99.1.1")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.99.1.1", port))


def test_without_a_storage_class_a_claim_waits(tmp_path: Path) -> None:
    with rig_with_node(tmp_path) as rig:
        assert client.StorageV1Api(rig.api).list_csi_driver().items[0].metadata.name == "cinder.csi.openstack.org"
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
        rig.core.create_namespaced_persistent_volume_claim("default", {"metadata": {"name": "home"}, "spec": claim})
        event = wait_until(lambda: rig.core.list_namespaced_event("default").items)[0]
        assert event.message == "no persistent volumes available for this claim and no storage class is set"


def test_another_clusters_certificate_is_refused(tmp_path: Path, rig: Rig) -> None:
    foreign = yaml.safe_load(Authority(*make_ca("other")).kubeconfig("x", rig.server, "admin", ["system:masters"]))
    foreign["clusters"][0]["cluster"].pop("certificate-authority-data")
    foreign["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(foreign))
    api = config.new_client_from_config(str(tmp_path / "kubeconfig"))
    api.configuration.retries = False
    with pytest.raises(Exception, match=r"(?i)ssl|closed connection"):
        client.CoreV1Api(client.ApiClient(api.configuration)).list_node()
