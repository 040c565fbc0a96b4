"""What provision would do, told from what was seen."""

from __future__ import annotations

import pytest

from magnumhub.domain.errors import StalePlanError
from magnumhub.domain.facts import AddressFacts, CloudFacts, ClusterFacts, ProjectFacts
from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.plan import Change, Plan, PlanAction, plan_changes
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
            AddressFacts(id=role, address=address, site="iris-cam", role=role)
            for role, address in (
                ("master", "192.0.2.1"),
                ("jupyterhub", "192.0.2.2"),
                ("dask_gateway", "128.232.227.222"),
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


RELEASES = {"jupyterhub": release("jupyterhub", "4.4.0"), "dask-gateway": release("dask-gateway", "2026.3.0")}
EXAMPLE = load_site("deployments/example-site.yaml")


def planned(
    facts: CloudFacts,
    *,
    site: Site = EXAMPLE,
    findings: list[Finding] | None = None,
    template: Template | None = TEMPLATE,
    releases: dict[str, Release] | None = None,
) -> Plan:
    return plan_changes(
        site, facts, findings=findings or [], template=template, template_reason="the newest", releases=releases
    )


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
    plan = planned(UP, releases=RELEASES)

    assert set(actions(plan).values()) == {"keep"}
    assert not plan.would_change


@pytest.mark.parametrize("node_count", [1, 3])
def test_other_number_of_nodes(node_count: int) -> None:
    data = EXAMPLE.model_dump(mode="json")
    data["cluster"]["node_count"] = node_count

    plan = planned(UP, site=parse_site(data), releases=RELEASES)

    (change,) = [change for change in plan.changes if change.action == "blocked"]
    said = f"it has 2 nodes and keeps them, the site asks for {node_count}: provision does not resize a cluster"
    assert (change.resource, change.reason) == ("cluster iris-cam", said)


def test_another_chart_version() -> None:
    data = EXAMPLE.model_dump(mode="json")
    data["jupyterhub"]["chart"]["version"] = "4.1.0"

    plan = planned(UP, site=parse_site(data), releases=RELEASES)

    (change,) = [change for change in plan.changes if change.action == "change"]
    assert change.reason == "chart 4.4.0 becomes 4.1.0"
    assert "the hub restarts" in change.users_notice


def test_a_release_that_a_crash_left_behind() -> None:
    releases = {**RELEASES, "jupyterhub": release("jupyterhub", "4.4.0", status="pending-install")}

    assert actions(planned(UP, releases=releases))["release jupyterhub"] == "change"


def test_a_cluster_that_cannot_be_looked_into() -> None:
    (hub,) = [c for c in planned(UP, releases=None).changes if c.resource == "release jupyterhub"]

    assert (hub.action, hub.reason) == ("create", "what is installed could not be looked at")


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


def test_an_act_that_was_planned_on_what_is_still_so_is_confirmed() -> None:
    change = Change(resource="release jupyterhub", action="change", reason="chart 4.1.0 becomes 4.4.0", basis="a1")
    plan = Plan(site="iris", changes=(change,))
    plan.confirm("release jupyterhub", "change", basis="a1")
    plan.confirm("release jupyterhub", "keep", basis="b2")  # done already, by an earlier try of the same run


@pytest.mark.parametrize(
    ("resource", "action", "basis"),
    [
        ("release jupyterhub", "change", "b2"),  # somebody has upgraded it meanwhile
        ("release jupyterhub", "create", "a1"),  # somebody has uninstalled it
        ("cluster iris", "create", ""),  # what the plan says nothing of stays as it is
    ],
)
def test_an_act_that_was_not_planned_is_refused(resource: str, action: PlanAction, basis: str) -> None:
    change = Change(resource="release jupyterhub", action="change", reason="chart 4.1.0 becomes 4.4.0", basis="a1")
    with pytest.raises(StalePlanError, match=f"{resource} has changed since the plan was made"):
        Plan(site="iris", changes=(change,)).confirm(resource, action, basis=basis)


def test_the_document_says_how_values_change_and_not_what_was_seen() -> None:
    change = Change(resource="storage", action="keep", reason="class fast", values=("a: 1 -> 2",), basis="seen")
    assert Plan(site="iris", changes=(change,)).document() == {
        "site": "iris",
        "changes": [
            {
                "resource": "storage",
                "action": "keep",
                "reason": "class fast",
                "users_notice": "",
                "values": ("a: 1 -> 2",),
            }
        ],
    }
