"""openstacksdk, python-magnumclient and magnumhub's own adapters, as they get on with the services."""

from __future__ import annotations

from typing import Any

import magnumclient.exceptions as magnum_errors
import openstack.exceptions as sdk_errors
import pytest
from cryptography import x509
from magnumclient.v1.client import Client as MagnumClient
from openstack.connection import Connection

from magnumhub.domain.errors import AuthenticationError, RefusedError
from magnumhub.domain.spec import Site
from magnumhub.openstack import certificates, clusters
from magnumhub.openstack.cloud import connect, magnum_client, translated
from magnumhub.openstack.survey import survey
from tests.contract.openstack.cloud import Project
from tests.contract.openstack.magnum_side import KEYPAIR, Magnum

Clouds = tuple[str, dict[str, dict[str, Any]]]
NAME = "contract-site"


def watched(entry: dict[str, Any], project: Project) -> Connection:
    """A connection as magnumhub opens it; what services answer it counts as evidence."""
    conn = connect(entry, timeout_s=60)
    conn.session.session = project.watched().session
    return conn


@pytest.fixture
def conn(clouds: Clouds, project: Project) -> Connection:
    name, entries = clouds
    return watched(entries[name], project)


@pytest.fixture
def client(conn: Connection) -> MagnumClient:
    return magnum_client(conn)


@pytest.fixture
def site(magnum: Magnum, project: Project) -> Site:
    labels = {"contract_label": "first"}
    wanted = {"template": magnum.template["name"], "keypair": KEYPAIR, "node_count": 1, "labels": labels}
    return Site.model_validate(
        {
            "name": NAME,
            "cloud": "contract",
            "project": project.project_id,
            "cluster": wanted | {"docker_volume_size_gib": 33, "create_timeout_min": 45},
            "helm": {"version": "4.1.4", "sha256": "0" * 64},
            "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
            "jupyterhub": {"auth": {"kind": "dummy", "password": {"env": "HUB_PASSWORD"}, "allow": "all"}},
        }
    )


def test_survey(conn: Connection, client: MagnumClient, magnum: Magnum) -> None:
    """Preflight sees all that it needs; what the cloud has not is told as that."""
    facts = survey(conn, client, cluster_name="contract-none")
    assert set(facts.unseen.values()) <= {"the catalog has no such service"}
    assert set(facts.unseen) <= {"quotas of Cinder", "quotas of Octavia"}
    assert facts.project.id == magnum.project.project_id
    assert (facts.credential and facts.credential.kind, facts.magnum_clusters) == ("password", ())
    assert {"clusters", "instances", "cores", "ram_mib", "floating_ips", "ports"} <= set(facts.quotas)
    assert magnum.template["name"] in {template.name for template in facts.templates or ()}
    assert KEYPAIR in (facts.keypairs or ())
    assert set(magnum.flavors) <= {flavor.name for flavor in facts.flavors or ()}
    assert facts.external_networks


def test_survey_by_application_credential(clouds: Clouds, appcred: Project) -> None:
    name, entries = clouds
    conn = watched(entries[f"{name}-appcred"], appcred)
    facts = survey(conn, magnum_client(conn), cluster_name="contract-none")
    assert facts.credential is not None
    assert (facts.credential.kind, facts.credential.unrestricted) == ("application_credential", False)


def test_a_site_s_cluster(conn: Connection, client: MagnumClient, magnum: Magnum, site: Site) -> None:
    """Asked for as magnumhub asks, waited for, found again, with a certificate for its administrator."""
    told: list[str] = []
    started = clusters.start(client, site, template=magnum.template["uuid"], report=told.append)
    try:
        assert started.action == "created"
        ready = clusters.wait(client, conn, started, deadline_s=300, report=told.append)
        assert (ready.uuid, ready.status) == (started.uuid, "CREATE_COMPLETE")
        again = clusters.start(client, site, template=magnum.template["uuid"], report=told.append)
        assert (again.uuid, again.action) == (started.uuid, "kept")
        [master] = clusters.masters(conn, ready)
        assert {master.fixed_address, master.floating_address} & set(ready.master_addresses)
        issued = certificates.issue(client, ready.uuid)
        authority = x509.load_pem_x509_certificate(issued.ca_pem.encode())
        x509.load_pem_x509_certificate(issued.certificate_pem.encode()).verify_directly_issued_by(authority)
    finally:
        magnum.delete(started.uuid)
        magnum.gone(started.uuid)
    assert clusters.find(client, NAME) is None


def test_openstacksdk_drops_the_volume_s_size(conn: Connection, magnum: Magnum) -> None:
    """It sends neither docker_volume_size nor a microversion: magnumhub asks Magnum by its own client."""
    wanted = magnum.wanted(name="contract-sdk", docker_volume_size=0)
    made = conn.container_infrastructure_management.create_cluster(**wanted)
    seen = magnum.until(made.uuid or made.id, lambda cluster: cluster["master_count"], "openstacksdk's cluster")
    magnum.delete(seen["uuid"])
    magnum.gone(seen["uuid"])
    assert seen["docker_volume_size"] == magnum.template["docker_volume_size"]
    with pytest.raises(sdk_errors.BadRequestException) as caught:
        conn.container_infrastructure_management.create_cluster(**wanted | {"node_count": 0})
    assert "zero" not in str(caught.value)
    detail = caught.value.response.json()["errors"][0]["detail"]
    assert detail == "Resizing a nodegroup to zero is not supported in the provided microversion."


def test_magnumclient_tells_the_reason(client: MagnumClient, magnum: Magnum) -> None:
    with pytest.raises(magnum_errors.BadRequest) as caught:
        client.clusters.create(**magnum.wanted(docker_volume_size=0))
    assert "Value: '0'. Value should be greater or equal to 1" in caught.value.details
    assert "Value should be" not in str(caught.value)
    with pytest.raises(magnum_errors.NotFound):
        client.clusters.get("contract-none")


def test_magnumhub_tells_the_reason(client: MagnumClient, magnum: Magnum) -> None:
    with (
        pytest.raises(RefusedError, match=r"Unable to find keypair contract-none\. \(HTTP 404\)"),
        translated("asking"),
    ):
        client.clusters.create(**magnum.wanted(keypair="contract-none"))


def test_wrong_credentials(clouds: Clouds) -> None:
    name, entries = clouds
    entry = entries[name] | {"auth": entries[name]["auth"] | {"password": "contract-wrong"}}
    with pytest.raises(AuthenticationError, match="HTTP 401") as caught:
        connect(entry, timeout_s=60)
    assert "contract-wrong" not in str(caught.value)
