"""The servers of a cluster as Magnum's two drivers name and make them, at the beginning and when it is resized."""

from __future__ import annotations

import random
import string
from collections.abc import Iterable, Sequence
from itertools import count, islice

from sandbox.cloud import Cloud
from sandbox.openstack import neutron, nova, octavia
from sandbox.openstack.service import ApiError
from sandbox.store import Resource

HEAT, CAPI = "k8s_fedora_coreos_v1", "k8s_capi_helm_v1"


def heat_servers(cloud: Cloud, cluster: Resource) -> None:
    """Masters and nodes called STACK-master-N and STACK-node-N, each with a floating IP where the cluster says so."""
    for role in ("master", "node"):
        _add_heat_servers(cloud, cluster, role, range(cluster[f"{role}_count"]))
    master = cloud.store.list("server", _cluster_id=cluster["id"], _role="master")[0]
    cluster["api_host"] = master.get("_floating_address", master["address"])


def _add_heat_servers(cloud: Cloud, cluster: Resource, role: str, numbers: Iterable[int]) -> None:
    names = [f"{cluster['stack_name']}-{role}-{number}" for number in numbers]
    for server in _make_servers(cloud, cluster, role, names):
        if cluster["floating_ip_enabled"]:
            external = _external_network(cloud, cluster)
            floating_ip = neutron.create_floating_ip(cloud, external, cluster["project_id"], _cluster_id=cluster["id"])
            neutron.associate(cloud, floating_ip, cloud.store.get("port", server["port_id"]))
            server["_floating_address"] = floating_ip["floating_ip_address"]


def more_nodes(cloud: Cloud, cluster: Resource, nodes: list[Resource], node_count: int) -> None:
    """Heat numbers nodes on and never gives the number of one that it was told to remove again."""
    missing = node_count - len(nodes)
    if cluster["driver"] == CAPI:
        _make_servers(cloud, cluster, "node", [_capi_node(cluster) for _ in range(missing)])
        return
    taken = {int(node["name"].rpartition("-")[2]) for node in nodes} | cluster.get("_removed_numbers", set())
    _add_heat_servers(cloud, cluster, "node", islice((n for n in count() if n not in taken), missing))


def leaving(
    cluster: Resource, nodes: list[Resource], node_count: int, nodes_to_remove: Sequence[str]
) -> list[Resource]:
    """Which nodes go: with Heat those that are named, then the last; this driver of Cluster API lets nobody choose."""
    fewer = len(nodes) - node_count
    if cluster["driver"] == CAPI:
        return random.sample(nodes, fewer)
    named = [node for node in nodes if node["id"] in nodes_to_remove]
    cluster.setdefault("_removed_numbers", set()).update(int(node["name"].rpartition("-")[2]) for node in named)
    return [*named, *[node for node in reversed(nodes) if node not in named]][:fewer]


def delete_server(cloud: Cloud, server: Resource) -> None:
    """A server, and the floating IP that Magnum gave it."""
    for floating_ip in cloud.store.list("floatingip", port_id=server["port_id"], _cluster_id=server["_cluster_id"]):
        cloud.store.delete("floatingip", floating_ip["id"])
    nova.delete_server(cloud, server)


def _external_network(cloud: Cloud, cluster: Resource) -> Resource:
    template = cloud.store.get("template", cluster["cluster_template_id"])
    return cloud.store.find("network", template["external_network_id"])


def _fixed_network(cloud: Cloud, cluster: Resource) -> Resource:
    return cloud.store.find("network", cluster["fixed_network"], project_id=cluster["project_id"])


def _capi_node(cluster: Resource) -> str:
    return f"{cluster['stack_name']}-md-0-{short_id(5)}"


def capi_servers(cloud: Cloud, cluster: Resource) -> None:
    """Machines as Cluster API names them, and the API behind a load balancer with a floating IP."""
    stem = cluster["stack_name"]
    masters = [f"{stem}-control-plane-{short_id(5)}" for _ in range(cluster["master_count"])]
    _make_servers(cloud, cluster, "master", masters)
    _make_servers(cloud, cluster, "node", [_capi_node(cluster) for _ in range(cluster["node_count"])])
    balancer = octavia.create_load_balancer(
        cloud,
        name=f"k8s-clusterapi-cluster-magnum-{stem}-kubeapi",
        subnet=cloud.store.list("subnet", network_id=_fixed_network(cloud, cluster)["id"])[0],
        ports=[{"protocol": "TCP", "protocol_port": 6443}],
        project_id=cluster["project_id"],
        description=f"Created by cluster-api-provider-openstack cluster {stem}",
    )
    floating_ip = neutron.create_floating_ip(
        cloud,
        _external_network(cloud, cluster),
        cluster["project_id"],
        _cluster_id=cluster["id"],
        description=balancer["description"],
    )
    neutron.associate(cloud, floating_ip, cloud.store.get("port", balancer["vip_port_id"]))
    cluster["api_host"] = floating_ip["floating_ip_address"]
    cluster["api_balancer_id"] = balancer["id"]


def _make_servers(cloud: Cloud, cluster: Resource, role: str, names: list[str]) -> list[Resource]:
    group = _security_group(cloud, cluster, {"master": "master", "node": "minion"}[role])
    flavor = cloud.store.find("flavor", cluster["master_flavor_id" if role == "master" else "flavor_id"])
    keypairs = cloud.store.list("keypair", name=cluster["keypair"], user_id=cluster["user_id"])
    if not keypairs:
        raise ApiError(400, "Invalid key_name provided.")
    return [
        nova.create_server(
            cloud,
            name=name,
            flavor=flavor,
            network=_fixed_network(cloud, cluster),
            keypair=keypairs[0],
            project_id=cluster["project_id"],
            _cluster_id=cluster["id"],
            _role=role,
            security_group=group,
        )
        for name in names
    ]


def _security_group(cloud: Cloud, cluster: Resource, kind: str) -> Resource:
    name = f"{cluster['stack_name']}-secgroup_kube_{kind}"
    there = cloud.store.list("security_group", name=name, _cluster_id=cluster["id"])
    if there:
        return there[0]
    return neutron.create_security_group(cloud, name, cluster["project_id"], _cluster_id=cluster["id"])


def short_id(length: int) -> str:
    """What Magnum's drivers add to a name."""
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=length))  # noqa: S311 (a name, not a secret)
