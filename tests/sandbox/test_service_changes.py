"""A Service whose address moved is looked at again; one that is deleted takes its load balancer with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from magnumhub.domain.errors import DeadlineError
from magnumhub.kube.client import Kube, from_kubeconfig, kube_client
from magnumhub.kube.errors import NotFoundError
from magnumhub.kube.service_changes import delete_service, recreate_service, touch_service
from magnumhub.kube.services import external_ip, wait_for_external_ip
from tests.sandbox.conftest import Sandbox, create, finished, wait_until

NAMESPACE, NAME = "default", "web"


def silent(line: str) -> None:
    pass


@dataclass
class Served:
    """A Service with a load balancer and an address of ours."""

    sandbox: Sandbox
    kube: Kube
    network: Any
    address: Any

    def balancers(self) -> list[dict[str, Any]]:
        return self.sandbox.state()["load_balancers"]


@pytest.fixture(scope="module")
def kube(running: Sandbox) -> Iterator[Kube]:
    running.reset()
    magnum = running.magnum()
    finished(magnum, create(magnum).uuid)
    (made,) = running.state()["clusters"]
    with kube_client(from_kubeconfig(Path(made["kubeconfig"]).read_text())) as api:
        yield api


@pytest.fixture
def served(running: Sandbox, kube: Kube) -> Iterator[Served]:
    running.faults(scenario=None)
    network = running.connect().network
    outside = next(one for one in network.networks() if one.is_router_external)
    address = network.create_ip(floating_network_id=outside.id)
    spec = {
        "type": "LoadBalancer",
        "loadBalancerIP": address.floating_ip_address,
        "ports": [{"port": 8080}],
        "selector": {"app": NAME},
    }
    apply(kube, "helm", spec)
    wait_until(lambda: external_ip(kube, NAMESPACE, NAME) == address.floating_ip_address)
    yield Served(running, kube, network, address)
    running.faults(scenario=None)
    delete_service(kube, NAMESPACE, NAME, deadline_s=30, report=silent)


def apply(kube: Kube, manager: str, spec: dict[str, Any]) -> None:
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": spec}
    kube.core.patch_namespaced_service(
        NAME, NAMESPACE, body, field_manager=manager, _content_type="application/apply-patch+yaml"
    )


def test_the_status_follows_an_address_that_was_re_pointed(served: Served) -> None:
    fresh = served.network.create_ip(floating_network_id=served.address.floating_network_id)
    port = served.network.get_ip(served.address.id).port_id
    served.network.update_ip(served.address.id, port_id=None)
    served.network.update_ip(fresh.id, port_id=port)
    assert external_ip(served.kube, NAMESPACE, NAME) == served.address.floating_ip_address
    for _ in range(2):  # a second time counts as well
        touch_service(served.kube, NAMESPACE, NAME)
        wait_for_external_ip(
            served.kube, NAMESPACE, NAME, asked=fresh.floating_ip_address, deadline_s=20, report=silent
        )
        served.network.update_ip(fresh.id, port_id=None)
        served.network.update_ip(served.address.id, port_id=port)
        fresh, served.address = served.address, fresh


def test_what_is_touched_is_still_helms(served: Served) -> None:
    touch_service(served.kube, NAMESPACE, NAME)
    spec = served.kube.plain(served.kube.core.read_namespaced_service(NAME, NAMESPACE))["spec"]
    # Not forced: this is the 409 that Helm ends with where somebody else has written one of its fields.
    apply(
        served.kube,
        "helm",
        {"type": "LoadBalancer", "loadBalancerIP": "192.0.2.1", "ports": [{"port": 8080}], "selector": {"app": NAME}},
    )
    after = served.kube.plain(served.kube.core.read_namespaced_service(NAME, NAMESPACE))
    assert after["spec"] == {**spec, "loadBalancerIP": "192.0.2.1"}
    assert "magnumhub/look-again" in after["metadata"]["annotations"]


def test_deleted_with_its_load_balancer_and_without_the_address(served: Served) -> None:
    delete_service(served.kube, NAMESPACE, NAME, deadline_s=30, report=silent)
    assert served.balancers() == []
    assert served.network.get_ip(served.address.id).port_id is None
    delete_service(served.kube, NAMESPACE, NAME, deadline_s=30, report=silent)  # gone already is fine


def test_made_again_with_another_address_and_still_helms(served: Served) -> None:
    fresh = served.network.create_ip(floating_network_id=served.address.floating_network_id).floating_ip_address
    touch_service(served.kube, NAMESPACE, NAME)
    before = served.kube.plain(served.kube.core.read_namespaced_service(NAME, NAMESPACE))
    recreate_service(served.kube, NAMESPACE, NAME, address=fresh, deadline_s=30, report=silent)
    wait_for_external_ip(served.kube, NAMESPACE, NAME, asked=fresh, deadline_s=20, report=silent)
    after = served.kube.plain(served.kube.core.read_namespaced_service(NAME, NAMESPACE))
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    allocated = ("clusterIP", "clusterIPs", "ports", "loadBalancerIP")
    kept = [{key: value for key, value in one["spec"].items() if key not in allocated} for one in (before, after)]
    assert kept[0] == kept[1]
    assert served.network.get_ip(served.address.id).port_id is None
    # Helm's own way afterwards: neither a conflict, nor a field that stays for ever.
    ports = [{"port": 8080}]
    apply(served.kube, "helm", {"type": "LoadBalancer", "ports": ports, "selector": {"app": NAME}})
    assert served.kube.core.read_namespaced_service(NAME, NAMESPACE).spec.load_balancer_ip is None


def test_one_that_is_gone_is_not_made_again(kube: Kube) -> None:
    recreate_service(kube, NAMESPACE, "nothing", address="192.0.2.1", deadline_s=5, report=silent)
    with pytest.raises(NotFoundError):
        touch_service(kube, NAMESPACE, "nothing")


def test_one_that_does_not_go_is_told_with_the_controllers_words(served: Served) -> None:
    served.sandbox.faults(service="octavia", method="DELETE", action="status", status=500, message="amphora is stuck")
    with pytest.raises(DeadlineError, match=r"is not gone after 2 s.*amphora is stuck"):
        delete_service(served.kube, NAMESPACE, NAME, deadline_s=2, report=silent)
    served.sandbox.faults(scenario=None)
    delete_service(served.kube, NAMESPACE, NAME, deadline_s=30, report=silent)  # waits for one that is going
    assert served.balancers() == []


def test_what_is_not_there_is_not_touched(kube: Kube) -> None:
    with pytest.raises(NotFoundError):
        touch_service(kube, NAMESPACE, "nothing")
