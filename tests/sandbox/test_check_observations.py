"""What the nightly check sees of a cloud and its cluster: ends of certificates and credentials, quotas, leftovers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from magnumhub.domain.checks.leftovers import judge_leftovers
from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.results import MagnumCluster
from magnumhub.kube.crds import apply_crds
from magnumhub.kube.leftovers import observe_kube_leftovers
from magnumhub.kube.readiness import kubernetes_version
from magnumhub.openstack import certificates
from magnumhub.openstack.cloud import connect
from magnumhub.openstack.expiry import observe_cluster_ca, observe_credential
from magnumhub.openstack.leftovers import observe_cloud_leftovers
from magnumhub.openstack.survey import survey_quotas
from magnumhub.remote.access import access_for
from magnumhub.remote.session import Reached, reach
from magnumhub.remote.tls import observe_api_certificate
from tests.sandbox import test_openstack_adapters
from tests.sandbox.conftest import ROOT, Sandbox
from tests.sandbox.test_openstack_adapters import Stage

stage = test_openstack_adapters.stage

DAY = timedelta(days=1)
USER = "magnumhub-check"
CRDS = [
    document
    for path in sorted((ROOT / "sandbox/charts/dask-gateway/crds").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]


@contextmanager
def reached(at: Stage, magnum_cluster: MagnumCluster) -> Iterator[Reached]:
    """Its Kubernetes, without ssh: a tunnel is what test_ssh.py is about."""
    issued = certificates.issue(at.magnum, magnum_cluster.uuid)
    with reach(
        access_for(at.site.access, at.site.helm, magnum_cluster, None),
        ca_pem=issued.ca_pem,
        certificate_pem=issued.certificate_pem,
        key_pem=issued.key_pem,
        ssh_deadline_s=1,
        api_timeout_s=20,
        report=lambda line: None,
    ) as there:
        yield there


def test_certificates_are_read_also_when_they_have_ended(stage: Callable[..., Stage]) -> None:
    at, now = stage(), datetime.now(UTC)
    magnum_cluster = at.wait(at.start())
    authority = observe_cluster_ca(at.magnum, magnum_cluster.uuid)
    assert authority.ends_at is not None
    assert authority.ends_at - now > 1800 * DAY
    with reached(at, magnum_cluster) as there:
        shown = observe_api_certificate(there, timeout_s=10)
        assert shown.name == f"at {magnum_cluster.api_address.removeprefix('https://')}"  # type: ignore[union-attr]
        assert shown.ends_at is not None
        assert shown.ends_at - now > 300 * DAY
    at.sandbox.faults(scenario="certificate-expired")
    with reached(at, magnum_cluster) as there:
        with pytest.raises(MagnumhubError):
            kubernetes_version(there.kube)
        shown = observe_api_certificate(there, timeout_s=10)
    assert shown.ends_at is not None
    assert shown.ends_at < now


def test_an_application_credential_tells_its_owner_when_it_ends(fresh: Sandbox) -> None:
    owner = fresh.connect()
    entry = yaml.safe_load(Path(fresh.started["clouds_yaml"]).read_text())["clouds"]["sandbox-appcred"]
    assert observe_credential(connect(entry, timeout_s=20)).ends_at is None
    ends_at = datetime.now(UTC).replace(microsecond=0) + 5 * DAY
    made = owner.identity.create_application_credential(
        owner.current_user_id, name="nightly", expires_at=ends_at.strftime("%Y-%m-%dT%H:%M:%S")
    )
    auth = {"application_credential_id": made.id, "application_credential_secret": made.secret}
    seen = observe_credential(connect(entry | {"auth": entry["auth"] | auth}, timeout_s=20))
    assert (seen.what, seen.name, seen.ends_at, seen.unknown) == ("application_credential", "nightly", ends_at, "")


def test_one_that_may_not_look_at_itself_is_unknown(fresh: Sandbox) -> None:
    fresh.faults(service="keystone", method="GET", path="/application_credentials/", status=403, message="not allowed")
    entry = yaml.safe_load(Path(fresh.started["clouds_yaml"]).read_text())["clouds"]["sandbox-appcred"]
    seen = observe_credential(connect(entry, timeout_s=20))
    assert seen.ends_at is None
    assert "not allowed" in seen.unknown


def test_a_password_and_a_token(fresh: Sandbox) -> None:
    clouds = yaml.safe_load(Path(fresh.started["clouds_yaml"]).read_text())["clouds"]
    conn = connect(clouds["sandbox"], timeout_s=20)
    assert observe_credential(conn).what == "password"
    auth = {"auth_url": clouds["sandbox"]["auth"]["auth_url"], "project_id": conn.current_project_id}
    entry = clouds["sandbox"] | {"auth_type": "v3token", "auth": auth | {"token": conn.session.get_token()}}
    seen = observe_credential(connect(entry, timeout_s=20))
    assert seen.what == "token"
    assert seen.ends_at is not None
    assert seen.ends_at - datetime.now(UTC) < DAY


def test_quotas_alone(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.reserve()
    seen = survey_quotas(at.conn, at.magnum)
    assert seen.unseen == {}
    assert seen.quotas["floating_ips"].used == 3
    at.sandbox.faults(service="cinder", status=403, message="policy says no")
    seen = survey_quotas(at.conn, at.magnum)
    assert "policy says no" in seen.unseen["quotas of Cinder"]
    assert "instances" in seen.quotas


def test_what_is_left_in_the_cloud_and_in_the_cluster(stage: Callable[..., Stage]) -> None:
    at = stage()
    magnum_cluster = at.wait(at.start())
    at.reserve()
    subnet = next(subnet for subnet in at.conn.network.subnets() if subnet.name == "internal-subnet")
    balancer = at.conn.load_balancer.create_load_balancer(
        name=f"kube_service_{magnum_cluster.uuid}_test_hello", vip_subnet_id=subnet.id
    )
    at.conn.load_balancer.create_load_balancer(name="somebody-elses", vip_subnet_id=subnet.id)
    with reached(at, magnum_cluster) as there:
        _leave_behind(there)
        kube = observe_kube_leftovers(there.kube, hub_namespace="default", gateway_namespace="default")
    cloud = observe_cloud_leftovers(at.conn, at.magnum, site=at.site.name, cluster_uuid=magnum_cluster.uuid)
    assert cloud.unseen == {}
    assert [found.id for found in cloud.balancers or ()] == [balancer.id]
    assert {address.role for address in cloud.addresses or ()} == {"master", "jupyterhub", "dask_gateway"}
    assert sorted(one.name for one in kube.dask_clusters if one.user == USER) == [
        "left-0",
        "left-1",
        "left-2",
        "left-3",
    ]
    assert [(one.name, one.user) for one in kube.servers] == [("jupyter-magnumhub-check", USER)]
    findings = judge_leftovers(at.site, cloud, kube, user=USER, before=datetime.now(UTC) + timedelta(seconds=2))
    told = " ".join(finding.summary for finding in findings if finding.level == "Degraded")
    assert f"{balancer.name} has no Service" in told
    assert f"4 Dask clusters and 1 notebook server of {USER}" in told


def _leave_behind(there: Reached) -> None:
    """What a killed check leaves, several times; one Dask cluster is of somebody else, one has been stopped."""
    custom = client.CustomObjectsApi(there.kube.api_client)
    where = ("gateway.dask.org", "v1alpha1", "default", "daskclusters")
    assert observe_kube_leftovers(there.kube, hub_namespace="default", gateway_namespace="default").dask_clusters == ()
    apply_crds(there.kube, CRDS, deadline_s=20)
    for name, user in [*((f"left-{number}", USER) for number in range(4)), ("of-ann", "ann"), ("stopped", USER)]:
        body: dict[str, Any] = {"apiVersion": "gateway.dask.org/v1alpha1", "kind": "DaskCluster"}
        custom.create_namespaced_custom_object(*where, {**body, "metadata": {"name": name}, "spec": {"username": user}})
    custom.patch_namespaced_custom_object_status(*where, "stopped", {"status": {"phase": "Stopped"}})
    pod = {
        "metadata": {
            "name": "jupyter-magnumhub-check",
            "labels": {"component": "singleuser-server"},
            "annotations": {"hub.jupyter.org/username": USER},
        },
        "spec": {"containers": [{"name": "notebook", "image": "none:1"}]},
    }
    there.kube.core.create_namespaced_pod("default", pod)
