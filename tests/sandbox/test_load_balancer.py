"""Services of type LoadBalancer get what cloud-provider-openstack gives them: in Neutron, Octavia and Kubernetes."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.client.rest import ApiException
from openstack.connection import Connection

from sandbox.load_balancer.controller import FINALIZER, LB_ADDRESS, LB_ID, looks, wants_balancer
from tests.sandbox.conftest import Sandbox, wait_until

NAMESPACE = "default"
PORT = 8080


def a_service(**spec: Any) -> dict[str, Any]:
    ports = [{"port": PORT, "targetPort": 8000}]
    return {"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": ports, **spec}}


class Cluster:
    """A cluster and the project it is in."""

    def __init__(self, sandbox: Sandbox, cloud: Connection) -> None:
        magnum = sandbox.magnum()
        made = magnum.clusters.create(name="lb", cluster_template_id="kubernetes-v1.31.1", keypair="default")
        wait_until(lambda: magnum.clusters.get(made.uuid).status == "CREATE_COMPLETE")
        (state,) = sandbox.state()["clusters"]
        self.uuid, self.cloud = made.uuid, cloud
        self.core = client.CoreV1Api(config.new_client_from_config(state["kubeconfig"]))

    def create(self, name: str, **spec: Any) -> None:
        service = a_service(selector={"app": "web"}, **spec)
        self.core.create_namespaced_service(NAMESPACE, service | {"metadata": {"name": name}})

    def get(self, name: str) -> Any:
        return self.core.read_namespaced_service(name, NAMESPACE)

    def external(self, name: str) -> str | None:
        """What kubectl shows as EXTERNAL-IP."""
        ingress = self.get(name).status.load_balancer.ingress
        return ingress[0].ip if ingress else None

    def events(self, name: str) -> dict[str, tuple[int, str]]:
        """What was told about a Service: reason -> how often, and in which words."""
        mine = f"involvedObject.uid={self.get(name).metadata.uid}"
        listed = self.core.list_namespaced_event(NAMESPACE, field_selector=mine)
        return {event.reason: (event.count, event.message) for event in listed.items}

    def refusal(self, name: str) -> str:
        """Why a Service's address stays pending, once that is told."""
        return wait_until(lambda: self.events(name)["SyncLoadBalancerFailed"][1])

    def delete(self, name: str) -> None:
        self.core.delete_namespaced_service(name, NAMESPACE)

        def is_gone() -> bool:
            try:
                self.get(name)
            except ApiException as error:
                return bool(error.status == 404)
            return False

        wait_until(is_gone)

    def balancer(self, name: str) -> Any:
        """Octavia's load balancer of a Service."""
        wanted = f"kube_service_{self.uuid}_{NAMESPACE}_{name}"
        return next((item for item in self.cloud.load_balancer.load_balancers() if item.name == wanted), None)

    def reserve(self) -> Any:
        network = next(item for item in self.cloud.network.networks() if item.is_router_external)
        return self.cloud.network.create_ip(floating_network_id=network.id, description="reserved")

    def floating_ip(self, address: str) -> Any:
        return next((item for item in self.cloud.network.ips() if item.floating_ip_address == address), None)


@pytest.fixture(scope="module")
def module_cluster(running: Sandbox) -> Cluster:
    running.reset()
    return Cluster(running, running.connect())


@pytest.fixture
def cluster(module_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, without Services and floating IPs of other tests."""
    yield module_cluster
    for service in module_cluster.core.list_namespaced_service(NAMESPACE).items:
        if service.spec.type == "LoadBalancer":
            module_cluster.delete(service.metadata.name)
    for floating_ip in module_cluster.cloud.network.ips():
        module_cluster.cloud.network.delete_ip(floating_ip)


def test_a_reserved_address_is_on_the_service_and_traffic_flows_to_its_pods(cluster: Cluster) -> None:
    program = ["python", "-m", "http.server", "8000"]
    container = {"name": "c", "image": "configurable-http-proxy:0.4.0", "command": program}
    pod = {"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"containers": [container]}}
    cluster.core.create_namespaced_pod(NAMESPACE, pod)
    address = cluster.reserve().floating_ip_address
    cluster.create("web", loadBalancerIP=address)
    assert wait_until(lambda: cluster.external("web")) == address
    assert wait_until(lambda: urllib.request.urlopen(f"http://{address}:{PORT}/", timeout=5).status) == 200
    meta, balancer = cluster.get("web").metadata, cluster.balancer("web")
    assert meta.finalizers == [FINALIZER]
    assert meta.annotations == {LB_ID: balancer.id, LB_ADDRESS: address}
    assert cluster.floating_ip(address).port_id == balancer.vip_port_id
    assert cluster.events("web") == {
        "EnsuringLoadBalancer": (1, "Ensuring load balancer"),
        "EnsuredLoadBalancer": (1, "Ensured load balancer"),
    }
    cluster.core.delete_namespaced_pod("web", NAMESPACE, grace_period_seconds=0)


def test_a_reserved_address_survives_its_service(cluster: Cluster) -> None:
    address = cluster.reserve().floating_ip_address
    cluster.create("web", loadBalancerIP=address)
    wait_until(lambda: cluster.external("web"))
    cluster.delete("web")
    assert cluster.balancer("web") is None
    assert cluster.floating_ip(address).port_id is None


def test_an_address_that_the_controller_allocated_goes_with_the_service(cluster: Cluster) -> None:
    cluster.create("web")
    address = wait_until(lambda: cluster.external("web"))
    description = cluster.floating_ip(address).description
    assert description == f"Floating IP for Kubernetes external service default/web from cluster {cluster.uuid}"
    cluster.delete("web")
    assert cluster.floating_ip(address) is None


def test_an_address_that_serves_something_else_is_refused_and_tried_again(cluster: Cluster) -> None:
    address = cluster.reserve().floating_ip_address
    cluster.create("first", loadBalancerIP=address)
    wait_until(lambda: cluster.external("first"))
    cluster.create("second", loadBalancerIP=address)
    assert cluster.refusal("second") == (
        f"Error syncing load balancer: failed to ensure load balancer: floating IP {address} is not available"
    )
    assert cluster.external("second") is None
    cluster.delete("first")
    assert wait_until(lambda: cluster.external("second")) == address


def test_an_address_that_is_not_the_projects_is_refused_in_neutrons_words(cluster: Cluster) -> None:
    cluster.create("web", loadBalancerIP="203.0.113.7")
    refusal = cluster.refusal("web")
    assert "error creating LB floatingip" in refusal
    assert "disallowed by policy" in refusal


def test_a_later_address_is_ignored_until_it_is_put_on_the_vip_and_the_service_is_touched(cluster: Cluster) -> None:
    first, second = cluster.reserve(), cluster.reserve()
    old, new = first.floating_ip_address, second.floating_ip_address
    cluster.create("web", loadBalancerIP=old)
    wait_until(lambda: cluster.external("web"))
    cluster.core.patch_namespaced_service("web", NAMESPACE, {"spec": {"loadBalancerIP": new}})
    wait_until(lambda: cluster.events("web")["EnsuredLoadBalancer"][0] == 2)
    assert cluster.external("web") == old

    network = cluster.cloud.network
    network.update_ip(network.get_ip(first.id), port_id=None)
    network.update_ip(second, port_id=cluster.balancer("web").vip_port_id)
    cluster.core.patch_namespaced_service("web", NAMESPACE, {"metadata": {"annotations": {"touched": "now"}}})
    wait_until(lambda: cluster.external("web") == new)
    assert cluster.get("web").metadata.annotations[LB_ADDRESS] == new


def test_a_service_that_becomes_internal_loses_its_balancer_and_address(cluster: Cluster) -> None:
    cluster.create("web")
    wait_until(lambda: cluster.external("web"))
    cluster.core.patch_namespaced_service("web", NAMESPACE, {"spec": {"type": "ClusterIP"}})
    wait_until(lambda: not cluster.get("web").metadata.finalizers)
    assert cluster.external("web") is None
    assert cluster.balancer("web") is None
    assert list(cluster.cloud.network.ips()) == []
    cluster.delete("web")


def test_what_counts_as_a_change() -> None:
    service = a_service(loadBalancerIP="1.2.3.4")
    noted = {**service, "metadata": {"name": "web", "annotations": {LB_ID: "x", LB_ADDRESS: "1.2.3.4"}}}
    touched = {**service, "metadata": {"name": "web", "annotations": {"touched": "now"}}}
    assert looks(service) == looks(noted)
    assert looks(service) != looks(touched)
    assert looks(service) != looks(a_service(loadBalancerIP="1.2.3.5"))


@pytest.mark.parametrize(
    ("spec", "going", "wanted"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"type": "ClusterIP"}, False, False),
        ({"loadBalancerClass": "x"}, False, False),
    ],
)
def test_which_services_want_a_balancer(spec: dict[str, str], going: bool, wanted: bool) -> None:
    service = a_service(**spec)
    if going:
        service["metadata"]["deletionTimestamp"] = "2026-11-25T12:00:00Z"
    assert wants_balancer(service) == wanted
