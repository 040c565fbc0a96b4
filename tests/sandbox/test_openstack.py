"""The imitated OpenStack answers real, unmodified clients as the real one does.

Source of what is expected: measured on Keystone 30, Magnum 23, Neutron 29, Nova 34.
"""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from keystoneauth1 import exceptions as auth_errors
from magnumclient import exceptions as magnum_errors
from openstack import exceptions as errors
from openstack.connection import Connection

from tests.sandbox.conftest import WANTED, Sandbox, create, finished, wait_until


def detail(response: Any) -> str:
    return str(response.json()["errors"][0]["detail"])


def refusal(connection: Connection, body: dict[str, Any], version: str = "1.10") -> tuple[int, str]:
    """Status and words of a refused POST /clusters."""
    response = connection.session.post(
        "/clusters",
        endpoint_filter={"service_type": "container-infra", "region_name": "sandbox-region"},
        headers={"OpenStack-API-Version": f"container-infra {version}"},
        json=WANTED | body,
        raise_exc=False,
    )
    return response.status_code, detail(response)


class TestKeystone:
    def test_password_and_application_credential_are_of_the_same_project(self, fresh: Sandbox) -> None:
        by_password, by_credential = fresh.connect("sandbox"), fresh.connect("sandbox-appcred")
        assert by_password.current_project_id == by_credential.current_project_id

    @pytest.mark.parametrize(
        ("cloud", "wrong"),
        [
            ("sandbox", {"password": "wrong"}),
            ("sandbox", {"project_name": "other"}),
            ("sandbox-appcred", {"application_credential_secret": "wrong"}),
        ],
    )
    def test_wrong_credentials_are_refused(self, fresh: Sandbox, cloud: str, wrong: dict[str, str]) -> None:
        with pytest.raises((errors.SDKException, auth_errors.Unauthorized)):
            fresh.connect(cloud, **wrong).authorize()

    def test_a_session_signs_in_again_when_its_token_is_no_longer_accepted(self, fresh: Sandbox) -> None:
        connection = fresh.connect()
        first = connection.authorize()
        fresh.faults(settings={"token_accepted_s": 0.3})
        time.sleep(0.4)
        assert connection.compute.find_keypair("default")
        assert connection.authorize() != first

    def test_the_catalog_names_every_service(self, fresh: Sandbox) -> None:
        catalog = fresh.connect().session.auth.get_access(fresh.connect().session).service_catalog.catalog
        kinds = {"identity", "container-infra", "network", "compute", "image", "load-balancer", "block-storage"}
        assert {entry["type"] for entry in catalog} == kinds


class TestTemplates:
    def test_each_project_sees_its_own(self, fresh: Sandbox) -> None:
        names = {template.name for template in fresh.magnum().cluster_templates.list()}
        assert names == {
            "kubernetes-v1.15.12",
            "kubernetes-v1.30.4",
            "kubernetes-v1.31.1",
            "kubernetes-v1.31.1-fip",
        }
        assert [t.name for t in fresh.magnum("sandbox-capi").cluster_templates.list()] == ["capi-kubernetes-v1.33.1"]
        assert fresh.magnum("sandbox-other").cluster_templates.list() == []


class TestClusters:
    def test_a_new_cluster_is_missing_then_half_there_then_there(self, fresh: Sandbox) -> None:
        magnum = fresh.magnum()
        uuid = create(magnum).uuid
        with pytest.raises(magnum_errors.NotFound):
            magnum.clusters.get(uuid)
        with pytest.raises(magnum_errors.BadRequest, match="Invalid input for field/attribute master_count"):
            magnum.clusters.list()
        assert magnum.clusters.get(uuid).name == "a"

    def test_what_was_asked_for_is_what_magnum_reports(self, fresh: Sandbox) -> None:
        magnum = fresh.magnum()
        asked = {"docker_volume_size": 33, "node_count": 2, "create_timeout": 90, "master_flavor_id": "m1.small"}
        uuid = create(magnum, **asked, labels={"magnumhub_site": "a"}, merge_labels=True).uuid
        cluster = finished(magnum, uuid)
        assert {field: getattr(cluster, field) for field in asked} == asked
        assert cluster.labels == {"kube_tag": "v1.31.1", "auto_healing_enabled": "false", "magnumhub_site": "a"}
        assert cluster.labels_added == {"magnumhub_site": "a"}
        assert (cluster.status, cluster.flavor_id) == ("CREATE_COMPLETE", "m1.large")

    def test_labels_replace_the_templates_unless_merged(self, fresh: Sandbox) -> None:
        magnum = fresh.magnum()
        cluster = finished(magnum, create(magnum, labels={"kube_tag": "v1.31.1", "mine": "1"}).uuid)
        assert cluster.labels == {"kube_tag": "v1.31.1", "mine": "1"}

    def test_lists_lack_what_only_one_cluster_tells(self, fresh: Sandbox) -> None:
        magnum = fresh.magnum()
        finished(magnum, create(magnum).uuid)
        listed = magnum.clusters.list()[0].to_dict()
        assert not {"api_address", "master_addresses", "status_reason", "created_at"} & set(listed)

    def test_two_of_one_name_are_ambiguous(self, fresh: Sandbox) -> None:
        magnum = fresh.magnum()
        for _ in range(2):
            finished(magnum, create(magnum).uuid)
        with pytest.raises(magnum_errors.Conflict):
            magnum.clusters.get("a")

    def test_another_projects_cluster_is_not_there(self, fresh: Sandbox) -> None:
        magnum = fresh.magnum()
        uuid = finished(magnum, create(magnum).uuid).uuid
        with pytest.raises(magnum_errors.NotFound):
            fresh.magnum("sandbox-other").clusters.get(uuid)

    @pytest.mark.parametrize(
        ("body", "version", "status", "words"),
        [
            ({"keypair": "none-such"}, "1.10", 404, "Unable to find keypair none-such."),
            ({"cluster_template_id": "none"}, "1.10", 404, "ClusterTemplate none could not be found."),
            ({"cluster_template_id": "none"}, "1.1", 400, "ClusterTemplate none could not be found."),
            ({"node_count": 0}, "1.1", 400, "Resizing a nodegroup to zero is not supported"),
            ({"node_count": -1}, "1.10", 400, "Value should be greater or equal to 0"),
            ({"docker_volume_size": 0}, "1.10", 400, "Value should be greater or equal to 1"),
            ({"docker_volume_size": "x"}, "1.10", 400, "invalid literal for int()"),
            ({"master_count": 2}, "1.10", 400, "size cannot be an even number"),
            ({"master_count": 3}, "1.10", 400, "master_count must be 1 when master_lb_enabled is False"),
            ({"name": "-x"}, "1.10", 400, "Value should match the pattern"),
            ({"flavor_id": "zz"}, "1.10", 400, "Unable to find flavor zz."),
            ({"fixed_network": "qq"}, "1.10", 400, "Unable to find fixed network qq."),
            ({"nonsense": 1}, "1.10", 400, "Unknown attribute for argument cluster: nonsense"),
        ],
    )
    def test_refusals(self, running: Sandbox, body: dict[str, Any], version: str, status: int, words: str) -> None:
        seen = refusal(running.connect(), body, version)
        assert seen[0] == status
        assert words in seen[1]

    def test_a_microversion_that_is_not_there(self, running: Sandbox) -> None:
        response = running.connect().session.get(
            "/clusters",
            endpoint_filter={"service_type": "container-infra"},
            headers={"OpenStack-API-Version": "container-infra 1.99"},
            raise_exc=False,
        )
        assert response.status_code == 406
        assert response.json()["errors"][0]["max_version"] == "1.14"

    def test_openstacksdk_is_told_no_reason(self, running: Sandbox) -> None:
        with pytest.raises(errors.BadRequestException) as caught:
            running.connect().container_infrastructure_management.create_cluster(
                **{k: v for k, v in WANTED.items() if k != "cluster_template_id"}, cluster_template_id="none"
            )
        assert detail(caught.value.response) == "ClusterTemplate none could not be found."

    def test_creation_that_fails_tells_why(self, fresh: Sandbox) -> None:
        fresh.faults(scenario="create-failed")
        magnum = fresh.magnum()
        cluster = finished(magnum, create(magnum).uuid)
        assert cluster.status == "CREATE_FAILED"
        assert "No valid host was found" in cluster.status_reason
        assert set(cluster.faults) == {"default-master", "default-worker"}

    def test_creation_that_never_ends_can_be_deleted(self, fresh: Sandbox) -> None:
        fresh.faults(scenario="create-hangs")
        magnum = fresh.magnum()
        uuid = create(magnum).uuid
        cluster = wait_until(lambda: magnum.clusters.get(uuid))
        assert (cluster.status, cluster.api_address, cluster.master_addresses) == ("CREATE_IN_PROGRESS", None, [])
        magnum.clusters.delete(uuid)
        wait_until(lambda: magnum.clusters.list() == [])
        assert list(fresh.connect().compute.servers()) == []

    def test_the_instance_quota_surfaces_as_a_failed_cluster(self, fresh: Sandbox) -> None:
        fresh.faults(settings={"quota_instances": 1})
        magnum = fresh.magnum()
        cluster = finished(magnum, create(magnum).uuid)
        assert cluster.status == "CREATE_FAILED"
        assert "Quota exceeded for instances" in cluster.status_reason

    def test_the_cluster_quota_refuses(self, fresh: Sandbox) -> None:
        fresh.faults(settings={"quota_cluster": 0})
        assert refusal(fresh.connect(), {})[0] == 403


class TestKinds:
    def test_a_private_master_has_fixed_addresses_and_unknown_health(self, fresh: Sandbox) -> None:
        magnum = fresh.magnum()
        cluster = finished(magnum, create(magnum, cluster_template_id="kubernetes-v1.30.4").uuid)
        servers = {server.name: server for server in fresh.connect().compute.servers()}
        names = sorted(servers)
        assert [re.fullmatch(f"{cluster.name}-[a-z0-9]{{12}}-(.*)", name)[1] for name in names] == [
            "master-0",
            "node-0",
        ]
        master = servers[names[0]]
        assert cluster.master_addresses == [master.addresses["internal"][0]["addr"]]
        assert cluster.api_address == f"https://{cluster.master_addresses[0]}:6443"
        health = wait_until(lambda: magnum.clusters.get(cluster.uuid).health_status)
        assert health == "UNKNOWN"

    def test_magnums_own_floating_ips_come_and_go_with_the_cluster(self, fresh: Sandbox) -> None:
        magnum, network = fresh.magnum(), fresh.connect().network
        cluster = finished(magnum, create(magnum, cluster_template_id="kubernetes-v1.31.1-fip").uuid)
        addresses = {ip.floating_ip_address for ip in network.ips()}
        assert addresses == {*cluster.master_addresses, *cluster.node_addresses}
        magnum.clusters.delete(cluster.uuid)
        wait_until(lambda: magnum.clusters.list() == [])
        assert list(network.ips()) == []

    def test_cluster_api_tells_an_api_address_and_no_machines(self, fresh: Sandbox) -> None:
        magnum, connection = fresh.magnum("sandbox-capi"), fresh.connect("sandbox-capi")
        cluster = finished(magnum, create(magnum, cluster_template_id="capi-kubernetes-v1.33.1").uuid)
        assert (cluster.master_addresses, cluster.node_addresses) == ([], [])
        assert [f"https://{ip.floating_ip_address}:6443" for ip in connection.network.ips()] == [cluster.api_address]
        assert not [server for server in connection.compute.servers() if "-master-" in server.name]


class TestCertificates:
    def test_a_request_is_signed_by_the_clusters_authority(self, fresh: Sandbox) -> None:
        magnum = fresh.magnum()
        uuid = finished(magnum, create(magnum).uuid).uuid
        authority = x509.load_pem_x509_certificate(magnum.certificates.get(uuid).pem.encode())
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "admin"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"),
            ]
        )
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        csr = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        text = csr.public_bytes(serialization.Encoding.PEM).decode()
        signed = x509.load_pem_x509_certificate(magnum.certificates.create(cluster_uuid=uuid, csr=text).pem.encode())
        signed.verify_directly_issued_by(authority)
        assert signed.subject == name
        with pytest.raises(x509.ExtensionNotFound):
            signed.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)

    def test_before_there_is_an_authority(self, running: Sandbox) -> None:
        with pytest.raises(magnum_errors.NotFound):
            running.magnum().certificates.get("none")


class TestFloatingIps:
    def allocate(self, connection: Connection, **fields: Any) -> Any:
        network = connection.network.find_network("public", ignore_missing=False)
        return connection.network.create_ip(floating_network_id=network.id, **fields)

    def ports(self, fresh: Sandbox) -> list[Any]:
        magnum = fresh.magnum()
        cluster = finished(magnum, create(magnum).uuid)
        servers = fresh.connect().compute.servers()
        network = fresh.connect().network
        return [next(network.ports(device_id=s.id)) for s in servers if s.name.startswith(f"{cluster.name}-")]

    def test_marks_are_kept_and_found_again(self, fresh: Sandbox) -> None:
        network = fresh.connect().network
        ip = self.allocate(fresh.connect(), description="said")
        network.set_tags(ip, ["magnumhub", "site=a"])
        assert [found.id for found in network.ips(tags="magnumhub,site=a", description="said")] == [ip.id]
        assert list(network.ips(tags="site=b")) == []

    def test_tags_need_a_request_of_their_own(self, fresh: Sandbox) -> None:
        with pytest.raises(errors.BadRequestException, match="'tags' not allowed in POST"):
            self.allocate(fresh.connect(), tags=["site=a"])

    def test_active_once_associated_and_seen_by_nova(self, fresh: Sandbox) -> None:
        connection = fresh.connect()
        ip = self.allocate(connection)
        port = self.ports(fresh)[0]
        assert (ip.status, ip.port_id) == ("DOWN", None)
        connection.network.update_ip(ip, port_id=port.id)
        wait_until(lambda: connection.network.get_ip(ip.id).status == "ACTIVE")
        server = connection.compute.get_server(port.device_id)
        shown = [entry["addr"] for entry in server.addresses["provider"] if entry["OS-EXT-IPS:type"] == "floating"]
        assert shown == [ip.floating_ip_address]

    def test_a_second_address_on_a_port_is_refused_and_repointing_is_not(self, fresh: Sandbox) -> None:
        connection = fresh.connect()
        first, second = self.allocate(connection), self.allocate(connection)
        one, other = self.ports(fresh)
        connection.network.update_ip(first, port_id=one.id)
        with pytest.raises(errors.ConflictException, match="already has a floating IP"):
            connection.network.update_ip(second, port_id=one.id)
        connection.network.update_ip(first, port_id=other.id)
        assert connection.network.get_ip(first.id).fixed_ip_address == other.fixed_ips[0]["ip_address"]

    def test_an_address_of_ones_choice_is_not_for_members(self, running: Sandbox) -> None:
        with pytest.raises(errors.ForbiddenException, match="disallowed by policy"):
            self.allocate(running.connect(), floating_ip_address="127.1.2.3")

    def test_the_quota(self, fresh: Sandbox) -> None:
        fresh.faults(scenario="quota-floatingip")
        connection = fresh.connect()
        self.allocate(connection)
        with pytest.raises(errors.ConflictException, match="Quota exceeded for resources"):
            self.allocate(connection)
        quota = connection.network.get_quota(connection.current_project_id, details=True)
        assert quota.floating_ips == {"limit": 1, "used": 1, "reserved": 0}

    def test_what_was_put_on_a_server_by_hand_stays_down(self, fresh: Sandbox) -> None:
        connection, magnum = fresh.connect(), fresh.magnum()
        port = self.ports(fresh)[0]
        ip = self.allocate(connection, port_id=port.id)
        magnum.clusters.delete(magnum.clusters.list()[0].uuid)
        wait_until(lambda: magnum.clusters.list() == [])
        left = connection.network.get_ip(ip.id)
        assert (left.status, left.port_id) == ("DOWN", None)


class TestNova:
    def test_a_missing_keypair_is_missing(self, fresh: Sandbox) -> None:
        compute = fresh.connect().compute
        compute.delete_keypair("default")
        assert compute.find_keypair("default") is None
        assert refusal(fresh.connect(), {})[0] == 404

    def test_usage_is_counted_against_the_quotas(self, fresh: Sandbox) -> None:
        connection, magnum = fresh.connect(), fresh.magnum()
        finished(magnum, create(magnum).uuid)
        absolute = connection.compute.get_limits().absolute
        assert (absolute.instances_used, absolute.total_cores_used) == (2, 10)


class TestLoadBalancers:
    def create(self, connection: Connection) -> Any:
        subnet = connection.network.find_subnet("internal-subnet", ignore_missing=False)
        return connection.load_balancer.create_load_balancer(
            name="kube_service_x", vip_subnet_id=subnet.id, listeners=[{"protocol": "TCP", "protocol_port": 8080}]
        )

    def test_made_in_one_request_and_deleted_with_all_it_has(self, fresh: Sandbox) -> None:
        connection = fresh.connect()
        balancer = self.create(connection)
        assert balancer.provisioning_status == "PENDING_CREATE"
        service = connection.load_balancer
        wait_until(lambda: service.get_load_balancer(balancer.id).provisioning_status == "ACTIVE")
        assert connection.network.get_port(balancer.vip_port_id).fixed_ips[0]["ip_address"] == balancer.vip_address
        with pytest.raises(errors.ConflictException):
            service.delete_load_balancer(balancer.id)
        service.delete_load_balancer(balancer.id, cascade=True)
        wait_until(lambda: list(service.load_balancers()) == [])
        assert connection.network.find_port(balancer.vip_port_id) is None

    def test_one_that_stays_pending(self, fresh: Sandbox) -> None:
        fresh.faults(scenario="lb-pending")
        connection = fresh.connect()
        balancer = self.create(connection)
        time.sleep(0.2)
        assert connection.load_balancer.get_load_balancer(balancer.id).provisioning_status == "PENDING_CREATE"
        with pytest.raises(errors.ConflictException, match="immutable"):
            connection.load_balancer.delete_load_balancer(balancer.id, cascade=True)

    def test_one_that_cannot_be_deleted(self, fresh: Sandbox) -> None:
        fresh.faults(service="octavia", method="ASYNC", path="/deletions/kube_service_x$", times=1)
        connection = fresh.connect()
        service, balancer = connection.load_balancer, self.create(connection)
        wait_until(lambda: service.get_load_balancer(balancer.id).provisioning_status == "ACTIVE")
        service.delete_load_balancer(balancer.id, cascade=True)
        wait_until(lambda: service.get_load_balancer(balancer.id).provisioning_status == "ERROR")
        service.delete_load_balancer(balancer.id, cascade=True)
        wait_until(lambda: list(service.load_balancers()) == [])


class TestVolumes:
    def test_made_counted_and_deleted(self, fresh: Sandbox) -> None:
        connection = fresh.connect()
        volume = connection.block_storage.create_volume(name="v", size=3)
        project = connection.current_project_id
        assert connection.block_storage.get_quota_set(project, usage=True).usage["gigabytes"] == 3
        connection.block_storage.delete_volume(volume.id)
        wait_until(lambda: list(connection.block_storage.volumes()) == [])

    def test_metadata_is_laid_over_what_is_there(self, fresh: Sandbox) -> None:
        storage = fresh.connect().block_storage
        volume = storage.create_volume(name="v", size=1, metadata={"a": "1", "b": "2"})
        storage.set_volume_metadata(volume, b="3", c="4")
        assert storage.get_volume(volume.id).metadata == {"a": "1", "b": "3", "c": "4"}

    def test_one_that_cannot_be_deleted(self, fresh: Sandbox) -> None:
        fresh.faults(service="cinder", method="ASYNC", path="/deletions/v$", times=1)
        storage = fresh.connect().block_storage
        volume = storage.create_volume(name="v", size=1)
        storage.delete_volume(volume.id)
        wait_until(lambda: storage.get_volume(volume.id).status == "error_deleting")
        storage.delete_volume(volume.id)
        wait_until(lambda: list(storage.volumes()) == [])
