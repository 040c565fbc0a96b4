"""What takes a site away in the cloud, against the sandbox's services: also when one refuses at first, or fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from magnumhub.domain.checks.leftovers import Balancer
from magnumhub.domain.holdings import Holdings, OwnVolume
from magnumhub.domain.spec_file import load_site
from magnumhub.openstack import clusters, floating_ips, removal
from magnumhub.openstack.cloud import connect, magnum_client
from magnumhub.openstack.holdings import observe_holdings
from tests.sandbox.conftest import Sandbox, wait_until

UUID = "11111111-2222-3333-4444-555555555555"


@dataclass
class Cloud:
    """The sandbox's clients, and what was reported."""

    sandbox: Sandbox
    conn: Any
    magnum: Any
    told: list[str] = field(default_factory=list)

    def holdings(self, **options: Any) -> Holdings:
        return observe_holdings(self.conn, self.magnum, "heat", **options)

    def balancer(self, name: str) -> Balancer:
        subnet = self.conn.network.find_subnet("internal-subnet", ignore_missing=False)
        listeners = [{"protocol": "TCP", "protocol_port": 8080}]
        made = self.conn.load_balancer.create_load_balancer(name=name, vip_subnet_id=subnet.id, listeners=listeners)
        return Balancer(id=made.id, name=made.name)

    def volume(self, **metadata: str) -> Any:
        return self.conn.block_storage.create_volume(name="pvc-1", size=2, metadata=metadata)


@pytest.fixture
def cloud(fresh: Sandbox) -> Cloud:
    entry = yaml.safe_load(Path(fresh.started["clouds_yaml"]).read_text())["clouds"]["sandbox"]
    conn = connect(entry, timeout_s=20)
    return Cloud(fresh, conn, magnum_client(conn))


def test_a_load_balancer_that_octavia_works_on_is_asked_again(cloud: Cloud) -> None:
    cloud.sandbox.faults(service="octavia", method="ASYNC", path="/loadbalancers/", action="delay", delay_s=1)
    balancer = cloud.balancer(f"kube_service_{UUID}_jhub_proxy-public")
    removal.delete_balancers(cloud.conn, [balancer], deadline_s=20, report=cloud.told.append)
    assert cloud.sandbox.state()["load_balancers"] == []


def test_what_octavia_and_cinder_do_not_delete_is_given_up_and_told(cloud: Cloud) -> None:
    for service in ("octavia", "cinder"):
        cloud.sandbox.faults(service=service, method="ASYNC", path="/deletions/")
    balancer, volume = cloud.balancer(f"kube_service_{UUID}_jhub_proxy-public"), cloud.volume(magnumhub_site="heat")
    cloud.conn.block_storage.set_volume_metadata(volume, magnumhub_cluster=UUID)
    removal.delete_balancers(cloud.conn, [balancer], deadline_s=2, report=cloud.told.append)
    removal.delete_volumes(cloud.conn, cloud.holdings().volumes, deadline_s=2, report=cloud.told.append)
    left = cloud.holdings()
    assert [found.status for found in left.balancers] == ["ERROR"]
    assert [found.status for found in left.volumes] == ["error_deleting"]
    assert sum("still there after 2 s" in line for line in cloud.told) == 2


def test_volumes_are_found_by_their_mark_when_their_cluster_is_gone(cloud: Cloud) -> None:
    volume = cloud.volume()
    home = OwnVolume(
        id=volume.id, name="pvc-1", of="home of ann (jhub/claim-ann)", size_gib=2, status="", cluster_uuid=UUID
    )
    gone = home.model_copy(update={"id": UUID})
    assert cloud.holdings().volumes == ()
    assert [removal.mark_volumes(cloud.conn, "heat", [home, gone]) for _ in range(2)] == ["changed", "kept"]
    (found,) = cloud.holdings().volumes
    assert (found.id, found.of, found.cluster_uuid) == (volume.id, "home of ann (jhub/claim-ann)", UUID)
    assert cloud.holdings().uuids == (UUID,)
    assert removal.delete_volumes(cloud.conn, [found], deadline_s=20, report=cloud.told.append) == "changed"
    assert cloud.sandbox.state()["volumes"] == []


def test_addresses_remember_the_cluster_and_are_given_up(cloud: Cloud) -> None:
    site = load_site(cloud.sandbox.started["sites"]["heat"])
    given = cloud.conn.network.create_ip(floating_network_id=floating_ips.external_network_id(cloud.conn, "public"))
    wishes = site.network.floating_ips.model_copy(update={"jupyterhub": given.floating_ip_address})
    site = site.model_copy(update={"network": site.network.model_copy(update={"floating_ips": wishes})})
    floating_ips.ensure_reserved(cloud.conn, site, master=True, report=cloud.told.append)
    assert [removal.remember_clusters(cloud.conn, "heat", [UUID]) for _ in range(2)] == ["changed", "kept"]
    balancer = cloud.balancer(f"kube_service_{UUID}_jhub_proxy-public")
    before = cloud.holdings()
    assert (before.uuids, [found.id for found in before.balancers]) == ((UUID,), [balancer.id])
    removal.give_up_addresses(cloud.conn, before.addresses, cloud.told.append)
    (left,) = cloud.sandbox.state()["floating_ips"]
    assert (left["id"], left["tags"]) == (given.id, [])
    after = cloud.holdings(known=before)
    assert [(address.id, address.marked) for address in after.addresses] == [(given.id, False)]
    assert [found.id for found in after.balancers] == [balancer.id], "known from before"


def test_an_address_that_serves_somebody_else_is_not_released(cloud: Cloud) -> None:
    site = load_site(cloud.sandbox.started["sites"]["heat"])
    addresses = floating_ips.ensure_reserved(cloud.conn, site, master=False, report=cloud.told.append)
    network = cloud.conn.network.find_network("internal", ignore_missing=False)
    port = cloud.conn.network.create_port(network_id=network.id, name="somebodys")
    cloud.conn.network.update_ip(addresses.jupyterhub.id, port_id=port.id)
    removal.give_up_addresses(cloud.conn, cloud.holdings().addresses, cloud.told.append)
    assert [address["id"] for address in cloud.sandbox.state()["floating_ips"]] == [addresses.jupyterhub.id]


def test_a_deletion_that_magnum_fails_ends_the_wait_with_its_reason(cloud: Cloud) -> None:
    cloud.sandbox.faults(service="magnum", method="ASYNC", path="/v1/clusters/", action="hang")
    cloud.sandbox.faults(service="magnum", method="ASYNC", path="/deletions/heat$", message="port in use", times=1)
    site = load_site(cloud.sandbox.started["sites"]["heat"])
    magnum_cluster = clusters.start(cloud.magnum, site, template="kubernetes-v1.31.1", report=cloud.told.append)
    for is_gone in (False, True):
        removal.delete_cluster(cloud.magnum, magnum_cluster.uuid)
        waited = removal.wait_until_deleted(cloud.magnum, magnum_cluster.uuid, deadline_s=30, report=cloud.told.append)
        assert waited is is_gone
        if not is_gone:
            assert any("DELETE_FAILED: port in use" in line for line in cloud.told)
            (seen,) = cloud.holdings().magnum_clusters
            assert (seen.status, seen.status_reason) == ("DELETE_FAILED", "port in use")
            assert set(seen.faults.values()) == {"port in use"}
    assert removal.delete_cluster(cloud.magnum, magnum_cluster.uuid) == "kept"
    wait_until(lambda: cloud.sandbox.state()["servers"] == [])


def test_a_deletion_that_takes_too_long_is_told(cloud: Cloud) -> None:
    cloud.sandbox.faults(service="magnum", method="ASYNC", path="/(v1/clusters|deletions)/", action="hang")
    site = load_site(cloud.sandbox.started["sites"]["heat"])
    magnum_cluster = clusters.start(cloud.magnum, site, template="kubernetes-v1.31.1", report=cloud.told.append)
    removal.delete_cluster(cloud.magnum, magnum_cluster.uuid)
    assert not removal.wait_until_deleted(cloud.magnum, magnum_cluster.uuid, deadline_s=2, report=cloud.told.append)
    assert "still DELETE_IN_PROGRESS" in cloud.told[-1]
