"""Plan, deployment and teardown as markdown, and how far a run is, with literal values."""

from __future__ import annotations

import pytest

from magnumhub.domain.deployment import Deployment
from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.health import Check, Health
from magnumhub.domain.plan import Change, Plan
from magnumhub.domain.report.deployment import deployment_page, login
from magnumhub.domain.report.live import doing, percent, spent
from magnumhub.domain.report.plan import plan_page
from magnumhub.domain.report.teardown import teardown_page
from magnumhub.domain.results import MagnumCluster, Release, StageRecord
from magnumhub.domain.spec import DummyAuth, GithubAuth, Site
from magnumhub.domain.spec_file import load_site
from magnumhub.domain.teardown import Item, Teardown
from tests.unit.test_report import rows

SITE = load_site("deployments/example-site.yaml")


def test_a_plan_is_a_row_for_each_resource_in_the_order_of_the_acts() -> None:
    address = Change(resource="address jupyterhub", action="create", reason="a | b", users_notice="waits")
    cluster = Change(resource="cluster iris", action="keep", reason="u-1 is CREATE_COMPLETE")
    page = plan_page(Plan(site="iris", changes=(address, cluster)))
    assert page.startswith("# Plan: iris\n\n1 to create; 1 to keep as it is.\n")
    assert rows(page) == [
        ["action", "resource", "why", "what users notice"],
        ["---", "---", "---", "---"],
        ["**create**", "address jupyterhub", r"a \| b", "waits"],
        ["keep", "cluster iris", r"u-1 is CREATE\_COMPLETE", "–"],
    ]


def test_what_is_blocked_comes_first_with_what_to_do() -> None:
    cluster = Change(resource="cluster iris", action="create", reason="1 master")
    storage = Change(resource="storage", action="blocked", reason="no class. Say storage: {kind: ephemeral}.")
    page = plan_page(Plan(site="iris", changes=(cluster, storage)))
    assert "**Blocked: nothing is done as long as this stands in the way.**" in page
    assert [row[0] for row in rows(page)[2:]] == ["**blocked**", "**create**"]
    assert "Say storage: {kind: ephemeral}." in rows(page)[2][2]


def test_a_plan_that_changes_nothing_says_so() -> None:
    page = plan_page(Plan(site="iris", changes=(Change(resource="storage", action="keep", reason="class default"),)))
    assert "Everything is as it should be: nothing would change." in page


def test_value_differences_stand_under_their_release_and_end_no_block_of_code() -> None:
    values = ("hub.config.password: *** -> ***", 'singleuser.cmd: (none) -> "```\\n# <b>"', "```: 1 -> 2")
    release = Change(resource="release jupyterhub", action="change", reason="3 values differ", values=values)
    page = plan_page(Plan(site="iris", changes=(release,)))
    _, _, shown = page.partition("## release jupyterhub: how its values change\n\n")
    assert shown == (
        "```text\nhub.config.password: *** -> ***\nsingleuser.cmd: (none) -> \"'''\\n# <b>\"\n''': 1 -> 2\n```"
    )


def deployment(health: Health | None, *, undone: bool = False) -> Deployment:
    release = Release(
        name="jupyterhub",
        namespace="jhub",
        chart="jupyterhub",
        version="4.4.0",
        app_version="5.5.0",
        revision=3,
        status="deployed",
        action="changed",
    )
    return Deployment(
        site="iris",
        magnum_cluster=MagnumCluster(uuid="u-1", name="iris", template="t-1", driver="heat", status="CREATE_COMPLETE"),
        addresses={"master": None, "jupyterhub": "192.0.2.2", "dask_gateway": "192.0.2.3"},
        endpoints={"jupyterhub": "https://hub.example.org", "dask_gateway": "http://192.0.2.3:8000"},
        releases={"jupyterhub": release},
        stages=(StageRecord(name="helm", action="created", duration_s=6.72),),
        duration_s=272.4,
        health=health,
        outage_s={"jupyterhub": 1.25},
        undone=undone,
    )


def health(*findings: Finding) -> Health:
    return Health(
        site="iris",
        level=findings[0].level if findings else "Healthy",
        started_at="2026-11-25T04:00:00+00:00",
        duration_s=61.2,
        checks=(Check(name="hub", level="Healthy", duration_s=1.5, summary="hub 5.5.0 answers"),),
        findings=findings,
    )


def test_a_deployment_begins_with_where_users_go() -> None:
    page = deployment_page(SITE, deployment(health()))
    title, where, *_ = page.split("\n\n")
    assert title == "# Healthy: iris"
    assert where.splitlines() == [
        "- JupyterHub: [https://hub.example.org](https://hub.example.org)",
        f"- log in: {login(SITE)}",
        "- Dask Gateway: `http://192.0.2.3:8000` ([its health](http://192.0.2.3:8000/api/health)); "
        "notebooks have its address",
    ]
    assert "Nothing needs to be done." in page


def test_a_deployment_has_releases_addresses_stages_and_the_outage() -> None:
    table = rows(deployment_page(SITE, deployment(health())))
    assert ["jupyterhub", "4.4.0", "5.5.0", "3", "jhub", "changed"] in table
    assert ["JupyterHub", "192.0.2.2", "for 1.2 s, while it moved"] in table
    assert ["master (ssh)", "none", "–"] in table
    assert ["helm", "created", "6.7 s"] in table
    assert "## Stages: 4 min 32 s in all" in deployment_page(SITE, deployment(health()))


def test_what_is_wrong_with_a_deployment_stands_with_its_remedy() -> None:
    found = Finding(check="hub", level="Degraded", category=Category.SPEED, summary="slow | hub", remedy="Wait.")
    page = deployment_page(SITE, deployment(health(found), undone=True))
    assert page.startswith("# Degraded: iris\n\n**Users could not work with what was asked for, so it was undone.**")
    assert ["**Degraded**", r"slow \| hub", "Wait."] in rows(page)


def test_a_light_check_is_said_and_a_gateway_inside_has_no_link() -> None:
    light = deployment(None)
    inside = light.model_copy(update={"endpoints": {**light.endpoints, "dask_gateway": None}})
    page = deployment_page(SITE, inside)
    assert page.startswith("# Healthy: iris")
    assert "Nothing had changed; hub and gateway answer." in page
    assert "- Dask Gateway: inside the cluster only; notebooks have its address" in page


def with_auth(auth: DummyAuth | GithubAuth) -> Site:
    return SITE.model_copy(update={"jupyterhub": SITE.jupyterhub.model_copy(update={"auth": auth})})


def test_how_to_log_in_says_where_a_password_is_and_who_is_let_in() -> None:
    dummy = DummyAuth.model_validate({"kind": "dummy", "password": {"env": "HUB_PASSWORD"}, "allow": ["ada", "bob"]})
    assert login(with_auth(dummy)) == (
        "any user name with the one password, which is in env:HUB_PASSWORD; only ada, bob"
    )
    github = {"kind": "github", "client_id": "c", "client_secret": {"env": "S"}, "allowed_organizations": ["lab"]}
    assert login(with_auth(GithubAuth.model_validate(github))) == "members of lab with their GitHub account"


def test_a_teardown_begins_with_what_is_left() -> None:
    left = Item(
        kind="server", id="s-1", name="iris-node-0", reason="it outlived | it", remedy="`openstack server show`"
    )
    kept = Item(kind="volume", id="v-1", name="pvc-1", reason="home of ada, 10 GiB")
    gone = Item(kind="cluster", id="u-1", name="iris")
    page = teardown_page(Teardown(site="iris", deleted=(gone,), kept=(kept,), left=(left,), duration_s=75))
    assert page.startswith("# Teardown of iris: 1 thing is left\n\nIt took 1 min 15 s.\n\n## Left")
    assert ["server", "iris-node-0", r"it outlived \| it", r"\`openstack server show\`"] in rows(page)
    assert ["volume", "pvc-1", "v-1", "home of ada, 10 GiB"] in rows(page)
    assert ["cluster", "iris", "u-1"] in rows(page)


def test_a_teardown_of_nothing_says_so() -> None:
    page = teardown_page(Teardown(site="iris", deleted=(), kept=(), left=(), duration_s=1))
    assert page.startswith("# Teardown of iris: nothing is left\n")
    assert "## Left" not in page
    assert "## Kept" not in page
    assert "Nothing: the site had nothing in the cloud" in page


# How far a run is


@pytest.mark.parametrize(
    ("ended", "shown"), [((), 0), (("a", "again"), 33), (("a", "b"), 67), (("a", "b", "c", "report"), 100)]
)
def test_the_percentage_is_of_the_stages_that_every_run_has(ended: tuple[str, ...], shown: int) -> None:
    assert percent(ended, ("a", "b", "c")) == shown


def test_what_runs_is_said_with_its_time_and_its_last_word() -> None:
    running = {"jupyterhub": (65.2, "heat/proxy-public: <pending>"), "dask_gateway": (3.04, "")}
    assert doing(running) == "jupyterhub (1 min 5 s): heat/proxy-public: <pending>; dask_gateway (3.0 s)"
    assert doing({}) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (59.7, "1 min 0 s"), (272.4, "4 min 32 s"), (3900, "1 h 5 min")],
)
def test_a_duration_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert spent(seconds) == said
