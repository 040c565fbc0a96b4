"""What runs on a cluster's servers: Kubernetes, the node and the load balancer as processes, ssh on the masters."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from sandbox import processes
from sandbox.addresses import API_PORT
from sandbox.cloud import Cloud
from sandbox.faults import FaultMiddleware
from sandbox.kube import KubeCluster
from sandbox.ledger import LedgerMiddleware
from sandbox.openstack import cinder
from sandbox.openstack.cluster_servers import CAPI
from sandbox.ssh import Machine
from sandbox.store import Resource

_ADMINS = ["system:masters"]


@dataclass
class Running:
    """One cluster's share of this process and its children."""

    index: int
    kube: KubeCluster
    kubeconfig: Path
    machines: list[Machine] = field(default_factory=list)
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)


class _Volumes:
    """Cinder as the cluster's storage driver uses it.

    Each is attached to a node at once: it is made because a pod waits for it. Which cluster it belongs to its metadata
    do not tell: Magnum starts every cluster's driver with the same word for it.
    Source: magnum, enable-cinder-csi.sh, CLUSTER_NAME.
    """

    def __init__(self, cloud: Cloud, cluster: Resource) -> None:
        self._cloud = cloud
        self._cluster = cluster

    async def create(self, name: str, size_gib: int, parameters: dict[str, str]) -> str:
        nodes = self._cloud.store.list("server", _cluster_id=self._cluster["id"], _role="node")
        volume = cinder.create_volume(
            self._cloud,
            name=name,
            size_gib=size_gib,
            project_id=self._cluster["project_id"],
            metadata=parameters | {"cinder.csi.openstack.org/cluster": "kubernetes"},
            _attached_to=nodes[0]["id"] if nodes else None,
        )
        return str(volume["id"])

    async def delete(self, handle: str) -> None:
        cinder.delete_volume(self._cloud, handle)


class Machines:
    """All that runs on servers in this sandbox, by the uuid of the cluster."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.running: dict[str, Running] = {}

    async def boot(self, cluster: Resource) -> None:
        """Set Kubernetes going on a cluster's servers; returns when its API answers."""
        cloud = self._cloud
        index = min(set(range(len(self.running) + 1)) - {running.index for running in self.running.values()})
        servers = cloud.store.list("server", _cluster_id=cluster["id"])
        masters = [server["address"] for server in servers if server["_role"] == "master"]
        own_loopback = cloud.addresses.own_loopback(index)
        kube = self._kubernetes(cluster, index, [*masters, own_loopback])
        path = cloud.state_dir / "kubeconfigs" / f"{cluster['id']}.yaml"
        self.running[cluster["id"]] = running = Running(index, kube, path)
        await kube.start()
        kube.intervene(cloud.faults.settings)
        for address in self._listening(cluster, masters):
            await kube.listen(address, API_PORT, self._admission(cluster))
        await kube.listen(own_loopback, API_PORT)
        on_the_machine = kube.kubeconfig(f"https://{own_loopback}:{API_PORT}", "admin", _ADMINS)
        _write_private(path, on_the_machine)
        if cluster["driver"] != CAPI:
            for server in servers:
                if server["_role"] == "master":
                    machine = await asyncio.to_thread(Machine, cloud, server, on_the_machine)
                    running.machines.append(machine)
                    await machine.start()
        self._write_nodes(cluster)
        running.children["node"] = self._node(cluster, running, masters[0])
        running.children["load-balancer"] = self._load_balancer(cluster, running, masters[0])

    async def resize(self, cluster: Resource) -> None:
        """Let the nodes of new servers join, and those of servers that are gone go; all others run on."""
        self._write_nodes(cluster)
        self.running[cluster["id"]].children["node"].send_signal(signal.SIGHUP)

    def intervene(self) -> None:
        """What runs in clusters that are there follows the settings of the moment."""
        for running in self.running.values():
            running.kube.intervene(self._cloud.faults.settings)

    def _kubernetes(self, cluster: Resource, index: int, addresses: list[str]) -> KubeCluster:
        from sandbox.kube import KubeCluster

        cloud = self._cloud
        services = cloud.addresses.services(index)
        first_service = str(ipaddress.ip_network(services)[1])
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
        certificate, key = cluster["ca"]

        return KubeCluster(
            name=cluster["name"],
            version=cluster["kubernetes_version"],
            ca_cert=certificate,
            ca_key=key,
            service_cidr=services,
            sans=[*addresses, cluster["api_host"], "127.0.0.1", first_service, *names],
            wrap=self._counted,
            default_storage_class=cluster["driver"] == CAPI,
            volume_hooks=_Volumes(cloud, cluster),
        )

    def _counted(self, app: ASGIApp) -> ASGIApp:
        app = LedgerMiddleware(app, "kubernetes", self._cloud.ledger)
        return FaultMiddleware(app, "kubernetes", self._cloud.faults, _status)

    def _listening(self, cluster: Resource, masters: list[str]) -> list[str]:
        balancers = self._cloud.store.list("loadbalancer", id=cluster.get("api_balancer_id"))
        return [*masters, *(balancer["vip_address"] for balancer in balancers)]

    def _admission(self, cluster: Resource) -> Any:
        """Machines on the internal network answer their neighbours only; the provider network is reached by all."""
        network = self._cloud.store.find("network", cluster["fixed_network"], project_id=cluster["project_id"])
        provider = network["name"] == "provider"
        return lambda peer: provider or self._cloud.addresses.inside(peer)

    def _nodes_file(self, cluster: Resource) -> Path:
        return self._cloud.state_dir / "nodes" / f"{cluster['id']}.json"

    def _write_nodes(self, cluster: Resource) -> None:
        servers = self._cloud.store.list("server", _cluster_id=cluster["id"], _role="node")
        path = self._nodes_file(cluster)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")  # whoever reads meanwhile sees the old file
        new.write_text(json.dumps({server["name"]: server["address"] for server in servers}))
        new.replace(path)

    def _node(self, cluster: Resource, running: Running, master: str) -> subprocess.Popen[bytes]:
        settings = self._cloud.faults.settings
        flavor = self._cloud.store.find("flavor", cluster["flavor_id"])
        user = f"system:node:{cluster['stack_name']}"
        arguments = [
            f"--kubeconfig={self._kubeconfig(cluster, running, 'node', user, ['system:nodes', *_ADMINS], master)}",
            f"--nodes={self._nodes_file(cluster)}",
            f"--source={master}",
            f"--cpu={settings.get('node_cpu', flavor['vcpus'])}",
            f"--memory-gib={settings.get('node_memory_gib', flavor['ram'] // 1024)}",
            f"--pod-cidr={self._cloud.addresses.pods(running.index)}",
            f"--service-cidr={self._cloud.addresses.services(running.index)}",
            f"--dir={self._cloud.state_dir / 'nodes' / cluster['id']}",
        ]
        return self._child("sandbox.node", arguments, f"node-{cluster['name']}")

    def _load_balancer(self, cluster: Resource, running: Running, master: str) -> subprocess.Popen[bytes]:
        user = "system:cloud-controller-manager"
        project = self._cloud.store.get("project", cluster["project_id"])["name"]
        network = self._cloud.store.find("network", cluster["fixed_network"], project_id=cluster["project_id"])
        subnet = self._cloud.store.list("subnet", network_id=network["id"])[0]
        arguments = [
            f"--kubeconfig={self._kubeconfig(cluster, running, 'load-balancer', user, _ADMINS, master)}",
            f"--cloud={project}",
            f"--cluster-uuid={cluster['id']}",
            f"--vip-subnet-id={subnet['id']}",
            f"--address={master}",
            f"--time-scale={self._cloud.clock.scale}",
        ]
        return self._child("sandbox.load_balancer", arguments, f"load-balancer-{cluster['name']}")

    def _kubeconfig(
        self, cluster: Resource, running: Running, program: str, user: str, groups: list[str], master: str
    ) -> Path:
        path = self._cloud.state_dir / "kubeconfigs" / f"{cluster['id']}-{program}.yaml"
        _write_private(path, running.kube.kubeconfig(f"https://{master}:{API_PORT}", user, groups))
        return path

    def _child(self, module: str, arguments: list[str], name: str) -> subprocess.Popen[bytes]:
        env = {
            processes.MARK: self._cloud.sandbox_id,
            "OS_CLIENT_CONFIG_FILE": str(self._cloud.state_dir / "cloud.yaml"),
        }
        return processes.start(module, arguments, log=self._cloud.state_dir / "logs" / f"{name}.log", env=env)

    async def shut_down(self, cluster_id: str) -> None:
        """End everything that runs on a cluster's servers."""
        running = self.running.pop(cluster_id, None)
        if running is None:
            return
        await asyncio.gather(*(asyncio.to_thread(processes.stop, child) for child in running.children.values()))
        await running.kube.stop()
        for machine in running.machines:
            await machine.stop()
        running.kubeconfig.unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_text(text)


def _status(code: int, message: str) -> dict[str, Any]:
    reasons = {403: "Forbidden", 404: "NotFound", 409: "Conflict", 429: "TooManyRequests", 503: "ServiceUnavailable"}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reasons.get(code, "InternalError"),
        "code": code,
    }
