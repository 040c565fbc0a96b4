"""What Magnum's conductor does: makes the servers of a cluster, lets Kubernetes run on them, ends all that.

Two drivers, told apart by the template: `heat` has masters with ssh, an API at the master and perhaps floating IPs of
Magnum's own; `capi` has an API behind a load balancer with a public address, and no machine that anybody logs in to.
"""

from __future__ import annotations

import asyncio
import time
import traceback
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sandbox.cloud import Cloud
from sandbox.faults import BackgroundFailureError
from sandbox.openstack import cluster_servers, octavia
from sandbox.openstack.certificates import make_ca
from sandbox.openstack.cluster_servers import CAPI, HEAT
from sandbox.openstack.service import ApiError
from sandbox.store import Resource

# Seconds in a real cloud.
_CERTIFICATES_S = 1
_BOOT_S = 200  # servers, images, Kubernetes
_SETTLE_S = 60  # Kubernetes answers, Magnum does not know yet
_SEEN_S = 1  # DELETE or resize answered, status still as it was
_DELETE_S = 45
_SHRINK_S = 30
_MONITOR_S = 60  # Magnum looks at the cluster's health once a minute

# Not while one is under way: Heat refuses a second update of a stack.
_RESIZABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_FAILED"}


class Kubernetes(Protocol):
    """What runs on a cluster's servers."""

    async def boot(self, cluster: Resource) -> None:
        """Set everything going; returns when the API answers."""

    async def resize(self, cluster: Resource) -> None:
        """Let its nodes be those that have servers now."""

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
        self._working: dict[str, asyncio.Task[None]] = {}

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
            "stack_name": f"{cluster['name'][:30]}-{cluster_servers.short_id(5 if template['driver'] == CAPI else 12)}",
            "merge_labels": False,  # it was a wish, and is never told
            "asked_monotonic_s": time.monotonic(),
            "faults": {},
            "ca": None,
        }
        self._working[cluster["id"]] = self._cloud.in_background(self._create(cluster))
        return cluster

    def resize(self, cluster: Resource, node_count: int, nodes_to_remove: Sequence[str]) -> None:
        """Begin to give a cluster another number of nodes; in a state that forbids it nothing happens, unsaid as there.

        Args:
            nodes_to_remove: ids of servers that go first where there are to be fewer.
        """
        if cluster["status"] in _RESIZABLE and not cluster.get("deleting"):
            work = self._resize(cluster, node_count, nodes_to_remove)
            self._working[cluster["id"]] = self._cloud.in_background(work)

    def delete(self, cluster: Resource) -> None:
        """Begin to delete a cluster, in whatever state it is; doing it twice is allowed."""
        if not cluster.get("deleting"):
            cluster["deleting"] = True
            self._cloud.in_background(self._delete(cluster))

    async def _create(self, cluster: Resource) -> None:
        try:
            await self._build(cluster)
        except (BackgroundFailureError, ApiError) as error:
            self._fail(cluster, "CREATE_FAILED", str(error))
        except Exception as error:
            traceback.print_exc()
            self._fail(cluster, "CREATE_FAILED", f"The sandbox itself failed: {error!r}")

    async def _build(self, cluster: Resource) -> None:
        clock = self._cloud.clock
        await clock.sleep(_CERTIFICATES_S)
        cluster["ca"] = await asyncio.to_thread(make_ca, cluster["name"])
        if not cluster["may_delegate"]:
            raise BackgroundFailureError(f"Failed to create trustee or trust for Cluster: {cluster['id']}")
        make_servers = cluster_servers.capi_servers if cluster["driver"] == CAPI else cluster_servers.heat_servers
        # Heat's stack has an id besides its name; of Cluster API Magnum tells the name of the chart's release.
        stack_id = cluster["stack_name"] if cluster["driver"] == CAPI else str(uuid.uuid4())
        self._cloud.store.update("cluster", cluster["id"], {"stack_id": stack_id})
        make_servers(self._cloud, cluster)
        await clock.sleep(_BOOT_S)
        await self._cloud.faults.in_background("magnum", f"/v1/clusters/{cluster['name']}")
        await self._kubernetes.boot(cluster)
        await clock.sleep(_SETTLE_S)
        self._cloud.store.update("cluster", cluster["id"], self._outcome(cluster))
        self._cloud.in_background(self._monitor(cluster))

    async def _resize(self, cluster: Resource, node_count: int, nodes_to_remove: Sequence[str]) -> None:
        cloud, ident = self._cloud, cluster["id"]
        await cloud.clock.sleep(_SEEN_S)
        cloud.store.update("cluster", ident, {"node_count": node_count})  # before Magnum says that it is at work
        await cloud.clock.sleep(_SEEN_S)
        cloud.store.update("cluster", ident, {"status": "UPDATE_IN_PROGRESS", "status_reason": None})
        try:
            await cloud.faults.in_background("magnum", f"/v1/clusters/{cluster['name']}/actions/resize")
            nodes = self.servers(cluster, "node")
            if node_count >= len(nodes):
                cluster_servers.more_nodes(cloud, cluster, nodes, node_count)
                await cloud.clock.sleep(_BOOT_S)
            else:
                for server in cluster_servers.leaving(cluster, nodes, node_count, nodes_to_remove):
                    cluster_servers.delete_server(cloud, server)
                await cloud.clock.sleep(_SHRINK_S)
            await self._kubernetes.resize(cluster)
        except (BackgroundFailureError, ApiError) as error:
            self._fail(cluster, "UPDATE_FAILED", str(error))
            return
        changed = {"status": "UPDATE_COMPLETE", "status_reason": "Stack UPDATE completed successfully"}
        cloud.store.update("cluster", ident, self._outcome(cluster) | changed)

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

    def _fail(self, cluster: Resource, status: str, reason: str) -> None:
        groups = dict.fromkeys(("default-master", "default-worker"), reason)
        failed = {"status": status, "status_reason": reason, "faults": groups}
        self._cloud.store.update("cluster", cluster["id"], failed)

    async def _delete(self, cluster: Resource) -> None:
        await self._cloud.clock.sleep(_SEEN_S)
        self._cloud.store.update("cluster", cluster["id"], {"status": "DELETE_IN_PROGRESS", "status_reason": None})
        if working := self._working.pop(cluster["id"], None):
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await self._cloud.clock.sleep(_DELETE_S)
        try:
            await self._cloud.faults.in_background("magnum", f"/v1/deletions/{cluster['name']}")
        except BackgroundFailureError as error:
            cluster["deleting"] = False  # it may be asked for again
            self._fail(cluster, "DELETE_FAILED", str(error))
            return
        await self._kubernetes.shut_down(cluster["id"])
        self._release(cluster)
        self._cloud.store.delete("cluster", cluster["id"])

    def _release(self, cluster: Resource) -> None:
        """Delete what Magnum made. Load balancers and volumes of Services and claims are not among it."""
        store = self._cloud.store
        for balancer in store.list("loadbalancer", id=cluster.get("api_balancer_id")):
            octavia.delete_load_balancer(self._cloud, balancer)
        for server in self.servers(cluster):
            cluster_servers.delete_server(self._cloud, server)
        for floating_ip in store.list("floatingip", _cluster_id=cluster["id"]):
            store.delete("floatingip", floating_ip["id"])
        for group in store.list("security_group", _cluster_id=cluster["id"]):
            store.delete("security_group", group["id"])

    async def forget(self, clusters: Iterable[Resource]) -> None:
        """End what runs on clusters that are about to vanish with the whole state."""
        for cluster in clusters:
            await self._kubernetes.shut_down(cluster["id"])
        self._working.clear()
