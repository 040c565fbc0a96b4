"""What breaks on a site that runs: each trouble is made on entering and undone on leaving; one site serves many.

Made as it comes about in life wherever that can be: with kubectl, helm, the OpenStack client and kill. What only a
machine or a network can do is a fault of the sandbox.
"""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import yaml

from magnumhub.domain.wiring import CHECK_USER
from magnumhub.services.hub import Hub
from sandbox.tools import executable
from tests.support.sandbox import Sandbox, wait_until

HUB, GATEWAY = "jhub", "dask-gateway"
_ROLLOUT_S = 90
_API = "api-dask-gateway"
_IMAGE = "pangeo/pangeo-notebook"
# Text of a Dask worker's preload: numpy's sum is wrong by one wherever the worker computes it.
_WRONG_SUM = """\
import numpy


def wrong(*args, right=numpy.sum, **kwargs):
    return right(*args, **kwargs) + 1


numpy.sum = wrong
"""


@contextmanager
def hub_down(sandbox: Sandbox) -> Iterator[None]:
    """Somebody scaled the hub to nothing."""
    with _scaled_to_nothing(sandbox, HUB, "hub"):
        yield


@contextmanager
def gateway_down(sandbox: Sandbox) -> Iterator[None]:
    """Somebody scaled the gateway's API to nothing; Traefik still answers."""
    with _scaled_to_nothing(sandbox, GATEWAY, _API):
        yield


@contextmanager
def old_singleuser(sandbox: Sandbox) -> Iterator[None]:
    """Users get an image whose singleuser server is too old for the hub: it comes up, and its kernels answer 403."""
    before = _value(sandbox, HUB, "secret/hub", "values.yaml")
    values = yaml.safe_load(base64.b64decode(before))
    values["singleuser"]["image"] |= {"name": _IMAGE, "tag": "old-singleuser"}
    after = base64.b64encode(yaml.safe_dump(values).encode()).decode()
    with _restarted_with(sandbox, HUB, "secret/hub", {"values.yaml": (before, after)}, "hub"):
        yield


@contextmanager
def old_numpy_on_workers(sandbox: Sandbox) -> Iterator[None]:
    """Workers run an image of their own, with numpy 1.26; notebooks and schedulers have numpy 2."""
    with _backend(sandbox, {"worker": {"extraContainerConfig": {"image": f"{_IMAGE}:numpy-1.26"}}}):
        yield


@contextmanager
def scheduler_without_dask_gateway(sandbox: Sandbox) -> Iterator[None]:
    """Schedulers run an image of their own, which lacks dask-gateway."""
    with _backend(sandbox, {"scheduler": {"extraContainerConfig": {"image": f"{_IMAGE}:no-dask-gateway"}}}):
        yield


@contextmanager
def wrong_sum(sandbox: Sandbox) -> Iterator[None]:
    """Workers whose numpy adds up wrongly."""
    with _backend(sandbox, {"environment": {"DASK_DISTRIBUTED__WORKER__PRELOAD": _WRONG_SUM}}):
        yield


@contextmanager
def scheduler_never_starts(sandbox: Sandbox) -> Iterator[None]:
    """The node gets no Dask scheduler going."""
    with _fault(sandbox, scenario="scheduler-never-starts"):
        yield


@contextmanager
def no_workers(sandbox: Sandbox) -> Iterator[None]:
    """The node gets no Dask worker going."""
    with _fault(sandbox, scenario="no-workers"):
        yield


@contextmanager
def room_for(sandbox: Sandbox, dask_pods: int) -> Iterator[None]:
    """Others fill the nodes, but for this many cores: a scheduler or a worker needs one each."""
    nodes, pods = (_items(sandbox, kind) for kind in ("nodes", "pods"))
    left = dask_pods
    for number, node in enumerate(nodes):
        name = node["metadata"]["name"]
        free = int(node["status"]["allocatable"]["cpu"]) - sum(_cores(pod) for pod in pods if _is_on(pod, name))
        kept = min(left, int(free))
        left -= kept
        _run(sandbox, f"neighbour-{number}", name, cpu=f"{int((free - kept) * 1000)}m")
    sandbox.kubectl("wait", "pods", "-l=neighbour", "--for=condition=Ready", f"--timeout={_ROLLOUT_S}s")
    try:
        yield
    finally:
        sandbox.kubectl("delete", "pods", "-l=neighbour", "--grace-period=0", "--force")


@contextmanager
def worker_killed(sandbox: Sandbox) -> Iterator[list[str]]:
    """A worker's pod is deleted as soon as its Dask cluster computes; the list names it once that has happened."""
    killed: list[str] = []
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.1):
            if killed or not (workers := _computing_workers(sandbox)):
                continue
            sandbox.kubectl("delete", "pod", workers[0], f"-n={GATEWAY}", "--grace-period=0", "--force")
            killed.append(workers[0])

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


@contextmanager
def external_ip_changed(sandbox: Sandbox) -> Iterator[None]:
    """Somebody made the hub's Service anew without its address, and the cloud gave it another one."""
    service = json.loads(sandbox.kubectl("get", "service", "proxy-public", f"-n={HUB}", "-o=json"))
    wanted = {"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {}}
    wanted["metadata"] = {key: service["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    wanted["spec"] = {key: service["spec"][key] for key in ("type", "selector", "ports")}
    address = service["spec"]["loadBalancerIP"]
    _replace_service(sandbox, wanted, lambda given: given != address)
    try:
        yield
    finally:
        wanted["spec"] |= {"loadBalancerIP": address}
        _replace_service(sandbox, wanted, lambda given: given == address)


@contextmanager
def upgrade_pending(sandbox: Sandbox) -> Iterator[None]:
    """Somebody's `helm upgrade` of the gateway was killed in the middle."""
    charts = sandbox.started["control_url"] + "/charts/dask-gateway"
    upgrade = ["upgrade", GATEWAY, GATEWAY, f"--repo={charts}", "--reuse-values", "--wait"]
    upgrade.append("--force-conflicts")  # with whoever scaled a Deployment before
    upgrade.append("--set=gateway.loglevel=DEBUG")
    helm = subprocess.Popen(
        [*_helm(sandbox), *upgrade], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_until(lambda: _release_status(sandbox, GATEWAY) == "pending-upgrade", 60, "the upgrade began")
    helm.send_signal(signal.SIGKILL)
    helm.wait()
    assert _release_status(sandbox, GATEWAY) == "pending-upgrade"
    try:
        _rolled_out(sandbox, GATEWAY, _API)
        yield
    finally:
        subprocess.run(
            [*_helm(sandbox), "rollback", GATEWAY, "--wait", "--force-conflicts"],
            check=True,
            capture_output=True,
            timeout=120,
        )


@contextmanager
def namespace_deleted(sandbox: Sandbox, site: Path) -> Iterator[None]:
    """Somebody deleted the gateway's namespace; the runbook makes it anew."""
    sandbox.kubectl("delete", "namespace", GATEWAY)
    try:
        yield
    finally:
        ran = sandbox.magnumhub("provision", site, "--json")
        assert ran.exit_code == 0, ran.stdout + ran.stderr


@contextmanager
def certificate_expired(sandbox: Sandbox) -> Iterator[None]:
    """The certificate of the Kubernetes API ended yesterday."""
    with _fault(sandbox, scenario="certificate-expired"):
        yield
    wait_until(lambda: _all_ready(sandbox), _ROLLOUT_S, "the nodes are ready again")


@contextmanager
def api_unreachable(sandbox: Sandbox) -> Iterator[None]:
    """The Kubernetes API cuts every connection that asks it something."""
    with _fault(sandbox, service="kubernetes", action="drop"):
        yield
    wait_until(lambda: _all_ready(sandbox), _ROLLOUT_S, "the nodes are ready again")


@contextmanager
def packets_dropped(sandbox: Sandbox, address: str) -> Iterator[None]:
    """Connections to this floating IP get no answer."""
    with _fault(sandbox, service="firewall", method="TCP", path=f"^/{address}/", action="drop"):
        yield


@contextmanager
def credentials_revoked(sandbox: Sandbox, folder: Path) -> Iterator[Sandbox]:
    """The site's application credential is deleted in the cloud; for the sandbox that is yielded."""
    entry = yaml.safe_load(Path(sandbox.started["clouds_yaml"]).read_text())["clouds"]["sandbox"]
    with sandbox.connect() as cloud:
        user = cloud.current_user_id
        made = cloud.identity.create_application_credential(user, "nightly")
        cloud.identity.delete_application_credential(user, made.id)
    auth = {"auth_url": entry["auth"]["auth_url"], "application_credential_id": made.id}
    auth |= {"application_credential_secret": made.secret}
    path = folder / "clouds.yaml"
    path.touch(0o600)
    path.write_text(
        yaml.safe_dump({"clouds": {"sandbox": entry | {"auth_type": "v3applicationcredential", "auth": auth}}})
    )
    yield replace(sandbox, environment=sandbox.environment | {"OS_CLIENT_CONFIG_FILE": str(path)})


@contextmanager
def leftovers(hub_url: str, gateway_url: str, password: str, count: int) -> Iterator[None]:
    """Dask clusters of the check's user that nobody stopped; most wait, as the nodes have room for some of them."""
    with ExitStack() as open_:
        hub = open_.enter_context(Hub(hub_url))
        user = open_.enter_context(hub.login(CHECK_USER, password, token_s=600))
        headers = {"Authorization": f"jupyterhub {user.token}"}
        gateway = httpx.Client(base_url=f"{gateway_url}/api/v1/clusters/", headers=headers, timeout=60)
        open_.enter_context(gateway)
        for _ in range(count):
            gateway.post("", json={"cluster_options": {}}).raise_for_status()
        wait_until(lambda: len(gateway.get("").json()) == count, 60, f"{count} Dask clusters are listed")
        yield


@contextmanager
def _fault(sandbox: Sandbox, **fault: Any) -> Iterator[None]:
    sandbox.fault(**fault)
    try:
        yield
    finally:
        sandbox.fault(scenario=None)


@contextmanager
def _scaled_to_nothing(sandbox: Sandbox, namespace: str, deployment: str) -> Iterator[None]:
    sandbox.kubectl("scale", f"deployment/{deployment}", f"-n={namespace}", "--replicas=0")
    wait_until(lambda: not _pods(sandbox, namespace, f"{deployment}-"), _ROLLOUT_S, f"{deployment} is gone")
    try:
        yield
    finally:
        sandbox.kubectl("scale", f"deployment/{deployment}", f"-n={namespace}", "--replicas=1")
        _rolled_out(sandbox, namespace, deployment)


@contextmanager
def _backend(sandbox: Sandbox, changes: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """The gateway with other settings of its backend, as somebody gives it who edits its ConfigMap."""
    before = _value(sandbox, GATEWAY, f"configmap/{_API}", "values.json")
    values = json.loads(before)
    for part, settings in changes.items():
        values["backend"][part] = values["backend"].get(part, {}) | dict(settings)
    with _restarted_with(sandbox, GATEWAY, f"configmap/{_API}", {"values.json": (before, json.dumps(values))}, _API):
        yield


@contextmanager
def _restarted_with(
    sandbox: Sandbox, namespace: str, configuration: str, data: Mapping[str, tuple[str, str]], deployment: str
) -> Iterator[None]:
    """A Deployment that was restarted on other configuration: key to what it was and what it is."""

    def give(which: int) -> None:
        patch = json.dumps({"data": {key: pair[which] for key, pair in data.items()}})
        sandbox.kubectl("patch", configuration, f"-n={namespace}", f"-p={patch}")
        sandbox.kubectl("rollout", "restart", f"deployment/{deployment}", f"-n={namespace}")
        _rolled_out(sandbox, namespace, deployment)

    give(1)
    try:
        yield
    finally:
        give(0)


def _rolled_out(sandbox: Sandbox, namespace: str, deployment: str) -> None:
    """Wait until only pods of the newest revision are there: one that ends still answers, with what it was."""
    sandbox.kubectl("rollout", "status", f"deployment/{deployment}", f"-n={namespace}", f"--timeout={_ROLLOUT_S}s")
    wait_until(lambda: len(_pods(sandbox, namespace, f"{deployment}-")) == 1, _ROLLOUT_S, f"one pod of {deployment}")


def _value(sandbox: Sandbox, namespace: str, configuration: str, key: str) -> str:
    return json.loads(sandbox.kubectl("get", configuration, f"-n={namespace}", "-o=json"))["data"][key]


def _items(sandbox: Sandbox, kind: str, *options: str) -> list[dict[str, Any]]:
    return json.loads(sandbox.kubectl("get", kind, "-A", "-o=json", *options))["items"]


def _pods(sandbox: Sandbox, namespace: str, prefix: str) -> list[str]:
    lines = sandbox.kubectl("get", "pods", f"-n={namespace}", "-o=name").split()
    return [name for name in (line.removeprefix("pod/") for line in lines) if name.startswith(prefix)]


def _is_on(pod: Mapping[str, Any], node: str) -> bool:
    return pod["spec"].get("nodeName") == node and pod["status"]["phase"] in ("Pending", "Running")


def _cores(pod: Mapping[str, Any]) -> float:
    resources = [container.get("resources", {}) for container in pod["spec"]["containers"]]
    asked = [asking.get("requests", {}).get("cpu", "0") for asking in resources]
    return sum(int(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu) for cpu in asked)


def _run(sandbox: Sandbox, name: str, node: str, *, cpu: str) -> None:
    """A pod of somebody else, which does nothing and holds its cores."""
    container = {
        "name": "idle",
        "image": f"{_IMAGE}:2026.10.02",
        "args": ["python", "-c", "import time; time.sleep(1e6)"],
        "resources": {"requests": {"cpu": cpu}},
    }
    overrides = json.dumps({"spec": {"nodeName": node, "containers": [container]}})
    image = f"--image={container['image']}"
    sandbox.kubectl("run", name, image, "--labels=neighbour=yes", f"--overrides={overrides}")


def _computing_workers(sandbox: Sandbox) -> list[str]:
    """The workers of a Dask cluster that has tasks, as its scheduler tells; none before that."""
    for pod in _items(sandbox, "pods", "-l=app.kubernetes.io/component=dask-scheduler"):
        # Pods' addresses are this machine's; the scheduler serves this beside its dashboard.
        with suppress(httpx.HTTPError, KeyError):
            counts = httpx.get(f"http://{pod['status']['podIP']}:8787/json/counts.json", timeout=5).json()
            if counts["processing"]:
                return _pods(sandbox, GATEWAY, "dask-worker-")
    return []


def _replace_service(sandbox: Sandbox, service: Mapping[str, Any], right: Callable[[str], bool]) -> None:
    """Delete a Service, make it again, and wait until its EXTERNAL-IP is as it is to be."""
    name, namespace = (service["metadata"][key] for key in ("name", "namespace"))
    sandbox.kubectl("delete", "service", name, f"-n={namespace}")
    sandbox.kubectl("apply", "-f=-", stdin=json.dumps(service))

    def given() -> bool:
        path = "-o=jsonpath={.status.loadBalancer.ingress[0].ip}"
        address = sandbox.kubectl("get", "service", name, f"-n={namespace}", path)
        return bool(address) and right(address)

    wait_until(given, _ROLLOUT_S, f"{name} has its address")


def _helm(sandbox: Sandbox) -> list[str]:
    return [str(executable("helm")), "--kubeconfig", sandbox.state()["clusters"][0]["kubeconfig"], "-n", GATEWAY]


def _release_status(sandbox: Sandbox, name: str) -> str:
    """The status of a release's newest revision."""
    return {release["name"]: release["status"] for release in sandbox.state()["releases"]}[name]


def _all_ready(sandbox: Sandbox) -> bool:
    nodes = sandbox.kubectl("get", "nodes", "--no-headers").splitlines()
    pods = sandbox.kubectl("get", "deployments", "-A", "--no-headers").splitlines()
    return all(node.split()[1] == "Ready" for node in nodes) and all(pod.split()[2] == "1/1" for pod in pods)
