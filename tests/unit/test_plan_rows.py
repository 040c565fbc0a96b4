"""What provision would do, told from what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from magnumhub.domain.facts import AddressFacts, CloudFacts, ClusterFacts, ProjectFacts
from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.plan import UNSETTLED, Plan
from magnumhub.domain.plan_rows import Moves, OldAddresses, ReleaseFacts, SiteInside, plan_changes
from magnumhub.domain.results import Release
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import load_site, parse_site
from magnumhub.domain.templates import Template

TEMPLATE = Template(uuid="t-1", name="k8s-1.31", kubernetes_version="1.31.1", driver="heat")
NOTHING = CloudFacts(
    project=ProjectFacts(id="p", name="iris-jupyter"),
    templates=(TEMPLATE,),
    floating_ips=(AddressFacts(id="ip", address="128.232.227.222"),),
    magnum_clusters=(),
)
UP = NOTHING.model_copy(
    update={
        "floating_ips": tuple(
            AddressFacts(id=role, address=address, site="iris-cam", role=role, serves=serves)
            for role, address, serves in (
                ("master", "192.0.2.1", "server iris-cam-abcdefghijkl-master-0"),
                ("jupyterhub", "192.0.2.2", "load balancer kube_service_c-1_jhub_proxy-public"),
                (
                    "dask_gateway",
                    "128.232.227.222",
                    "load balancer kube_service_c-1_dask-gateway_traefik-dask-gateway",
                ),
            )
        ),
        "magnum_clusters": (
            ClusterFacts(
                uuid="c-1",
                name="iris-cam",
                status="CREATE_COMPLETE",
                labels={"magnumhub_site": "iris-cam"},
                template="t-1",
                node_count=2,
            ),
        ),
    }
)


def release(name: str, version: str, status: str = "deployed") -> Release:
    return Release(name=name, namespace=name, chart=name, version=version, app_version="1", revision=3, status=status)


def facts_of(name: str, version: str, **changes: Any) -> ReleaseFacts:
    """A release as it is wanted, but for `changes`."""
    return replace(ReleaseFacts(release(name, version), version, (), "d1g357"), **changes)


HUB, GATEWAY = facts_of("jupyterhub", "4.4.0"), facts_of("dask-gateway", "2026.3.0")
NOTHING_INSIDE, NO_MOVES = SiteInside(), Moves()
ALL_THERE = SiteInside(storage="use", releases={"jupyterhub": HUB, "dask_gateway": GATEWAY})
EXAMPLE = load_site("deployments/example-site.yaml")


def planned(
    facts: CloudFacts,
    *,
    site: Site = EXAMPLE,
    findings: Sequence[Finding] = (),
    template: Template | None = TEMPLATE,
    inside: SiteInside | None = NOTHING_INSIDE,
    moves: Moves = NO_MOVES,
) -> Plan:
    return plan_changes(
        site,
        facts,
        findings=findings,
        template=template,
        template_reason="the newest",
        magnum_cluster=next(iter(facts.magnum_clusters or ()), None),
        inside=inside,
        moves=moves,
    )


def hub(**changes: Any) -> SiteInside:
    """A cluster whose hub differs, as installed or as wanted."""
    return replace(ALL_THERE, releases={"jupyterhub": replace(HUB, **changes), "dask_gateway": GATEWAY})


def actions(plan: Plan) -> dict[str, str]:
    return {change.resource: change.action for change in plan.changes}


def test_from_nothing() -> None:
    plan = planned(NOTHING)

    assert [(c.resource, c.action, c.reason, c.users_notice) for c in plan.changes] == [
        ("address master", "create", "a new one of public", "waits for the firewall's approval"),
        ("address jupyterhub", "create", "a new one of public", "waits for the firewall's approval"),
        ("address dask_gateway", "change", "128.232.227.222 is marked as the site's", ""),
        ("cluster iris-cam", "create", "1 master and 2 nodes from k8s-1.31: the newest", ""),
        ("storage", "create", "class default; made where the cluster has the Cinder driver and no class", ""),
        ("release jupyterhub", "create", "chart newest-compatible", ""),
        ("release dask-gateway", "create", "chart newest-compatible", ""),
    ]
    assert plan.would_change


def test_when_all_is_there() -> None:
    plan = planned(UP, inside=ALL_THERE)

    assert set(actions(plan).values()) == {"keep"}
    assert not plan.would_change


def test_nodes_that_could_not_be_looked_at_are_decided_later() -> None:
    (nodes,) = [c for c in planned(UP, inside=ALL_THERE).changes if c.resource == "nodes"]

    assert (nodes.action, nodes.basis) == ("keep", UNSETTLED)


def test_another_chart_version() -> None:
    plan = planned(UP, inside=hub(wanted_version="4.1.0"))

    (change,) = [change for change in plan.changes if change.action == "change"]
    assert (change.resource, change.reason) == ("release jupyterhub", "chart 4.4.0 becomes 4.1.0")
    assert "the hub restarts" in change.users_notice
    assert change.basis == "d1g357"


def test_other_values_of_the_same_chart() -> None:
    lines = ('singleuser.image.tag: "2026.10.02" -> "2026.11.01"', "cull.every: 600 -> 60")
    plan = planned(UP, inside=hub(changes=lines))

    (change,) = [change for change in plan.changes if change.action == "change"]
    assert (change.reason, change.values) == ("2 values differ", lines)
    assert "new notebook servers have the new image" in change.users_notice


@pytest.mark.parametrize(
    ("has", "wanted_app", "action"),
    [
        ("5.5.0", "4.1.6", "blocked"),
        ("5.5.0", "5.2.1", "change"),
        ("4.1.6", "5.5.0", "change"),
        ("5.5.0", "", "change"),
    ],
)
def test_an_older_hub_is_not_put_on_a_newer_database(has: str, wanted_app: str, action: str) -> None:
    installed = release("jupyterhub", "4.4.0").model_copy(update={"app_version": has})
    hub = replace(HUB, installed=installed, wanted_version="4.3.0", wanted_app=wanted_app)
    plan = planned(UP, inside=replace(ALL_THERE, releases={"jupyterhub": hub, "dask_gateway": GATEWAY}))
    row = plan.row("release jupyterhub")
    assert row is not None
    assert row.action == action
    assert ("does not start on the database of hub 5.5.0" in row.reason) == (action == "blocked")


def test_a_release_that_a_crash_left_behind() -> None:
    left = release("jupyterhub", "4.4.0", status="pending-install")
    (change,) = [c for c in planned(UP, inside=hub(installed=left)).changes if c.action == "change"]

    assert (change.resource, change.reason, change.basis) == ("release jupyterhub", "it is pending-install", UNSETTLED)


def test_a_cluster_that_cannot_be_looked_into() -> None:
    rows = {change.resource: change for change in planned(UP, inside=None).changes}

    assert (rows["release jupyterhub"].action, rows["storage"].action) == ("create", "keep")
    assert rows["release jupyterhub"].reason == "what is installed could not be looked at"
    assert {rows[name].basis for name in ("release jupyterhub", "release dask-gateway", "storage", "nodes")} == {
        UNSETTLED
    }


@pytest.mark.parametrize(
    ("seen", "action", "reason"),
    [
        (SiteInside(storage="create"), "create", "class default; made where the cluster has the Cinder driver"),
        (SiteInside(storage="refuse", storage_reason="no StorageClass gone"), "blocked", "no StorageClass gone"),
    ],
)
def test_the_storage_class(seen: SiteInside, action: str, reason: str) -> None:
    (storage,) = [change for change in planned(UP, inside=seen).changes if change.resource == "storage"]

    assert storage.action == action
    assert storage.reason.startswith(reason)


@pytest.mark.parametrize(
    ("wish", "old", "reason"),
    [
        ("fresh", "keep", "192.0.2.2 becomes a new one of public; the old one stays reserved"),
        ("192.0.2.9", "release", "192.0.2.2 becomes 192.0.2.9; the old one is given back"),
    ],
)
def test_a_redeploy_moves_an_address(wish: str, old: OldAddresses, reason: str) -> None:
    plan = planned(UP, inside=ALL_THERE, moves=Moves({"jupyterhub": wish}, old))

    (change,) = [change for change in plan.changes if change.action == "change"]
    assert (change.resource, change.reason, change.basis) == ("address jupyterhub", reason, "192.0.2.2")
    assert "running notebooks go on" in change.users_notice


def test_an_address_that_is_asked_for_and_there_is_kept() -> None:
    assert not planned(UP, inside=ALL_THERE, moves=Moves({"jupyterhub": "192.0.2.2"})).would_change


def test_what_blocks_comes_first() -> None:
    findings = [
        Finding(check="preflight", level="Degraded", category=Category.STORAGE, summary="warned", remedy=""),
        Finding(check="preflight", level="Unhealthy", category=Category.QUOTA, summary="too little", remedy="Ask."),
    ]

    plan = planned(NOTHING, findings=findings, template=None)

    assert [c.resource for c in plan.changes if c.action == "blocked"] == ["preflight quota", "cluster iris-cam"]
    assert plan.changes[0].reason == "too little. Ask."


@pytest.mark.parametrize(("facts", "action"), [(NOTHING, "create"), (UP, "keep")], ids=["new", "there"])
def test_the_address_that_magnum_gives_a_master(facts: CloudFacts, action: str) -> None:
    plan = planned(facts, template=TEMPLATE.model_copy(update={"floating_ip_enabled": True}))

    assert plan.changes[0].resource == "address master"
    assert (plan.changes[0].action, plan.changes[0].reason) == (action, "Magnum gives it one, which is adopted")


def test_a_service_that_was_deleted_is_made_again() -> None:
    (change,) = [change for change in planned(UP, inside=hub(is_whole=False)).changes if change.action == "change"]

    assert (change.resource, change.reason) == ("release jupyterhub", "its Service is gone")


@pytest.mark.parametrize(
    ("serves", "there"),
    [
        (None, "serves nothing"),
        ("load balancer kube_service_c-1_dask-gateway_traefik-dask-gateway", "serves load balancer kube_service_c-1"),
    ],
)
def test_an_address_that_a_killed_redeploy_left_elsewhere_is_put_back(serves: str | None, there: str) -> None:
    left = UP.model_copy(update={"floating_ips": tuple(_serving(ip, serves) for ip in UP.floating_ips or ())})
    (change,) = [change for change in planned(left, inside=ALL_THERE).changes if change.action == "change"]

    assert change.resource == "address jupyterhub"
    assert change.reason.startswith(f"192.0.2.2 {there}")


def test_a_load_balancer_that_nobody_can_name_is_no_reason_to_change_anything() -> None:
    serves = "load balancer a8eaf9d2-e3ea-4bdf-abe9-5e62497015ac"
    there = UP.model_copy(update={"floating_ips": tuple(_serving(ip, serves) for ip in UP.floating_ips or ())})
    assert not planned(there, inside=ALL_THERE).would_change


def _serving(ip: AddressFacts, serves: str | None) -> AddressFacts:
    return ip.model_copy(update={"serves": serves}) if ip.role == "jupyterhub" else ip


def test_a_file_that_names_another_address_moves_users() -> None:
    other = AddressFacts(id="new", address="192.0.2.9")
    pinned = EXAMPLE.model_dump(mode="json")
    pinned["network"]["floating_ips"]["jupyterhub"] = "192.0.2.9"
    facts = UP.model_copy(update={"floating_ips": (*(UP.floating_ips or ()), other)})
    (change,) = [c for c in planned(facts, site=parse_site(pinned), inside=ALL_THERE).changes if c.action == "change"]

    assert (change.resource, change.reason) == ("address jupyterhub", "192.0.2.9 is marked as the site's")
    assert change.users_notice.startswith("another address than 192.0.2.2")
