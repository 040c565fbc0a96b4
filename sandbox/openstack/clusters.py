"""What Magnum's conductor does: makes the servers of a cluster, sets Kubernetes going on them, and ends all that.

Two drivers, told apart by the template: `heat` has masters with ssh, an API at the master and perhaps floating IPs of
Magnum's own; `capi` has an API behind a load balancer with a public address, and no machine that anybody logs in to.
"""

from __future__ import annotations

import asyncio
import random
import string
import time
import traceback
import uuid
from collections.abc import Iterable
from typing import Any, Protocol

from sandbox.cloud import Cloud
from sandbox.faults import BackgroundFailureError
from sandbox.openstack import neutron, nova, octavia
from sandbox.openstack.certificates import make_ca
from sandbox.openstack.service import ApiError
from sandbox.store import Resource

# Seconds in a real cloud.
_CERTIFICATES_S = 1
_BOOT_S = 200  # servers, images, Kubernetes
_SETTLE_S = 60  # Kubernetes answers, Magnum does not know yet
_DELETE_SEEN_S = 1  # DELETE answered, status still as it was
_DELETE_S = 45
_MONITOR_S = 60  # Magnum looks at the cluster's health once a minute

HEAT, CAPI = "k8s_fedora_coreos_v1", "k8s_capi_helm_v1"


class Kubernetes(Protocol):
    """What runs on a cluster's servers."""

    async def boot(self, cluster: Resource) -> None:
        """Set everything going; returns when the API answers."""

    async def shut_down(self, cluster_id: str) -> None:
        """End everything that runs on the cluster's servers."""


class Clusters:
    """The clusters of this sandbox and what is being done to them."""

    REPORTED = (
        "name",
        "cluster_template_id",
        "keypair",
        "node_count",
        "master_count",
        "docker_volume_size",
        "labels",
        "master_flavor_id",
        "flavor_id",
        "create_timeout",
        "status",
        "status_reason",
        "health_status",
        "health_status_reason",
        "discovery_url",
        "api_address",
        "coe_version",
        "container_version",
        "project_id",
        "user_id",
        "node_addresses",
        "master_addresses",
        "fixed_network",
        "fixed_subnet",
        "floating_ip_enabled",
        "merge_labels",
        "master_lb_enabled",
    )

    def __init__(self, cloud: Cloud, kubernetes: Kubernetes) -> None:
        self._cloud = cloud
        self._kubernetes = kubernetes
        self._creating: dict[str, asyncio.Task[None]] = {}

    def create(self, template: Resource, *, wanted: dict[str, Any], **fields: Any) -> Resource:
        """Take in a cluster; all else happens in the background.

        Args:
            wanted: the request's fields, complete and checked.
            fields: the rest of the resource's.
        """
        unknown = dict.fromkeys(self.REPORTED)
        cluster = self._cloud.store.create(
            "cluster",
            **unknown | {"master_addresses": [], "node_addresses": []} | wanted | fields,
        )
        cluster |= {
            "cluster_template_id": template["id"],
            "driver": template["driver"],
            "kubernetes_version": cluster["labels"].get("kube_tag") or template["labels"]["kube_tag"],
            "status": "CREATE_IN_PROGRESS",
            "stack_id": None,
            "stack_name": f"{cluster['name'][:30]}-{_short_id(5 if template['driver'] == CAPI else 12)}",
            "merge_labels": False,  # it was a wish, and is never told
            "asked_monotonic_s": time.monotonic(),
            "faults": {},
            "ca": None,
        }
        self._creating[cluster["id"]] = self._cloud.in_background(self._create(cluster, template))
        return cluster

    def delete(self, cluster: Resource) -> None:
        """Begin to delete a cluster, in whatever state it is; doing it twice is allowed."""
        if not cluster.get("deleting"):
            cluster["deleting"] = True
            self._cloud.in_background(self._delete(cluster))

    async def _create(self, cluster: Resource, template: Resource) -> None:
        try:
            await self._build(cluster, template)
        except (BackgroundFailureError, ApiError) as error:
            self._fail(cluster, str(error))
        except Exception as error:
            traceback.print_exc()
            self._fail(cluster, f"The sandbox itself failed: {error!r}")

    async def _build(self, cluster: Resource, template: Resource) -> None:
        clock = self._cloud.clock
        await clock.sleep(_CERTIFICATES_S)
        cluster["ca"] = await asyncio.to_thread(make_ca, cluster["name"])
        if not cluster["may_delegate"]:
            raise BackgroundFailureError(f"Failed to create trustee or trust for Cluster: {cluster['id']}")
        make_servers = _capi_servers if cluster["driver"] == CAPI else _heat_servers
        # Heat's stack has an id besides its name; of Cluster API Magnum tells the name of the chart's release.
        stack_id = cluster["stack_name"] if cluster["driver"] == CAPI else str(uuid.uuid4())
        self._cloud.store.update("cluster", cluster["id"], {"stack_id": stack_id})
        make_servers(self._cloud, cluster, template)
        await clock.sleep(_BOOT_S)
        await self._cloud.faults.in_background("magnum", f"/v1/clusters/{cluster['name']}")
        await self._kubernetes.boot(cluster)
        await clock.sleep(_SETTLE_S)
        self._cloud.store.update("cluster", cluster["id"], self._outcome(cluster))
        self._cloud.in_background(self._monitor(cluster))

    def _outcome(self, cluster: Resource) -> dict[str, Any]:
        api = f"https://{cluster['api_host']}:6443"
        done = {"status": "CREATE_COMPLETE", "status_reason": "Stack CREATE completed successfully", "api_address": api}
        done |= {"coe_version": cluster["kubernetes_version"], "container_version": "1.7.27"}
        if cluster["driver"] == CAPI:
            return done | {"status_reason": None}
        servers = self.servers(cluster)
        return done | {
            "master_addresses": [self._address(server) for server in servers if server["_role"] == "master"],
            "node_addresses": [self._address(server) for server in servers if server["_role"] == "node"],
        }

    def servers(self, cluster: Resource, role: str | None = None) -> list[Resource]:
        """The cluster's Nova servers, masters first."""
        found = self._cloud.store.list("server", _cluster_id=cluster["id"])
        return [server for server in found if role in (None, server["_role"])]

    def _address(self, server: Resource) -> str:
        floating = self._cloud.store.list("floatingip", port_id=server["port_id"], _cluster_id=server["_cluster_id"])
        return str(floating[0]["floating_ip_address"] if floating else server["address"])

    async def _monitor(self, cluster: Resource) -> None:
        """Magnum's own monitor reaches clusters with public addresses only, and says UNKNOWN of the others."""
        await self._cloud.clock.sleep(_MONITOR_S)
        health = {"health_status": "HEALTHY", "health_status_reason": {"api": "ok"}}
        if cluster["driver"] == HEAT and not cluster["floating_ip_enabled"]:
            reason = {"api": f"The cluster {cluster['name']} is not accessible."}
            health = {"health_status": "UNKNOWN", "health_status_reason": reason}
        if not cluster.get("deleting"):
            self._cloud.store.update("cluster", cluster["id"], health)

    def _fail(self, cluster: Resource, reason: str) -> None:
        groups = dict.fromkeys(("default-master", "default-worker"), reason)
        failed = {"status": "CREATE_FAILED", "status_reason": reason, "faults": groups}
        self._cloud.store.update("cluster", cluster["id"], failed)

    async def _delete(self, cluster: Resource) -> None:
        await self._cloud.clock.sleep(_DELETE_SEEN_S)
        self._cloud.store.update("cluster", cluster["id"], {"status": "DELETE_IN_PROGRESS", "status_reason": None})
        creating = self._creating.pop(cluster["id"])
        creating.cancel()
        await asyncio.gather(creating, return_exceptions=True)
        await self._cloud.clock.sleep(_DELETE_S)
        await self._kubernetes.shut_down(cluster["id"])
        self._release(cluster)
        self._cloud.store.delete("cluster", cluster["id"])

    def _release(self, cluster: Resource) -> None:
        """Delete what Magnum made. Load balancers and volumes of Services and claims are not among it."""
        store = self._cloud.store
        for balancer in store.list("loadbalancer", id=cluster.get("api_balancer_id")):
            octavia.delete_load_balancer(self._cloud, balancer)
        for floating_ip in store.list("floatingip", _cluster_id=cluster["id"]):
            store.delete("floatingip", floating_ip["id"])
        for server in self.servers(cluster):
            nova.delete_server(self._cloud, server)
        for group in store.list("security_group", _cluster_id=cluster["id"]):
            store.delete("security_group", group["id"])

    async def forget(self, clusters: Iterable[Resource]) -> None:
        """End what runs on clusters that are about to vanish with the whole state."""
        for cluster in clusters:
            await self._kubernetes.shut_down(cluster["id"])
        self._creating.clear()


def _heat_servers(cloud: Cloud, cluster: Resource, template: Resource) -> None:
    """Masters and nodes called STACK-master-N and STACK-node-N, each with a floating IP where the cluster says so."""
    network = cloud.store.find("network", cluster["fixed_network"], project_id=cluster["project_id"])
    external = cloud.store.find("network", template["external_network_id"])
    for role in ("master", "node"):
        names = [f"{cluster['stack_name']}-{role}-{number}" for number in range(cluster[f"{role}_count"])]
        for server in _make_servers(cloud, cluster, network, role, names):
            if cluster["floating_ip_enabled"]:
                floating_ip = neutron.create_floating_ip(
                    cloud, external, cluster["project_id"], _cluster_id=cluster["id"]
                )
                neutron.associate(cloud, floating_ip, cloud.store.get("port", server["port_id"]))
                server["_floating_address"] = floating_ip["floating_ip_address"]
    master = cloud.store.list("server", _cluster_id=cluster["id"], _role="master")[0]
    cluster["api_host"] = master.get("_floating_address", master["address"])


def _capi_servers(cloud: Cloud, cluster: Resource, template: Resource) -> None:
    """Machines as Cluster API names them, and the API behind a load balancer with a floating IP."""
    network = cloud.store.find("network", cluster["fixed_network"], project_id=cluster["project_id"])
    external = cloud.store.find("network", template["external_network_id"])
    stem = cluster["stack_name"]
    for role, part, count in (
        ("master", "control-plane", cluster["master_count"]),
        ("node", "md-0", cluster["node_count"]),
    ):
        _make_servers(cloud, cluster, network, role, [f"{stem}-{part}-{_short_id(5)}" for _ in range(count)])
    balancer = octavia.create_load_balancer(
        cloud,
        name=f"k8s-clusterapi-cluster-magnum-{stem}-kubeapi",
        subnet=cloud.store.list("subnet", network_id=network["id"])[0],
        ports=[{"protocol": "TCP", "protocol_port": 6443}],
        project_id=cluster["project_id"],
        description=f"Created by cluster-api-provider-openstack cluster {stem}",
    )
    floating_ip = neutron.create_floating_ip(
        cloud, external, cluster["project_id"], _cluster_id=cluster["id"], description=balancer["description"]
    )
    neutron.associate(cloud, floating_ip, cloud.store.get("port", balancer["vip_port_id"]))
    cluster["api_host"] = floating_ip["floating_ip_address"]
    cluster["api_balancer_id"] = balancer["id"]


def _make_servers(cloud: Cloud, cluster: Resource, network: Resource, role: str, names: list[str]) -> list[Resource]:
    kind = {"master": "master", "node": "minion"}[role]
    group = neutron.create_security_group(
        cloud, f"{cluster['stack_name']}-secgroup_kube_{kind}", cluster["project_id"], _cluster_id=cluster["id"]
    )
    flavor = cloud.store.find("flavor", cluster["master_flavor_id" if role == "master" else "flavor_id"])
    keypairs = cloud.store.list("keypair", name=cluster["keypair"], user_id=cluster["user_id"])
    if not keypairs:
        raise ApiError(400, "Invalid key_name provided.")
    return [
        nova.create_server(
            cloud,
            name=name,
            flavor=flavor,
            network=network,
            keypair=keypairs[0],
            project_id=cluster["project_id"],
            _cluster_id=cluster["id"],
            _role=role,
            security_group=group,
        )
        for name in names
    ]


def _short_id(length: int) -> str:
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=length))  # noqa: S311 (a name, not a secret)
