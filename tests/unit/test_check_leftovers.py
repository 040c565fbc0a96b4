"""What counts as left behind, and how bad it is, with literal values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from magnumhub.domain.checks.leftovers import (
    Balancer,
    CloudLeftovers,
    KubeLeftovers,
    Started,
    Volume,
    judge_leftovers,
    told_leftovers,
)
from magnumhub.domain.facts import AddressFacts, ClusterFacts
from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.spec import NetworkSpec
from magnumhub.domain.spec_file import load_site
from magnumhub.kube.leftovers import is_left, volume_of

EXAMPLE = load_site("deployments/example-site.yaml")
INSIDE_ONLY = EXAMPLE.model_copy(
    update={"network": NetworkSpec.model_validate({"floating_ips": {"dask_gateway": "none"}})}
)
NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
UUID = "1b4d0f7e"
USER = "magnumhub-check"
FOR_SERVICE = f"Floating IP for Kubernetes external service jhub/proxy-public from cluster {UUID}"


def cloud(**parts: Any) -> CloudLeftovers:
    return CloudLeftovers(cluster_uuid=UUID, **parts)


def kube(**parts: Any) -> KubeLeftovers:
    return KubeLeftovers(**{"dask_clusters": (), "servers": (), "volumes": (), "services": (), **parts})


def address(role: str | None, port_id: str | None = None, description: str = "") -> AddressFacts:
    site = None if role is None else "iris-cam"
    return AddressFacts(id="f1", address="192.0.2.9", port_id=port_id, site=site, role=role, description=description)


def started(user: str, count: int, hours_ago: float = 5) -> tuple[Started, ...]:
    made = NOW - timedelta(hours=hours_ago)
    return tuple(
        Started(namespace="dask-gateway", name=f"{number:04}", user=user, created_at=made) for number in range(count)
    )


def volume(phase: str, *, retained: bool = False, since: datetime | None = None, message: str = "") -> Volume:
    return Volume(
        name="pvc-1",
        claim="jhub/claim-ann",
        size="10Gi",
        volume_id="v1",
        phase=phase,
        retained=retained,
        since=since,
        message=message,
    )


def judged(
    cloud: CloudLeftovers | None = None, kube: KubeLeftovers | None = None, site: Any = EXAMPLE
) -> list[Finding]:
    return judge_leftovers(site, cloud, kube, user=USER, before=NOW)


@pytest.mark.parametrize(
    ("site", "seen", "level", "remedy"),
    [
        (EXAMPLE, address("jupyterhub", "p1"), None, ""),
        # the check of addresses tells it
        (EXAMPLE, address("jupyterhub"), None, ""),
        (EXAMPLE, address("dask_gateway"), None, ""),
        (INSIDE_ONLY, address("dask_gateway"), "Degraded", "`openstack floating ip delete 192.0.2.9`"),
        (EXAMPLE, address("master"), "Degraded", "`magnumhub provision iris-cam`"),
        (EXAMPLE, address("spare"), "Healthy", "`openstack floating ip delete 192.0.2.9`"),
        (EXAMPLE, address(None, None, FOR_SERVICE), "Degraded", "`openstack floating ip delete 192.0.2.9`"),
        (EXAMPLE, address(None, "p1", FOR_SERVICE), None, ""),
    ],
)
def test_addresses(site: Any, seen: AddressFacts, level: str | None, remedy: str) -> None:
    findings = judged(cloud(addresses=(seen,)), site=site)
    assert [finding.level for finding in findings] == ([level] if level else [])
    assert all(remedy in finding.remedy for finding in findings)


def test_a_second_address_of_a_role_that_is_served() -> None:
    serving = address("jupyterhub", "p1").model_copy(update={"address": "192.0.2.10"})
    (finding,) = judged(cloud(addresses=(serving, address("jupyterhub"))))
    assert finding.summary == (
        "192.0.2.9 is marked as the jupyterhub address of iris-cam and serves nothing: 192.0.2.10 does"
    )
    assert finding.remedy == "Give it back: `openstack floating ip delete 192.0.2.9`."


def test_a_second_cluster_of_ours() -> None:
    ours = {"name": "iris-cam", "labels": {"magnumhub_site": "iris-cam"}}
    there = (
        ClusterFacts(uuid=UUID, status="CREATE_COMPLETE", **ours),
        ClusterFacts(uuid="failed", status="CREATE_FAILED", **ours),
        ClusterFacts(uuid="leaving", status="DELETE_IN_PROGRESS", **ours),
        ClusterFacts(uuid="others", status="CREATE_FAILED", name="iris-cam"),
    )
    (finding,) = judged(cloud(magnum_clusters=there))
    assert (finding.level, finding.category) == ("Degraded", Category.LEFTOVER)
    assert finding.remedy == "Delete it: `openstack coe cluster delete failed`."


def test_load_balancers_without_a_service() -> None:
    balancers = (
        Balancer(id="b1", name=f"kube_service_{UUID}_jhub_proxy-public", status="ACTIVE"),
        Balancer(id="b2", name=f"kube_service_{UUID}_test_hello", status="ACTIVE"),
        Balancer(id="b3", name=f"kube_service_{UUID}_test_bye", status="PENDING_DELETE"),
    )
    (finding,) = judged(cloud(balancers=balancers), kube(services=("jhub_proxy-public",)))
    assert finding.level == "Degraded"
    assert finding.remedy == "Delete it: `openstack loadbalancer delete --cascade b2`."
    assert judged(cloud(balancers=balancers), None) == []  # which Services there are is not known


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        (kube(dask_clusters=started(USER, 50)), "Degraded"),
        (kube(dask_clusters=started(USER, 3), servers=started(USER, 1)), "Degraded"),
        # what one killed check leaves, this one takes away
        (kube(dask_clusters=started(USER, 2), servers=started(USER, 1)), "Healthy"),
        # this check's own
        (kube(dask_clusters=started(USER, 50, hours_ago=-0.01)), None),
        (kube(dask_clusters=started("ann", 50)), "Healthy"),
        (kube(dask_clusters=started("ann", 9) + started("bob", 9)), None),
        (kube(servers=started("ann", 200)), None),
    ],
)
def test_dask_clusters_and_servers(seen: KubeLeftovers, level: str | None) -> None:
    assert [finding.level for finding in judged(None, seen)] == ([level] if level else [])


def test_many_leftovers_are_counted_and_some_named() -> None:
    (finding,) = judged(None, kube(dask_clusters=started(USER, 50)))
    assert finding.summary == (
        "earlier checks left 50 Dask clusters of magnumhub-check: 0000, 0001, 0002, 0003, 0004 and 45 more"
    )
    assert "`kubectl delete daskcluster -n dask-gateway 0000 0001 " in finding.remedy


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        (volume("Failed", message="volume is in use"), "Degraded"),
        (volume("Released", since=NOW - timedelta(seconds=20)), None),
        (volume("Released", since=NOW - timedelta(hours=2)), "Degraded"),
        (volume("Released"), None),
        (volume("Released", retained=True), "Healthy"),
    ],
)
def test_volumes_without_a_claim(seen: Volume, level: str | None) -> None:
    findings = judged(None, kube(volumes=(seen,)))
    assert [finding.level for finding in findings] == ([level] if level else [])
    assert all(seen.name in finding.summary for finding in findings)


def test_a_volume_as_kubernetes_shows_it() -> None:
    shown = {
        "metadata": {"name": "pvc-1"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "persistentVolumeReclaimPolicy": "Delete",
            "claimRef": {"namespace": "jhub", "name": "claim-ann"},
            "csi": {"driver": "cinder.csi.openstack.org", "volumeHandle": "v1"},
        },
        "status": {"phase": "Failed", "message": "in use", "lastPhaseTransitionTime": "2026-11-25T04:00:00Z"},
    }
    assert is_left(shown)
    assert volume_of(shown) == volume("Failed", since=NOW, message="in use")
    assert not is_left({**shown, "status": {"phase": "Bound"}})
    assert not is_left({**shown, "spec": {**shown["spec"], "csi": {"driver": "nfs.csi.k8s.io"}}})  # type: ignore[dict-item]


def test_what_was_looked_at_in_one_line() -> None:
    seen = cloud(addresses=(address("master", "p1"),), unseen={"load balancers": "not allowed"})
    assert told_leftovers(seen, kube(servers=started("ann", 2))) == (
        "1 floating IP, 0 Dask clusters, 2 notebook servers were looked at; unknown yet: load balancers: not allowed"
    )
    assert told_leftovers(None, None) == (
        "unknown yet: Kubernetes: it could not be asked; unknown yet: the cloud: it could not be asked"
    )
