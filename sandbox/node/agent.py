"""The node's place in the cluster: its Node object, its Lease, and the pods that are bound to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.node.events import EventRecorder, timestamp
from sandbox.node.kube_api import ApiError, Object
from sandbox.node.logs import Log
from sandbox.node.pod import Machine, Pod
from sandbox.node.tasks import in_background

log = logging.getLogger(__name__)

_LEASE_S = 40
_RENEW_S = 10.0
_RETRY_S = 1.0
_MAX_PODS = 110  # a kubelet's default


@dataclass(frozen=True)
class NodeSpec:
    """One node of the cluster.

    Args:
        name: as in the cloud: the server's.
        address: its InternalIP.
        kubelet_port: where `kubectl logs` finds it.
    """

    name: str
    address: str
    cpu: int
    memory_gib: int
    kubelet_port: int


class Agent:
    """Registers one node and runs its pods."""

    def __init__(self, machine: Machine, node: NodeSpec) -> None:
        self._machine, self._api, self._node = machine, machine.api, node
        self._events = EventRecorder(machine.api, "kubelet", node.name)
        self.pods: dict[str, Pod] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Be a node, for ever; when cancelled, end all pods' processes and leave the API as it is."""
        await self._register()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew())
                group.create_task(self._follow())
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def _register(self) -> None:
        """Make the Node object, or make an earlier one agree."""
        version = await _insist(lambda: self._api.get("/version"))
        node = node_object(self._node, version["gitVersion"], timestamp())
        path = f"/api/v1/nodes/{self._node.name}"
        await _insist(lambda: self._api.create("/api/v1/nodes", {**node, "status": {}}), exists_already=True)
        await _insist(lambda: self._api.patch(f"{path}/status", {"status": node["status"]}))

    async def _renew(self) -> None:
        """The node's sign of life."""
        leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        lease: Object = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._node.name, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": self._node.name, "leaseDurationSeconds": _LEASE_S},
        }
        while True:
            lease["spec"]["renewTime"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            try:
                try:
                    await self._api.patch(f"{leases}/{self._node.name}", {"spec": lease["spec"]})
                except ApiError as error:
                    if error.status != 404:
                        raise
                    await self._api.create(leases, lease)
            except ApiError as error:
                log.info("lease of %s: %s", self._node.name, error)
                await asyncio.sleep(_RETRY_S)
                continue
            await asyncio.sleep(_RENEW_S)

    async def _follow(self) -> None:
        async for event, pod in self._api.watch("/api/v1/pods", fieldSelector=f"spec.nodeName={self._node.name}"):
            if event == "SYNCED":
                continue
            uid = pod["metadata"]["uid"]
            known = self.pods.get(uid)
            if event == "DELETED":
                if known:
                    known.vanish()
            elif known:
                known.update(pod)
            elif pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
                self._start(uid, pod)
            elif pod["metadata"].get("deletionTimestamp"):
                self._start(uid, pod)  # ended under an earlier process of this node: nothing is left but to delete it

    def _start(self, uid: str, pod: Object) -> None:
        self.pods[uid] = Pod(self._machine, pod, self._node.address, self._events)
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        task = self._tasks[uid] = in_background(self.pods[uid].run(), name)
        task.add_done_callback(lambda _: self._forget(uid))

    def _forget(self, uid: str) -> None:
        del self.pods[uid], self._tasks[uid]


async def _insist(call: Callable[[], Awaitable[Object]], exists_already: bool = False) -> Object:
    """Ask until the API answers; it may start after its nodes."""
    while True:
        try:
            return await call()
        except ApiError as error:
            if exists_already and error.status == 409:
                return {}
            log.info("%s", error)
        await asyncio.sleep(_RETRY_S)


def find_log(agents: Iterable[Agent], namespace: str, pod: str, container: str, previous: bool) -> Log:
    """A container's present or previous run.

    Raises:
        LookupError: there is no such pod, container or run here.
    """
    for running in (item for agent in agents for item in agent.pods.values()):
        meta = running.object["metadata"]
        if (meta["namespace"], meta["name"]) != (namespace, pod):
            continue
        for record in (item.record for item in [*running.init, *running.main] if item.spec["name"] == container):
            found = Log(running.folder, record, record.restart_count - previous)
            if not found.file.exists():
                raise LookupError(f"container {container!r} in pod {pod!r} has no log: {record.state}")
            return found
    raise LookupError(f"no container {container!r} of a pod {pod!r} in namespace {namespace!r} on this node")


def node_object(node: NodeSpec, version: str, now: str) -> Object:
    """The Node as a kubelet registers it."""
    labels = {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    room = {"cpu": str(node.cpu), "memory": f"{node.memory_gib}Gi", "pods": str(_MAX_PODS)}
    healthy = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]
    conditions = [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        for kind, status, reason, message in healthy
    ]
    addresses = [{"type": "InternalIP", "address": node.address}, {"type": "Hostname", "address": node.name}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels},
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": conditions,
            "addresses": addresses,
            "daemonEndpoints": {"kubeletEndpoint": {"Port": node.kubelet_port}},
            "nodeInfo": {
                "kubeletVersion": version,
                "containerRuntimeVersion": "process://1",
                "operatingSystem": "linux",
                "architecture": "amd64",
                "osImage": "magnumhub sandbox",
                "kernelVersion": "",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
                "kubeProxyVersion": "",
            },
        },
    }
