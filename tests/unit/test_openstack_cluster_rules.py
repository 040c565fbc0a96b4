from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.spec import Site
from magnumhub.openstack import cluster_rules as rules

SITE = Site.model_validate(
    {
        "name": "iris-cam",
        "cloud": "iris",
        "project": "iris-jupyter",
        "cluster": {
            "keypair": "default",
            "node_count": 2,
            "docker_volume_size_gib": 33,
            "labels": {"auto_healing_enabled": True, "kube_tag": "v1.31.1"},
            "create_timeout_min": 45,
        },
        "helm": {"version": "4.1.4", "sha256": "0" * 64},
        "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
        "jupyterhub": {"auth": {"kind": "dummy", "password": {"env": "HUB_PASSWORD"}, "allow": "all"}},
    }
)
LABELS = {"auto_healing_enabled": "true", "kube_tag": "v1.31.1", "magnumhub_site": "iris-cam"}
CLUSTER: dict[str, Any] = {
    "uuid": "u1",
    "name": "iris-cam",
    "status": "CREATE_COMPLETE",
    "node_count": 2,
    "master_count": 1,
    "docker_volume_size": 33,
    "labels": {"cloud_provider_enabled": "true", **LABELS},
}


@pytest.mark.parametrize(
    ("template", "driver"),
    [
        ({"driver": "k8s_fedora_coreos_v1", "cluster_distro": "fedora-coreos"}, "heat"),
        ({"driver": "rig_k8s", "cluster_distro": "fedora-coreos"}, "heat"),
        ({"cluster_distro": "fedora-coreos", "labels": None}, "heat"),
        ({"driver": "k8s_capi_helm_v1", "cluster_distro": "ubuntu"}, "capi"),
        ({"driver": "k8s_cluster_api_flatcar"}, "capi"),
        ({"cluster_distro": "ubuntu", "labels": {}}, "capi"),
        ({"cluster_distro": "fedora-coreos", "labels": {"capi_helm_chart_version": "0.10.1"}}, "capi"),
        ({"cluster_distro": "other"}, None),
        ({}, None),
    ],
)
def test_a_template_tells_the_kind_of_cloud(template: dict[str, Any], driver: str | None) -> None:
    assert rules.template_driver(template) == driver


@pytest.mark.parametrize(
    ("cluster", "template", "driver"),
    [
        ({"status": "CREATE_COMPLETE", "master_addresses": ["10.0.0.5"], "api_address": "https://x"}, None, "heat"),
        ({"status": "CREATE_COMPLETE", "master_addresses": [], "api_address": "https://x"}, None, "capi"),
        ({"status": "CREATE_COMPLETE", "master_addresses": ["10.0.0.5"]}, "capi", "heat"),
        ({"status": "CREATE_IN_PROGRESS", "master_addresses": []}, "capi", "capi"),
        ({"status": "CREATE_IN_PROGRESS"}, None, "heat"),
        ({"status": "CREATE_IN_PROGRESS", "labels": {"capi_helm_chart_version": "0.10.1"}}, None, "capi"),
    ],
)
def test_a_complete_cluster_says_it_better(cluster: dict[str, Any], template: Any, driver: str) -> None:
    assert rules.cluster_driver(cluster, template) == driver


@pytest.mark.parametrize(
    ("cluster", "version"),
    [
        ({"coe_version": "v1.31.1", "labels": {"kube_tag": "v1.30.4"}}, "1.31.1"),
        ({"coe_version": None, "labels": {"kube_tag": "v1.30.4-rancher1"}}, "1.30.4"),
        ({"coe_version": None, "labels": None}, None),
    ],
)
def test_the_kubernetes_version_a_cluster_states(cluster: dict[str, Any], version: str | None) -> None:
    assert rules.kubernetes_version(cluster) == version


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("CREATE_COMPLETE", "ready"),
        ("CREATE_IN_PROGRESS", "building"),
        ("CREATE_FAILED", "failed"),
        ("UPDATE_IN_PROGRESS", "building"),
        ("UPDATE_COMPLETE", "ready"),
        ("UPDATE_FAILED", "ready"),
        ("DELETE_IN_PROGRESS", "leaving"),
        ("DELETE_FAILED", "leaving"),
        (None, "building"),
    ],
)
def test_what_a_status_means(status: str | None, verdict: str) -> None:
    assert rules.judge(status) == verdict


def test_what_magnum_is_asked_for() -> None:
    assert rules.create_request(SITE, template="t1", driver="heat") == {
        "name": "iris-cam",
        "cluster_template_id": "t1",
        "keypair": "default",
        "master_count": 1,
        "node_count": 2,
        "create_timeout": 45,
        "docker_volume_size": 33,
        "labels": LABELS,
        "merge_labels": True,
    }


def test_cluster_api_gets_the_volume_as_a_label() -> None:
    request = rules.create_request(SITE, template="t1", driver="capi")
    assert "docker_volume_size" not in request
    assert request["labels"] == {"boot_volume_size": "33", **LABELS}


def test_a_flavor_is_sent_only_when_the_site_has_one() -> None:
    cluster = SITE.cluster.model_copy(update={"node_flavor": "m1.large"})
    site = SITE.model_copy(update={"cluster": cluster})
    assert rules.create_request(site, template="t1", driver="heat")["flavor_id"] == "m1.large"


def test_a_cluster_as_asked_has_no_differences() -> None:
    assert rules.differences(SITE, CLUSTER, "heat") == []


def test_what_magnum_dropped_is_told() -> None:
    cluster = CLUSTER | {"docker_volume_size": 20, "labels": {"magnumhub_site": "iris-cam", "kube_tag": "v1.31.1"}}
    assert rules.differences(SITE, cluster, "heat") == [
        "docker_volume_size is 20, not 33",
        "label auto_healing_enabled is None, not true",
    ]


def test_what_cannot_be_changed_in_place_is_said() -> None:
    asked = {"node_count": 3, "keypair": "new", "node_flavor": "m1.large", "template": "kubernetes-1.31"}
    site = SITE.model_copy(update={"cluster": SITE.cluster.model_copy(update=asked)})
    cluster = CLUSTER | {"keypair": "default", "flavor_id": "m1.small", "docker_volume_size": 20, "master_count": 3}

    rows = rules.fixed_differences(site, cluster, "heat", template=("t-30", "kubernetes-1.30"))

    assert [row.resource for row in rows] == [
        "cluster iris-cam: master_count",
        "cluster iris-cam: docker_volume_size",
        "cluster iris-cam: keypair",
        "cluster iris-cam: flavor_id",
        "cluster iris-cam: template",
    ]
    assert {row.action for row in rows} == {"keep"}
    assert rows[-1].reason == (
        "the site asks for kubernetes-1.31, the cluster has kubernetes-1.30: this cannot be changed in place;"
        " teardown and provision, or set the file back"
    )


def test_the_newest_template_and_the_number_of_nodes_are_no_differences() -> None:
    site = SITE.model_copy(update={"cluster": SITE.cluster.model_copy(update={"node_count": 3})})
    assert rules.fixed_differences(site, CLUSTER, "heat", template=("t-30", "kubernetes-1.30")) == []
    named = site.model_copy(update={"cluster": site.cluster.model_copy(update={"template": "t-30"})})
    assert rules.fixed_differences(named, CLUSTER, "heat", template=("t-30", "kubernetes-1.30")) == []


BEFORE = {"status": "CREATE_COMPLETE", "node_count": 2, "updated_at": "10:00"}
FAILED = {"status": "UPDATE_FAILED", "node_count": 2, "updated_at": "10:00"}


@pytest.mark.parametrize(
    ("seen", "before", "step"),
    [
        ({"status": "CREATE_COMPLETE", "node_count": 3}, None, "done"),
        ({"status": "CREATE_COMPLETE", "node_count": 2}, None, "ask"),
        ({"status": "UPDATE_IN_PROGRESS", "node_count": 2}, None, "wait"),
        ({"status": "UPDATE_FAILED", "node_count": 3}, None, "ask"),
        ({"status": "CREATE_FAILED", "node_count": 2}, None, "failed"),
        ({"status": "DELETE_IN_PROGRESS", "node_count": 2}, None, "leaving"),
        ({}, None, "wait"),
        # asked: nothing of it yet; the number before the work; at work; an end
        (BEFORE, BEFORE, "wait"),
        (BEFORE | {"node_count": 3}, BEFORE, "wait"),
        ({"status": "UPDATE_IN_PROGRESS", "node_count": 3, "updated_at": "10:01"}, BEFORE, "wait"),
        ({"status": "UPDATE_COMPLETE", "node_count": 3, "updated_at": "10:02"}, BEFORE, "done"),
        ({"status": "UPDATE_FAILED", "node_count": 2, "updated_at": "10:02"}, BEFORE, "failed"),
        ({"status": "UPDATE_COMPLETE", "node_count": 5, "updated_at": "10:02"}, BEFORE, "failed"),
        # only its monitor wrote
        (BEFORE | {"updated_at": "10:01"}, BEFORE, "wait"),
        # the failure of before is not that of this request
        (FAILED, FAILED, "wait"),
        (FAILED | {"updated_at": "10:02"}, FAILED, "failed"),
    ],
)
def test_what_a_resize_needs_next(seen: dict[str, Any], before: dict[str, Any] | None, step: str) -> None:
    assert rules.resize_step(seen, 3, before) == step


def test_ours_is_what_carries_the_label() -> None:
    assert rules.is_ours(CLUSTER, "iris-cam")
    assert not rules.is_ours(CLUSTER | {"labels": {"magnumhub_site": "iris-ox"}}, "iris-cam")
    assert not rules.is_ours(CLUSTER | {"labels": None}, "iris-cam")


def test_every_run_names_the_same_cluster_as_the_elder() -> None:
    old = {"uuid": "b", "created_at": "2026-11-25T10:00:00+00:00"}
    same_second = {"uuid": "c", "created_at": "2026-11-25T10:00:00+00:00"}
    young = {"uuid": "a", "created_at": "2026-11-25T10:00:01+00:00"}
    assert rules.elder([young, same_second, old]) == old
    assert rules.elder([]) is None


def test_faults_are_told_with_their_reason_first() -> None:
    cluster = {
        "status_reason": "Failed to create",
        "faults": {"default-worker": "No valid host", "default-master": None},
    }
    assert rules.faults_of(cluster) == ["Failed to create", "default-worker: No valid host"]
    assert rules.faults_of({"status_reason": None}) == []


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("Quota exceeded for instances: Requested 1", "higher quota"),
        ("No valid host was found", "no room"),
        ("Failed to create trustee or trust for Cluster", "--unrestricted"),
        ("Timed out", "create_timeout_min"),
        ("something else", "support"),
    ],
)
def test_a_failure_comes_with_a_remedy(reason: str, remedy: str) -> None:
    assert remedy in rules.remedy_for(reason)
    assert rules.remedy_for(reason).endswith("--replace-failed, which deletes the failed cluster first")


@pytest.mark.parametrize(
    ("server", "is_master"),
    [
        ("iris-cam-5kped2f77si3-master-0", True),
        ("iris-cam-5kped2f77si3-node-0", False),
        ("iris-cam-2-5kped2f77si3-master-0", False),
        ("iris-cam-master-0", False),
        ("my-iris-cam-5kped2f77si3-master-0", False),
    ],
)
def test_masters_are_known_by_their_names(server: str, is_master: bool) -> None:
    assert bool(rules.server_pattern("iris-cam", "master").match(server)) == is_master


def test_long_names_are_cut_in_names_of_servers() -> None:
    name = "a-very-long-name-of-a-site-that-goes-on"
    assert rules.server_pattern(name, "master").match("a-very-long-name-of-a-site-tha-5kped2f77si3-master-0")


@pytest.mark.parametrize(
    ("cluster", "written"),
    [
        (CLUSTER, True),
        ({**CLUSTER, "node_count": 0}, False),
        ({**CLUSTER, "master_count": None}, False),
        ({}, False),
    ],
)
def test_a_new_cluster_is_judged_when_all_of_it_is_there(cluster: dict[str, Any], written: bool) -> None:
    assert rules.is_written(cluster) is written


def test_a_younger_cluster_that_was_never_complete_need_not_stay() -> None:
    stays = {**CLUSTER, "status": "CREATE_FAILED", "created_at": "2026-11-25T10:00:00"}
    young = {**CLUSTER, "uuid": "u0", "status": "CREATE_IN_PROGRESS", "created_at": "2026-11-25T10:00:01"}
    assert rules.unused_twins([young, stays]) == [young]
    assert rules.unused_twins([{**young, "status": "CREATE_COMPLETE"}, stays]) == []
    assert rules.unused_twins([{**young, "status": "DELETE_IN_PROGRESS"}, stays]) == []
    assert rules.unused_twins([young]) == []
