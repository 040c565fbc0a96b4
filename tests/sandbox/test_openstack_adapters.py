"""The OpenStack adapters against the sandbox's services: what is in the cloud afterwards, also after failures."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from magnumhub.domain.errors import (
    AuthenticationError,
    DeadlineError,
    FailedError,
    NotOursError,
    RefusedError,
    TransientError,
)
from magnumhub.domain.results import Addresses, MagnumCluster
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import load_site
from magnumhub.openstack import certificates, clusters, floating_ips
from magnumhub.openstack.cloud import connect, magnum_client, refuse_other_project
from magnumhub.openstack.survey import survey
from tests.sandbox.conftest import Sandbox, wait_until


@dataclass(frozen=True)
class Stage:
    """A site of the sandbox with the clients of its cloud."""

    sandbox: Sandbox
    site: Site
    template: Any
    conn: Any
    magnum: Any

    @property
    def wants_address(self) -> bool:
        return self.template.driver == "heat" and not self.template.floating_ip_enabled

    def reserve(self) -> Addresses:
        return floating_ips.ensure_reserved(self.conn, self.site, master=self.wants_address, report=lambda line: None)

    def start(self, **options: Any) -> MagnumCluster:
        return clusters.start(self.magnum, self.site, template=self.template.uuid, report=lambda line: None, **options)

    def wait(self, magnum_cluster: MagnumCluster, deadline_s: float = 60) -> MagnumCluster:
        return clusters.wait(self.magnum, self.conn, magnum_cluster, deadline_s=deadline_s, report=lambda line: None)

    def mutations(self) -> int:
        return sum(mutation["by"] == "product" for mutation in self.sandbox.state()["mutations"])


@pytest.fixture
def stage(fresh: Sandbox) -> Callable[..., Stage]:
    clouds = yaml.safe_load(Path(fresh.started["clouds_yaml"]).read_text())["clouds"]

    def make(name: str = "heat", **changes: Any) -> Stage:
        site = load_site(fresh.started["sites"][name]).model_copy(update=changes)
        conn = connect(clouds[site.cloud], timeout_s=20)
        magnum = magnum_client(conn)
        facts = survey(conn, magnum, cluster_name=site.name)
        wanted = "kubernetes-v1.31.1" if site.cluster.template == "latest" else site.cluster.template
        template = next(template for template in facts.templates or () if template.name == wanted)
        return Stage(fresh, site, template, conn, magnum)

    return make


@pytest.mark.parametrize(
    ("name", "driver", "reserved", "master"),
    [("heat", "heat", 3, "associate"), ("heat_fip", "heat", 2, "adopt"), ("capi", "capi", 2, "none")],
)
def test_addresses_and_a_cluster_and_nothing_more_the_second_time(
    stage: Callable[..., Stage], name: str, driver: str, reserved: int, master: str
) -> None:
    at = stage(name)
    addresses = at.reserve()
    assert len(at.sandbox.state()["floating_ips"]) == reserved
    magnum_cluster = at.wait(at.start())
    assert (magnum_cluster.driver, magnum_cluster.status, magnum_cluster.action) == (
        driver,
        "CREATE_COMPLETE",
        "created",
    )
    there = at.magnum.clusters.get(magnum_cluster.uuid)
    assert there.labels["magnumhub_site"] == at.site.name
    assert there.node_count == at.site.cluster.node_count
    masters = clusters.masters(at.conn, magnum_cluster)
    if driver == "heat":
        assert there.docker_volume_size == at.site.cluster.docker_volume_size_gib
        assert masters[0].name.endswith("-master-0")
    else:
        assert masters == []
    if master == "associate":
        assert addresses.master is not None
        floating_ips.associate_master(at.conn, addresses.master, masters[0])
        assert clusters.masters(at.conn, magnum_cluster)[0].floating_address == addresses.master.address
    if master == "adopt":
        adopted = floating_ips.adopt_master(at.conn, at.site, masters[0])
        assert (adopted.address, adopted.origin) == (masters[0].floating_address, "given")

    before = at.mutations()
    again = at.reserve()
    kept = at.wait(at.start())
    if master == "associate":
        assert again.master is not None
        assert floating_ips.associate_master(at.conn, again.master, masters[0]).action == "kept"
    if master == "adopt":
        assert floating_ips.adopt_master(at.conn, at.site, masters[0]).action == "kept"
    assert (again.jupyterhub.address, again.jupyterhub.action) == (addresses.jupyterhub.address, "kept")
    assert (kept.uuid, kept.action) == (magnum_cluster.uuid, "kept")
    assert at.mutations() == before


def test_a_certificate_of_an_administrator_signed_by_the_clusters_authority(stage: Callable[..., Stage]) -> None:
    at = stage()
    magnum_cluster = at.wait(at.start())
    issued = certificates.issue(at.magnum, magnum_cluster.uuid)
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(issued.ca_pem.encode()))
    assert {attribute.value for attribute in certificate.subject} == {"admin", "system:masters"}
    assert certificate.public_key() == load_pem_private_key(issued.key_pem.encode(), None).public_key()
    assert "PRIVATE" not in repr(issued)


def test_a_failed_creation_says_why_and_is_left_until_it_is_to_be_replaced(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.sandbox.faults(scenario="create-failed")
    failed = at.start()
    with pytest.raises(FailedError, match="No valid host was found") as caught:
        at.wait(failed)
    assert "--replace-failed" in caught.value.hint
    at.sandbox.faults(scenario=None)
    with pytest.raises(FailedError, match="No valid host was found"):
        at.start()
    assert [there.uuid for there in at.magnum.clusters.list()] == [failed.uuid]
    replaced = at.wait(at.start(replace_failed=True))
    assert [there.uuid for there in at.magnum.clusters.list()] == [replaced.uuid]


def test_a_creation_without_end_ends_at_its_deadline(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.sandbox.faults(scenario="create-hangs")
    with pytest.raises(DeadlineError, match="CREATE_IN_PROGRESS"):
        at.wait(at.start(), deadline_s=1)


def test_a_request_whose_answer_is_lost_is_not_made_twice(stage: Callable[..., Stage]) -> None:
    at = stage()
    lost = {"method": "POST", "action": "drop-after-commit", "times": 1}
    at.sandbox.faults(service="magnum", path="^/v1/clusters$", **lost)
    started = at.start()
    assert [there.uuid for there in at.magnum.clusters.list()] == [started.uuid]
    at.sandbox.faults(service="neutron", path="/floatingips$", **lost)
    with pytest.raises(TransientError):
        at.reserve()
    at.reserve()
    assert len(at.sandbox.state()["floating_ips"]) == 3


def test_a_request_that_never_arrived_may_be_made_again(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.sandbox.faults(service="magnum", method="POST", path="^/v1/clusters$", action="drop", times=1)
    with pytest.raises(TransientError):
        at.start()
    assert at.start().action == "created"


def test_a_busy_magnum_does_not_end_the_waiting(stage: Callable[..., Stage]) -> None:
    at = stage()
    started = at.start()
    at.sandbox.faults(
        service="magnum", method="GET", path=f"/clusters/{started.uuid}", action="status", status=503, times=2
    )
    assert at.wait(started).status == "CREATE_COMPLETE"


def test_a_new_cluster_that_cannot_be_read_for_long_is_looked_at_again(stage: Callable[..., Stage]) -> None:
    at = stage()
    unreadable = {
        "service": "magnum",
        "method": "GET",
        "path": "/clusters/[0-9a-f-]{36}",
        "action": "status",
        "status": 404,
    }
    at.sandbox.faults(**unreadable, times=40)  # more than 5 s
    assert at.start().action == "created"
    hasty = stage(name="heat_fip", limits_s=at.site.limits_s.model_copy(update={"api": 1}))
    hasty.sandbox.faults(**unreadable)
    with pytest.raises(TransientError, match="is not written after 1 s"):
        hasty.start()


def test_a_cluster_that_is_there_keeps_its_number_of_nodes(stage: Callable[..., Stage]) -> None:
    at = stage()
    made = at.wait(at.start())
    more = stage(cluster=at.site.cluster.model_copy(update={"node_count": made.node_count + 1}))
    kept = more.wait(more.start())
    assert (kept.uuid, kept.node_count, kept.action) == (made.uuid, made.node_count, "kept")


@pytest.mark.parametrize("name", ["heat", "capi"])
def test_a_cluster_whose_template_is_gone_is_still_known(stage: Callable[..., Stage], name: str) -> None:
    at = stage(name)
    made = at.wait(at.start())
    at.sandbox.faults(service="magnum", method="GET", path="/clustertemplates/", action="status", status=404)
    kept = at.wait(at.start())
    assert (kept.uuid, kept.driver, kept.action) == (made.uuid, made.driver, "kept")


def test_a_token_that_expires_is_renewed(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.sandbox.faults(settings={"token_accepted_s": 0.3})
    time.sleep(0.4)
    assert clusters.find(at.magnum, at.site.name) is None
    assert floating_ips.find_marked(at.conn, at.site.name) == []


def test_first_runs_at_the_same_moment_end_with_one_of_each(stage: Callable[..., Stage]) -> None:
    runs = [stage(), stage()]

    def run(at: Stage) -> tuple[str, set[str]]:
        addresses = at.reserve()
        magnum_cluster = at.wait(at.start())
        settled = floating_ips.settle_duplicates(at.conn, at.site, addresses)
        return magnum_cluster.uuid, {ip.address for _, ip in settled if ip is not None}

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(run, runs)
    assert first == second
    assert {ip["floating_ip_address"] for ip in runs[0].sandbox.state()["floating_ips"]} == first[1]
    alive = [there for there in runs[0].magnum.clusters.list(detail=True) if not there.status.startswith("DELETE")]
    assert [there.uuid for there in alive] == [first[0]]


def test_what_a_killed_first_run_made_twice_is_given_up_by_the_next(stage: Callable[..., Stage]) -> None:
    at = stage()
    made = at.wait(at.start())
    time.sleep(1)  # Magnum tells the age in whole seconds
    at.sandbox.faults(scenario="create-hangs")
    at.magnum.clusters.create(
        name=at.site.name,
        cluster_template_id=at.template.uuid,
        keypair=at.site.cluster.keypair,
        labels={"magnumhub_site": at.site.name},
    )
    wait_until(lambda: len(at.magnum.clusters.list()) == 2)
    assert at.wait(at.start()).uuid == made.uuid
    wait_until(lambda: [there.uuid for there in at.magnum.clusters.list()] == [made.uuid])


def test_a_cluster_of_the_name_that_is_not_ours_is_refused(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.magnum.clusters.create(
        name=at.site.name, cluster_template_id=at.template.uuid, keypair=at.site.cluster.keypair, node_count=1
    )
    wait_until(lambda: at.magnum.clusters.list())
    with pytest.raises(NotOursError, match="magnumhub_site"):
        at.start()


def test_a_keypair_that_is_missing_is_told_in_magnums_words(stage: Callable[..., Stage]) -> None:
    at = stage()
    without = at.site.cluster.model_copy(update={"keypair": "nobodys"})
    with pytest.raises(RefusedError, match="Unable to find keypair nobodys"):
        stage(cluster=without).start()


def test_a_quota_that_is_used_up_leaves_what_was_reserved_marked(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.sandbox.faults(scenario="quota-floatingip")
    with pytest.raises(RefusedError, match="Quota exceeded") as caught:
        at.reserve()
    assert "quota" in caught.value.hint
    assert [ip.role for ip in floating_ips.find_marked(at.conn, at.site.name)] == ["master"]


def test_an_address_that_serves_something_else_is_left_where_it_is(stage: Callable[..., Stage]) -> None:
    at = stage("heat_fip")
    served = clusters.masters(at.conn, at.wait(at.start()))[0]
    wanted = at.site.network.floating_ips.model_copy(update={"jupyterhub": served.floating_address})
    other = stage("heat", network=at.site.network.model_copy(update={"floating_ips": wanted}))
    with pytest.raises(NotOursError, match=f"{served.floating_address} serves server {served.name}"):
        other.reserve()
    assert clusters.masters(at.conn, at.wait(at.start()))[0].floating_address == served.floating_address
    assert floating_ips.find_marked(other.conn, other.site.name) == []


def test_a_master_with_another_address_gets_ours_once_that_is_taken_off(stage: Callable[..., Stage]) -> None:
    at = stage()
    addresses = at.reserve()
    assert addresses.master is not None
    master = clusters.masters(at.conn, made := at.wait(at.start()))[0]
    network = floating_ips.external_network_id(at.conn, at.site.network.external_network)
    other = at.conn.network.create_ip(floating_network_id=network, port_id=master.port_id)
    with pytest.raises(RefusedError, match=f"has the address {other.floating_ip_address} already") as caught:
        floating_ips.associate_master(at.conn, addresses.master, clusters.masters(at.conn, made)[0])
    assert f"disassociate {other.floating_ip_address}" in caught.value.hint
    at.conn.network.update_ip(other.id, port_id=None)
    put = floating_ips.associate_master(at.conn, addresses.master, clusters.masters(at.conn, made)[0])
    assert put.port_id == master.port_id


def test_an_address_that_was_allocated_twice_is_given_back_by_the_next_run(stage: Callable[..., Stage]) -> None:
    at = stage()
    first = at.reserve()
    network = floating_ips.external_network_id(at.conn, at.site.network.external_network)
    words = f"reserved by magnumhub for site={at.site.name} role=jupyterhub"
    time.sleep(1.1)  # Neutron tells an address's age in whole seconds: of equal ones either may stay
    at.conn.network.create_ip(floating_network_id=network, description=words)
    assert at.reserve().jupyterhub.address == first.jupyterhub.address
    assert len(at.sandbox.state()["floating_ips"]) == 3


def test_the_firewalls_state_is_remembered_on_the_address(stage: Callable[..., Stage]) -> None:
    at = stage()
    floating_ips.set_firewall(at.conn, at.reserve().jupyterhub, "asked")
    assert at.reserve().jupyterhub.firewall == "asked"


def test_the_survey_sees_what_preflight_needs(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.reserve()
    facts = survey(at.conn, at.magnum, cluster_name=at.site.name)
    assert facts.unseen == {}
    assert facts.project.name == at.site.project
    assert facts.credential is not None
    assert facts.credential.kind == "password"
    assert facts.quotas["floating_ips"].used == 3
    assert {"clusters", "instances", "cores", "volumes", "gigabytes", "load_balancers"} <= set(facts.quotas)
    assert [network.name for network in facts.external_networks or ()] == [at.site.network.external_network]
    assert {ip.role for ip in facts.floating_ips or ()} == {"master", "jupyterhub", "dask_gateway"}
    assert facts.magnum_clusters == ()


def test_credentials_that_are_wrong_or_of_another_project(fresh: Sandbox) -> None:
    clouds = yaml.safe_load(Path(fresh.started["clouds_yaml"]).read_text())["clouds"]
    entry = clouds["sandbox"]
    with pytest.raises(AuthenticationError) as caught:
        connect(entry | {"auth": entry["auth"] | {"password": "wrong"}}, timeout_s=20)
    assert "HTTP 401" in caught.value.message
    assert "wrong" not in str(caught.value)
    with pytest.raises(RefusedError, match="the site is for 'sandbox'"):
        refuse_other_project(connect(clouds["sandbox-other"], timeout_s=20), "sandbox")
    refuse_other_project(connect(clouds["sandbox-appcred"], timeout_s=20), "sandbox")
