"""What a cloud shows already: every problem at once, each with its remedy; what cannot be seen is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.facts import (
    AddressFacts,
    CloudFacts,
    ClusterFacts,
    Credential,
    Flavor,
    Named,
    ProjectFacts,
    Quota,
    RunnerFacts,
)
from magnumhub.domain.findings import Finding
from magnumhub.domain.needs import Room, needs, room
from magnumhub.domain.preflight import judge_preflight, template_of
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import load_site, parse_site
from magnumhub.domain.templates import Template

TEMPLATE = Template(
    uuid="t-1",
    name="k8s-1.31",
    created_at="2026-01-01",
    kubernetes_version="1.31.1",
    driver="heat",
    floating_ip_enabled=False,
    master_lb_enabled=False,
    flavor="m1.large",
    master_flavor="m1.small",
    external_network="net-1",
)
CAPI = TEMPLATE.model_copy(
    update={"uuid": "t-2", "name": "capi-1.33", "driver": "capi", "kubernetes_version": "1.33.1"}
)
FACTS = CloudFacts(
    project=ProjectFacts(id="p-1", name="iris-jupyter"),
    credential=Credential(kind="password", roles=("member",)),
    services=("container-infra", "compute", "network", "load-balancer", "block-storage", "image"),
    quotas={
        "clusters": Quota(used=0, limit=5),
        "instances": Quota(used=0, limit=10),
        "cores": Quota(used=0, limit=100),
        "ram_mib": Quota(used=0, limit=-1),
        "floating_ips": Quota(used=1, limit=5),
        "volumes": Quota(used=0, limit=20),
        "gigabytes": Quota(used=0, limit=1000),
        "load_balancers": Quota(used=0, limit=5),
    },
    templates=(TEMPLATE,),
    keypairs=("default", "laptop"),
    external_networks=(Named(id="net-1", name="public"),),
    flavors=(
        Flavor(id="f-1", name="m1.small", vcpus=2, ram_mib=4096, disk_gib=20),
        Flavor(id="f-2", name="m1.large", vcpus=8, ram_mib=16384, disk_gib=40),
    ),
    floating_ips=(AddressFacts(id="ip-1", address="128.232.227.222"),),
    magnum_clusters=(),
)
OURS = ClusterFacts(
    uuid="c-1",
    name="iris-cam",
    status="CREATE_COMPLETE",
    labels={"magnumhub_site": "iris-cam"},
    template="t-1",
    node_count=2,
)


def site(changes: dict[str, Any] | None = None) -> Site:
    data = load_site("deployments/example-site.yaml").model_dump(mode="json")
    for path, value in (changes or {}).items():
        *folders, key = path.split(".")
        part = data
        for folder in folders:
            part = part[folder]
        part[key] = value
    return parse_site(data)


def judged(changes: dict[str, Any] | None = None, **facts: Any) -> list[Finding]:
    return judge_preflight(site(changes), FACTS.model_copy(update=facts))


def test_a_cloud_that_has_everything() -> None:
    assert judged() == []


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    # what is wrong, the site's changes, the cloud's, what is said, what to do
    ("another project", {"project": "other"}, {}, "works in project iris-jupyter, not in other", "change `project`"),
    (
        "restricted credential",
        {},
        {"credential": Credential(kind="application_credential", unrestricted=False, roles=("member",))},
        "the application credential is restricted",
        "--unrestricted",
    ),
    (
        "reader",
        {},
        {"credential": Credential(kind="password", roles=("reader",))},
        "only the roles reader",
        "the role member",
    ),
    (
        "no Magnum",
        {},
        {"services": ("compute", "network", "load-balancer")},
        "no container-infra service",
        "cloud's support",
    ),
    (
        "no load balancers",
        {},
        {"services": ("container-infra", "compute", "network")},
        "no load-balancer service",
        "load_balancers to external",
    ),
    ("no keypair", {"cluster.keypair": "laptob"}, {}, "cluster.keypair: there is no keypair", "laptop, perhaps."),
    (
        "no external network",
        {"network.external_network": "internet"},
        {},
        "network.external_network: there is no external network called internet",
        "what there is: public, net-1.",
    ),
    (
        "no flavor",
        {"cluster.node_flavor": "huge"},
        {},
        "there is no flavor called huge",
        "cluster.node_flavor to what there is: m1.small",
    ),
    ("no template", {"cluster.template": "k8s-1.32"}, {}, "no cluster template k8s-1.32", "k8s-1.31, perhaps"),
    (
        "template of another network",
        {},
        {"templates": (TEMPLATE.model_copy(update={"external_network": "net-9"}),)},
        "another external network than public",
        "network.external_network to net-9",
    ),
    (
        "more masters than the template balances",
        {"cluster.master_count": 3},
        {},
        "no load balancer for masters",
        "master_count to 1",
    ),
    ("ssh to Cluster API", {"access.via": "master"}, {"templates": (CAPI,)}, "by ssh", "access.via to auto"),
    ("helm on no master", {"helm.run_on": "master"}, {"templates": (CAPI,)}, "there is no ssh", "helm.run_on to auto"),
    (
        "chart too new",
        {"jupyterhub.chart.version": "4.4.0", "cluster.template": "t-3"},
        {"templates": (TEMPLATE.model_copy(update={"uuid": "t-3", "kubernetes_version": "1.26.1"}),)},
        "runs on Kubernetes 1.28 or newer, not on 1.26.1",
        "Move to chart 3.3.8",
    ),
    (
        "quota of addresses",
        {},
        {"quotas": {"floating_ips": Quota(used=4, limit=5)}},
        "2 floating IPs are needed, 1 are free of the project's quota of 5",
        "Ask the cloud's support",
    ),
    (
        "quota of volumes",
        {},
        {"quotas": {"gigabytes": Quota(used=950, limit=1000)}},
        "71 GiB of volumes are needed, 50 are free of the project's quota of 1000",
        "make the site smaller",
    ),
    (
        "address of nobody",
        {"network.floating_ips.jupyterhub": "192.0.2.99"},
        {},
        "192.0.2.99 is not a floating IP of project iris-jupyter",
        "to auto",
    ),
    (
        "address that serves something",
        {},
        {"floating_ips": (AddressFacts(id="ip-1", address="128.232.227.222", port_id="port-1", serves="server web"),)},
        "128.232.227.222 serves server web",
        "Disassociate it",
    ),
    (
        "address of another site",
        {},
        {"floating_ips": (AddressFacts(id="ip-1", address="128.232.227.222", site="other", role="jupyterhub"),)},
        "belongs to site other",
        "another address",
    ),
    (
        "address of another role",
        {},
        {"floating_ips": (AddressFacts(id="ip-1", address="128.232.227.222", site="iris-cam", role="master"),)},
        "is this site's master address already",
        "of its own",
    ),
    (
        "somebody's cluster of that name",
        {},
        {"magnum_clusters": (OURS.model_copy(update={"labels": {}}),)},
        "exists and is not this site's",
        "another name",
    ),
    (
        "two clusters",
        {},
        {"magnum_clusters": (OURS, OURS.model_copy(update={"uuid": "c-2"}))},
        "the site has a second cluster c-2, CREATE_COMPLETE",
        "Delete all but one",
    ),
    (
        "a failed leftover",
        {},
        {
            "magnum_clusters": (
                OURS.model_copy(
                    update={
                        "status": "CREATE_FAILED",
                        "status_reason": "Resource CREATE failed",
                        "faults": {"default-master": "No valid host"},
                    }
                ),
            )
        },
        "CREATE_FAILED: Resource CREATE failed; default-master: No valid host",
        "--replace-failed",
    ),
    (
        "a cluster that is going",
        {},
        {"magnum_clusters": (OURS.model_copy(update={"status": "DELETE_IN_PROGRESS"}),)},
        "is DELETE_IN_PROGRESS",
        "Wait until it is gone",
    ),
    (
        "no ssh key",
        {},
        {"runner": RunnerFacts(ssh_key="~/.ssh/iris.pem cannot be read: No such file or directory")},
        "access.ssh_key: ~/.ssh/iris.pem cannot be read",
        "private key of cluster.keypair",
    ),
    (
        "another Helm",
        {"helm.source": "upload", "helm.path": "/opt/helm"},
        {"runner": RunnerFacts(helm="helm.path /opt/helm is Helm 4.0.0, helm.version is 4.1.4")},
        "is Helm 4.0.0",
        "helm.path to null",
    ),
    (
        "workers larger than a node",
        {"dask_gateway.worker.cores": 16},
        {},
        "a worker of 16 cores and 2 GiB fits on no node m1.large",
        "dask_gateway.worker smaller",
    ),
    (
        "storage that the chart refuses",
        {"jupyterhub.values": {"singleuser": {"storage": {"type": "sqlite-memory"}}}},
        {},
        "singleuser.storage.type sqlite-memory means nothing to the chart, which refuses it",
        "Leave it out",
    ),
]


@pytest.mark.parametrize(
    ("changes", "facts", "said", "remedy"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_is_refused(changes: dict[str, Any], facts: dict[str, Any], said: str, remedy: str) -> None:
    (finding,) = judged(changes, **facts)

    assert finding.level == "Unhealthy"
    assert said in finding.summary
    assert remedy in finding.remedy


UNWISE: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("nothing kept", {"storage": {"kind": "ephemeral"}}, {}, "vanish whenever a pod restarts"),
    (
        "dummy login",
        {"jupyterhub.auth": {"kind": "dummy", "password": {"env": "A"}, "allow": "all"}},
        {},
        "the login is a dummy",
    ),
    ("login in the clear", {"jupyterhub.https": {"kind": "off"}}, {}, "without https"),
    (
        "users forgotten",
        {"jupyterhub.values": {"hub": {"db": {"type": "sqlite-memory"}}}},
        {},
        "the hub forgets its users",
    ),
    (
        "controller of the cluster's own",
        {"network.load_balancers": "external"},
        {"services": ("container-infra", "compute", "network")},
        "the cluster's own controller",
    ),
    ("too little room", {"health.workers": 13}, {}, "hold 12 of the benchmark's 13 workers"),
    (
        "a second cluster with nothing on it",
        {},
        {
            "magnum_clusters": (
                OURS.model_copy(update={"uuid": "c-0", "created_at": "2026-11-25T10:00:01", "status": "CREATE_FAILED"}),
                OURS.model_copy(update={"created_at": "2026-11-25T10:00:00"}),
            )
        },
        "left a second cluster c-0, CREATE_FAILED: it is deleted",
    ),
    ("tag that moves", {"image.tag": "hub-5.2.1"}, {}, "is moved now and then"),
]


@pytest.mark.parametrize(("changes", "facts", "said"), [case[1:] for case in UNWISE], ids=[case[0] for case in UNWISE])
def test_what_works_and_is_unwise(changes: dict[str, Any], facts: dict[str, Any], said: str) -> None:
    (finding,) = judged(changes, **facts)

    assert finding.level == "Degraded"
    assert said in finding.summary


def test_everything_at_once_the_worst_first() -> None:
    findings = judged(
        {"project": "other", "cluster.keypair": "none", "storage": {"kind": "ephemeral"}},
        services=("container-infra", "compute", "network"),
        unseen={"quotas block-storage": "the catalog has no such service"},
    )

    assert [finding.level for finding in findings] == ["Unhealthy"] * 3 + ["Degraded", "Unknown"]
    assert [finding.category.value for finding in findings] == [
        "credentials",
        "catalog",
        "not_found",
        "storage",
        "catalog",
    ]


def test_what_nobody_can_see_is_unknown_and_never_refused() -> None:
    nothing = CloudFacts(project=FACTS.project, templates=FACTS.templates, unseen={"flavors": "HTTP 403"})

    assert [(f.level, f.summary) for f in judge_preflight(site(), nothing)] == [
        ("Unknown", "flavors could not be looked at: HTTP 403")
    ]


def test_roles_of_a_cloud_of_its_own_are_unknown_and_not_refused() -> None:
    (finding,) = judged(credential=Credential(kind="password", roles=("reader", "tenant-user")))

    assert finding.level == "Unknown"
    assert "only the roles reader, tenant-user" in finding.summary


def test_files_of_the_runner_that_nobody_needs_do_not_matter() -> None:
    runner = RunnerFacts(ssh_key="no such file", helm="not a Helm")

    capi = {"access.ssh_key": "~/key", "helm.path": None, "helm.source": "download"}
    assert judged({"helm.source": "download"}, runner=RunnerFacts(helm="not a Helm")) == []
    assert [f.summary for f in judged(capi, runner=runner, templates=(CAPI,)) if f.level == "Unhealthy"] == [
        "not a Helm"
    ]


def test_templates_that_nobody_can_see_are_needed_for_a_new_cluster_only() -> None:
    unseen = {"templates": "HTTP 403"}

    (refused,) = [f for f in judged(templates=None, unseen=unseen) if f.level == "Unhealthy"]
    assert refused.summary == "templates could not be looked at: HTTP 403"
    failed = FACTS.model_copy(
        update={
            "templates": None,
            "unseen": unseen,
            "magnum_clusters": (OURS.model_copy(update={"status": "CREATE_FAILED"}),),
        }
    )
    assert [f.level for f in judge_preflight(site(), failed, replace_failed=True)] == ["Unhealthy", "Unknown"]
    assert [f.level for f in judged(templates=None, unseen=unseen, magnum_clusters=(OURS,))] == ["Unknown"]


def test_a_template_that_does_not_say_its_kubernetes() -> None:
    mute = TEMPLATE.model_copy(update={"kubernetes_version": None})

    findings = judged({"jupyterhub.chart.version": "4.4.0"}, templates=(mute,))

    assert [(f.level, f.category.value) for f in findings] == [("Unknown", "compatibility")] * 2


@pytest.mark.parametrize(
    ("of_the_template", "of_the_cluster", "refused"),
    [("1.31.1", "1.26.4", True), ("1.26.4", "1.31.1", False), ("1.26.4", None, True)],
)
def test_a_chart_that_needs_a_newer_kubernetes_is_refused(
    of_the_template: str, of_the_cluster: str | None, refused: bool
) -> None:
    """A cluster may have been upgraded since: once it is there, its own version counts."""
    findings = judged(
        {"jupyterhub.chart.version": "4.4.0", "dask_gateway.chart.version": "2024.1.0"},
        templates=(TEMPLATE.model_copy(update={"kubernetes_version": of_the_template}),),
        magnum_clusters=(OURS,),
        kubernetes_version=of_the_cluster,
    )

    told = [finding.summary for finding in findings if finding.level == "Unhealthy"]
    assert ["runs on Kubernetes 1.28" in line for line in told] == [True] * refused, told


def test_the_runbooks_own_configuration() -> None:
    findings = judged(
        {
            "image": {"name": "jupyter/datascience-notebook", "tag": "hub-1.1.0"},
            "jupyterhub.chart.version": "0.9.0",
            "jupyterhub.values": {
                "proxy": {"secretToken": {"env": "PROXY_TOKEN"}},
                "hub": {"db": {"type": "sqlite-memory"}},
                "singleuser": {
                    "image": {"name": "jupyter/datascience-notebook", "tag": "hub-1.1.0"},
                    "storage": {"type": "sqlite-memory"},
                },
            },
        },
        templates=(TEMPLATE.model_copy(update={"kubernetes_version": "1.22.4"}),),
        magnum_clusters=(OURS,),
    )

    (refused,) = [finding for finding in findings if finding.level == "Unhealthy"]
    assert "runs on Kubernetes 1.11 to 1.24" in refused.summary
    assert refused.remedy == "Move to chart 2.0.0 (hub 3.0.0), or newest-compatible."
    assert [finding.category.value for finding in findings if finding.level == "Degraded"] == [
        "configuration",
        "storage",
        "image",
    ]


def test_a_site_that_is_up_is_judged_by_its_own_template_and_takes_nothing_more() -> None:
    marked = tuple(
        AddressFacts(id=role, address=address, port_id="x", site="iris-cam", role=role)
        for role, address in (
            ("master", "192.0.2.1"),
            ("jupyterhub", "192.0.2.2"),
            ("dask_gateway", "128.232.227.222"),
        )
    )
    full = {name: Quota(used=9, limit=9) for name in FACTS.quotas}

    assert (
        judged(
            magnum_clusters=(OURS,),
            floating_ips=marked,
            quotas=full,
            credential=Credential(kind="application_credential", unrestricted=False),
        )
        == []
    )


def test_the_template_of_a_cluster_that_is_there_stays() -> None:
    newer = TEMPLATE.model_copy(update={"uuid": "t-9", "kubernetes_version": "1.34.0"})
    facts = FACTS.model_copy(update={"templates": (newer, TEMPLATE), "magnum_clusters": (OURS,)})

    assert template_of(site(), facts) == (TEMPLATE, None)
    assert template_of(site(), facts.model_copy(update={"magnum_clusters": ()})) == (newer, None)


def test_a_leftover_that_will_be_replaced_is_no_problem_and_keeps_no_template() -> None:
    newer = TEMPLATE.model_copy(update={"uuid": "t-9", "kubernetes_version": "1.34.0"})
    failed = OURS.model_copy(update={"status": "CREATE_FAILED"})
    facts = FACTS.model_copy(update={"templates": (newer, TEMPLATE), "magnum_clusters": (failed,)})

    assert judge_preflight(site(), facts, replace_failed=True) == []
    assert template_of(site(), facts, replace_failed=True) == (newer, None)


NEEDS = [
    (
        "Heat",
        TEMPLATE,
        {
            "clusters": 1,
            "instances": 3,
            "floating_ips": 2,
            "load_balancers": 2,
            "volumes": 5,
            "gigabytes": 71,
            "cores": 18,
            "ram_mib": 36864,
        },
    ),
    (
        "Heat that gives every server an address",
        TEMPLATE.model_copy(update={"floating_ip_enabled": True}),
        {
            "clusters": 1,
            "instances": 3,
            "floating_ips": 4,
            "load_balancers": 2,
            "volumes": 5,
            "gigabytes": 71,
            "cores": 18,
            "ram_mib": 36864,
        },
    ),
    (
        "Cluster API",
        CAPI,
        {
            "clusters": 1,
            "instances": 3,
            "floating_ips": 2,
            "load_balancers": 3,
            "volumes": 5,
            "gigabytes": 71,
            "cores": 18,
            "ram_mib": 36864,
        },
    ),
]


@pytest.mark.parametrize(("template", "expected"), [case[1:] for case in NEEDS], ids=[case[0] for case in NEEDS])
def test_what_a_new_site_takes(template: Template, expected: dict[str, int]) -> None:
    assert needs(site(), FACTS, template) == expected


@pytest.mark.parametrize(
    ("flavor", "workers", "nodes"),
    [
        (Flavor(id="f", name="f", vcpus=8, ram_mib=16384, disk_gib=40), 12, 2),
        (Flavor(id="f", name="f", vcpus=2, ram_mib=4096, disk_gib=40), 0, 5),
        (Flavor(id="f", name="f", vcpus=1, ram_mib=2048, disk_gib=20), 0, 0),
    ],
    ids=["large nodes", "small nodes", "nodes smaller than a worker"],
)
def test_room_for_workers(flavor: Flavor, workers: int, nodes: int) -> None:
    assert room(site(), flavor) == Room(workers=workers, nodes=nodes)


@pytest.mark.parametrize(
    ("node_count", "status", "grows"),
    [(2, "CREATE_COMPLETE", 0), (5, "CREATE_COMPLETE", 3), (5, "UPDATE_FAILED", 3), (5, "CREATE_IN_PROGRESS", 0)],
)
def test_what_more_nodes_take(node_count: int, status: str, grows: int) -> None:
    facts = FACTS.model_copy(update={"magnum_clusters": (OURS.model_copy(update={"status": status}),)})
    taken = {"instances": 1, "volumes": 1, "gigabytes": 20, "cores": 8, "ram_mib": 16384}

    needed = needs(site({"cluster.node_count": node_count}), facts, TEMPLATE)

    assert needed == {"floating_ips": 2} | {name: number * grows for name, number in taken.items() if grows}


def test_a_quota_that_has_no_room_for_more_nodes_refuses() -> None:
    (finding,) = judged(
        {"cluster.node_count": 5},
        magnum_clusters=(OURS,),
        quotas=FACTS.quotas | {"instances": Quota(used=8, limit=10)},
    )
    assert (finding.level, finding.category.value) == ("Unhealthy", "quota")
    assert "3 instances are needed, 2 are free" in finding.summary
