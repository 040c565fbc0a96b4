"""What a teardown takes away, what it keeps, when it is refused, and how it is judged, with literal values."""

from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.checks.leftovers import Balancer
from magnumhub.domain.errors import InputError, RefusedError, StalePlanError
from magnumhub.domain.facts import ClusterFacts, Named
from magnumhub.domain.holdings import (
    ClaimedVolume,
    Holdings,
    Inside,
    OwnAddress,
    OwnVolume,
    is_address_of,
    is_balancer_of,
    with_claimed,
)
from magnumhub.domain.plan import Plan
from magnumhub.domain.results import Release
from magnumhub.domain.spec import EphemeralStorage
from magnumhub.domain.spec_file import load_site
from magnumhub.domain.teardown import (
    Homes,
    Teardown,
    confirm_planned,
    judge_teardown,
    plan_teardown,
    refuse_blocked,
    refuse_unconfirmed,
    remembered,
)
from magnumhub.kube.removal import claimed_volume

SITE = load_site("deployments/example-site.yaml")
NAME, UUID = SITE.name, "1b4d0f7e"
CLUSTER = ClusterFacts(uuid=UUID, name=NAME, status="CREATE_COMPLETE", labels={"magnumhub_site": NAME})
HOME = ClaimedVolume(
    name="pvc-1",
    claim="jhub/claim-ann",
    of="home of ann",
    handle="v1",
    size="10Gi",
    policy="Delete",
    driver="cinder.csi.openstack.org",
)
IN_CINDER = OwnVolume(
    id="v1", name="pvc-1", of="home of ann (jhub/claim-ann)", size_gib=10, status="available", cluster_uuid=UUID
)
BALANCER = Balancer(id="b1", name=f"kube_service_{UUID}_jhub_proxy-public", status="ACTIVE")
HUB_IP = OwnAddress(id="f1", address="192.0.2.1", role="jupyterhub", origin="allocated", serves="load balancer b1")
GATEWAY_IP = OwnAddress(id="f2", address="192.0.2.2", role="dask_gateway", origin="given")
RELEASE = Release(
    name="jupyterhub",
    namespace="jhub",
    chart="jupyterhub",
    version="4.4.0",
    app_version="5.5.0",
    revision=3,
    status="deployed",
)
ALL = Holdings(
    magnum_clusters=(CLUSTER,),
    uuids=(UUID,),
    addresses=(HUB_IP, GATEWAY_IP),
    balancers=(BALANCER,),
    servers=(Named(id="s1", name=f"{NAME}-abcdefghijkl-master-0"),),
)
INSIDE = Inside(releases=(RELEASE,), namespaces=("jhub",), volumes=(HOME,), notebook_servers=3)


def planned(homes: Homes, holdings: Holdings = ALL, inside: Inside = INSIDE, site: Any = SITE) -> Plan:
    return plan_teardown(site, homes, holdings, inside)


def actions(plan: Plan) -> dict[str, str]:
    return {change.resource: change.action for change in plan.changes}


def judged(homes: Homes, after: Holdings, before: Holdings = ALL, inside: Inside = INSIDE) -> Teardown:
    before = with_claimed(before, inside, UUID)
    return judge_teardown(NAME, homes, before=before, inside=inside, after=after, duration_s=1.5)


def ids(items: Any) -> list[tuple[str, str]]:
    return [(item.kind, item.id) for item in items]


@pytest.mark.parametrize(
    ("confirm", "homes", "fields"),
    [
        (NAME, "keep", []),
        (NAME, "delete", []),
        (f"{NAME}-2", "keep", ["confirm"]),
        (NAME[:-1], "keep", ["confirm"]),
        ("", "keep", ["confirm"]),
        (None, None, ["confirm", "homes"]),
        (NAME, "burn", ["homes"]),
    ],
)
def test_confirmation(confirm: str | None, homes: str | None, fields: list[str]) -> None:
    if not fields:
        refuse_unconfirmed(NAME, confirm, homes)
        return
    with pytest.raises(InputError) as refused:
        refuse_unconfirmed(NAME, confirm, homes)
    assert [problem.field for problem in refused.value.problems] == fields


def test_everything_is_in_the_plan_in_the_order_in_which_it_goes() -> None:
    assert actions(planned("keep")) == {
        "volume jhub/claim-ann": "keep",
        "release jupyterhub": "delete",
        f"cluster {NAME}": "delete",
        f"load balancer {BALANCER.name}": "delete",
        "address jupyterhub": "delete",
        "address dask_gateway": "change",
    }
    plan = planned("delete")
    assert list(actions(plan))[-2:] == ["address jupyterhub", "address dask_gateway"]
    home, release = plan.row("volume jhub/claim-ann"), plan.row("release jupyterhub")
    assert home and release
    assert (home.action, home.users_notice) == ("delete", "what is in it is lost for ever: home of ann")
    assert release.users_notice == "the hub is gone, and 3 notebook servers stop"


def test_nothing_to_do_where_nothing_is() -> None:
    plan = planned("delete", Holdings(), Inside())
    assert (plan.would_change, plan.blocked) == (False, ())


@pytest.mark.parametrize(("homes", "action"), [("keep", "keep"), ("delete", "delete")])
def test_volumes_of_an_earlier_teardown(homes: Homes, action: str) -> None:
    plan = planned(homes, Holdings(volumes=(IN_CINDER,)), Inside())
    assert actions(plan)["volume v1"] == action
    assert plan.would_change is (homes == "delete")
    # one that the cluster shows is told once
    assert "volume v1" not in actions(planned(homes, ALL.model_copy(update={"volumes": (IN_CINDER,)})))


def test_a_volume_that_somebody_made_by_hand_is_never_deleted() -> None:
    by_hand = HOME.model_copy(update={"made_for_claim": False})
    assert actions(planned("delete", inside=Inside(volumes=(by_hand,))))["volume jhub/claim-ann"] == "keep"


def test_addresses_that_share_a_role_are_told_apart() -> None:
    spare = OwnAddress(id="f3", address="192.0.2.3", role="spare", origin="allocated")
    twin = HUB_IP.model_copy(update={"id": "f4", "address": "192.0.2.4"})
    rows = actions(planned("keep", Holdings(addresses=(HUB_IP, twin, spare)), Inside()))
    assert {name for name in rows if name.startswith("address ")} == {
        "address 192.0.2.1",
        "address 192.0.2.3",
        "address 192.0.2.4",
    }


UNSEEN = Inside(unseen="ssh does not answer")
NO_HUB = ALL.model_copy(update={"balancers": (), "addresses": (HUB_IP.model_copy(update={"serves": ""}),)})


@pytest.mark.parametrize(
    ("homes", "holdings", "site", "action"),
    [
        ("keep", ALL, SITE, "blocked"),
        ("delete", ALL, SITE, "delete"),
        # the hub's address serves something: there is a hub
        ("keep", ALL.model_copy(update={"balancers": ()}), SITE, "blocked"),
        ("keep", NO_HUB.model_copy(update={"volumes": (IN_CINDER,)}), SITE, "blocked"),
        ("keep", NO_HUB.model_copy(update={"unseen": {"load balancers": "not allowed"}}), SITE, "blocked"),
        # provisioning stopped before there was one
        ("keep", NO_HUB, SITE, "delete"),
        ("keep", ALL, SITE.model_copy(update={"storage": EphemeralStorage(kind="ephemeral")}), "delete"),
        # its deletion has begun
        (
            "keep",
            ALL.model_copy(update={"magnum_clusters": (CLUSTER.model_copy(update={"status": "DELETE_FAILED"}),)}),
            SITE,
            "delete",
        ),
    ],
)
def test_a_cluster_that_nobody_can_look_into(homes: Homes, holdings: Holdings, site: Any, action: str) -> None:
    plan = planned(homes, holdings, UNSEEN, site)
    row = plan.row(f"cluster {NAME}")
    assert row
    assert row.action == action
    assert "ssh does not answer" in row.reason
    if action == "blocked":
        assert "Retain" in row.reason
        with pytest.raises(RefusedError, match="ssh does not answer"):
            refuse_blocked(plan)
    else:
        refuse_blocked(plan)


def test_what_was_not_planned_is_refused_and_what_is_done_already_is_fine() -> None:
    plan = planned("delete")
    confirm_planned(plan, plan)
    confirm_planned(plan, planned("delete", Holdings(), Inside()))
    newcomer = HOME.model_copy(update={"claim": "jhub/claim-bob", "handle": "v2"})
    with pytest.raises(StalePlanError, match="claim-bob"):
        confirm_planned(plan, planned("delete", inside=Inside(volumes=(HOME, newcomer))))
    other = ALL.model_copy(update={"magnum_clusters": (CLUSTER.model_copy(update={"uuid": "another"}),)})
    with pytest.raises(StalePlanError, match="cluster"):
        confirm_planned(plan, planned("delete", other))
    with pytest.raises(RefusedError, match="ssh does not answer"):
        confirm_planned(planned("keep"), planned("keep", inside=UNSEEN))


def test_what_is_gone_was_deleted_and_what_was_to_stay_is_kept() -> None:
    given = GATEWAY_IP.model_copy(update={"marked": False})
    verdict = judged("keep", Holdings(addresses=(given,), volumes=(IN_CINDER,)))
    assert ids(verdict.deleted) == [
        ("cluster", UUID),
        ("server", "s1"),
        ("load_balancer", "b1"),
        ("floating_ip", "f1"),
        ("release", "jhub/jupyterhub"),
    ]
    assert ids(verdict.kept) == [("volume", "v1"), ("floating_ip", "f2")]
    assert verdict.left == ()
    assert verdict.document()["deleted"][0] == {"kind": "cluster", "id": UUID}


def test_a_volume_of_another_driver_is_kept_by_what_kubernetes_said() -> None:
    elsewhere = HOME.model_copy(update={"driver": "nfs.csi.k8s.io", "in_cinder": False})
    verdict = judged("keep", Holdings(), inside=Inside(volumes=(elsewhere,)))
    assert [item.reason for item in verdict.kept] == ["home of ann, 10Gi, of nfs.csi.k8s.io"]
    unseen = judged("keep", Holdings(), ALL.model_copy(update={"has_cinder": False}))
    assert [item.reason for item in unseen.kept] == ["home of ann, 10Gi, of cinder.csi.openstack.org"]


def test_a_volume_that_only_kubernetes_knew_as_ours_is_deleted_when_cinder_has_it_no_more() -> None:
    assert ("volume", "v1") in ids(judged("delete", Holdings()).deleted)
    assert with_claimed(ALL, INSIDE, UUID).volumes == (IN_CINDER.model_copy(update={"status": ""}),)


def test_what_is_left_has_a_reason_and_a_remedy() -> None:
    failed = CLUSTER.model_copy(
        update={"status": "DELETE_FAILED", "status_reason": "Conflict: port in use", "faults": {"worker": "no host"}}
    )
    after = ALL.model_copy(
        update={"magnum_clusters": (failed,), "volumes": (IN_CINDER.model_copy(update={"status": "error_deleting"}),)}
    )
    verdict = judged("delete", after)
    assert verdict.deleted == ()
    assert ids(verdict.left) == [
        ("cluster", UUID),
        ("server", "s1"),
        ("load_balancer", "b1"),
        ("volume", "v1"),
        ("floating_ip", "f1"),
        ("floating_ip", "f2"),
    ]
    assert all(item.reason and item.remedy for item in verdict.left)
    reasons = [item.reason for item in verdict.left]
    assert reasons[0] == "Magnum says DELETE_FAILED; Conflict: port in use; worker: no host"
    assert "error_deleting" in reasons[3]
    assert "remembers which cluster" in reasons[4]
    # kept homes are no leftovers
    assert ("volume", "v1") not in ids(judged("keep", after).left)


def test_an_address_that_somebody_else_uses_by_now_is_left() -> None:
    (item,) = judged("keep", Holdings(addresses=(HUB_IP.model_copy(update={"serves": "server bobs"}),))).left
    assert item.reason == "it serves server bobs, which is not the site's"


def test_what_could_not_be_looked_at_is_not_called_gone() -> None:
    verdict = judged("keep", Holdings(unseen={"load balancers": "not allowed"}))
    assert [(item.kind, item.id) for item in verdict.left] == [("unknown", "load balancers")]


@pytest.mark.parametrize(
    ("holdings", "is_remembered"),
    [
        (Holdings(addresses=(HUB_IP,), volumes=(IN_CINDER,)), False),
        (Holdings(balancers=(BALANCER,)), True),
        (ALL, True),
    ],
)
def test_addresses_go_when_nothing_is_left_to_remember(holdings: Holdings, is_remembered: bool) -> None:
    assert remembered(holdings) is is_remembered


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        (f"kube_service_{UUID}_jhub_proxy-public", True),
        (f"kube_service_{UUID}0_jhub_proxy-public", False),
        ("kube_service_1b4d0f7_jhub_proxy-public", False),
        (UUID, False),
        ("", False),
    ],
)
def test_load_balancers_are_told_by_the_whole_uuid(name: str, is_ours: bool) -> None:
    assert is_balancer_of(name, [UUID]) is is_ours
    assert not is_balancer_of(name, [])


def test_addresses_of_the_controller_are_told_by_the_whole_uuid() -> None:
    made = f"Floating IP for Kubernetes external service jhub/proxy-public from cluster {UUID}"
    assert is_address_of(made, [UUID])
    assert not is_address_of(f"{made}0", [UUID])
    assert not is_address_of(made.replace(UUID, f"x{UUID}"), [UUID])


def test_whose_a_volume_is() -> None:
    shown: dict[str, Any] = {
        "metadata": {"name": "pvc-1", "annotations": {"pv.kubernetes.io/provisioned-by": "cinder.csi.openstack.org"}},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "persistentVolumeReclaimPolicy": "Delete",
            "claimRef": {"namespace": "jhub", "name": "claim-ann"},
            "csi": {"driver": "cinder.csi.openstack.org", "volumeHandle": "v1"},
        },
    }
    assert claimed_volume(shown, {"jhub/claim-ann": "ann"}) == HOME
    # its claim is gone already
    assert claimed_volume(shown, {}).of == "volume of claim-ann"
    database = {**shown["spec"], "claimRef": {"namespace": "jhub", "name": "hub-db-dir"}}
    assert claimed_volume({**shown, "spec": database}, {}).of == "the hub's database"
    by_hand = claimed_volume({"metadata": {"name": "disk"}, "spec": {**shown["spec"], "csi": {}}}, {})
    assert (by_hand.handle, by_hand.in_cinder, by_hand.made_for_claim) == ("disk", False, False)
