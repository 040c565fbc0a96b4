"""Clusters: their odd first second, what is asked for and what is told, lists, names, other projects."""

from __future__ import annotations

import re

import pytest

from tests.contract.openstack.cloud import Project, Told, poll
from tests.contract.openstack.magnum_side import CLUSTERS, LATER, Built, Magnum, error, switched

HALF_THERE = "Invalid input for field/attribute master_count. Value: '0'. Value should be greater or equal to 1"


@pytest.fixture
def names(magnum_names: dict[str, str]) -> dict[str, str]:
    return magnum_names


def test_birth(built: Built) -> None:
    """404, then 400, then 200. How long each lasts, if at all, is a race of the real service."""
    statuses = [answer.status for answer in built.birth["one"]]
    assert statuses == sorted(statuses, key=[404, 400, 200].index)
    assert statuses[-1] == 200
    for what in ("one", "list", "detail"):
        half_there = {error(answer) for answer in built.birth[what] if answer.status == 400}
        assert half_there <= {HALF_THERE}
    assert {answer.status for answer in built.birth["list"]} <= {200, 400}


def test_no_authority_yet(built: Built) -> None:
    """A cluster's certificates are made after its row: until then there is no key pair."""
    refused = [error(answer) for answer in built.birth["authority"] if answer.status == 404]
    assert refused[-1] == "A key pair None could not be found."
    assert built.birth["authority"][-1].status == 200


def test_in_progress(told: Told, magnum: Magnum, built: Built) -> None:
    cluster = built.in_progress.body
    told.tell("magnum", f"GET {CLUSTERS}/{cluster['uuid']}", built.in_progress, comparable=magnum.comparable)
    assert cluster["status"] == "CREATE_IN_PROGRESS"
    assert (cluster["api_address"], cluster["master_addresses"]) == (None, [])
    assert (cluster["master_count"], cluster["node_count"], cluster["master_lb_enabled"]) == (3, 0, True)


def test_complete(told: Told, magnum: Magnum, built: Built) -> None:
    magnum.complete(built.full)
    for version in ("1.1", "1.14"):
        headers = {"OpenStack-API-Version": f"container-infra {version}"}
        path = f"{CLUSTERS}/{built.full}"
        cluster = told.call("magnum", "GET", path, headers=headers, comparable=magnum.comparable).body
        assert ("stack_id" in cluster, "cluster_id" in cluster) == (version == "1.1", version != "1.1")
    assert (cluster["docker_volume_size"], cluster["create_timeout"], cluster["node_count"]) == (33, 90, 2)
    assert (cluster["flavor_id"], cluster["master_flavor_id"]) == (magnum.flavors[1], magnum.flavors[0])
    assert cluster["api_address"].startswith("https://")
    assert cluster["coe_version"] is None or re.fullmatch(r"v?[0-9.]+", cluster["coe_version"])
    assert cluster["container_version"] is None or re.fullmatch(r"v?[0-9.]+", cluster["container_version"])
    assert cluster["health_status"] in (None, "HEALTHY", "UNHEALTHY", "UNKNOWN")
    assert isinstance(cluster["health_status_reason"], dict | None)
    assert isinstance(cluster["status_reason"], str | None)
    assert "faults" not in cluster
    assert (len(cluster["master_addresses"]), len(cluster["node_addresses"])) == (1, 2)
    floating = {ip.floating_ip_address for ip in magnum.project.connection.network.ips()}
    assert set(cluster["master_addresses"]) <= floating
    assert cluster["labels"] == {"contract_label": "first", "contract_count": "2"}
    assert cluster["labels_added"] == cluster["labels"]
    assert cluster["labels_skipped"] == magnum.template["labels"]


def test_merged_labels(told: Told, magnum: Magnum, built: Built) -> None:
    magnum.complete(built.merged)
    cluster = told.call("magnum", "GET", f"{CLUSTERS}/{built.merged}", comparable=magnum.comparable).body
    name, value, other = switched(magnum)
    given = {name: other, "contract_label": "first", "contract_count": "2"}
    assert cluster["labels"] == magnum.template["labels"] | given
    assert cluster["labels_added"] == {"contract_label": "first", "contract_count": "2"}
    assert (cluster["labels_overridden"], cluster["labels_skipped"]) == ({name: value}, {})


def test_plain(told: Told, magnum: Magnum, built: Built) -> None:
    """What is not asked for comes from the template."""
    magnum.complete(built.plain)
    cluster = told.call("magnum", "GET", f"{CLUSTERS}/{built.plain}", comparable=magnum.comparable).body
    assert cluster["labels"] == magnum.template["labels"]
    assert cluster["docker_volume_size"] == magnum.template["docker_volume_size"]
    assert (cluster["floating_ip_enabled"], cluster["create_timeout"], cluster["master_count"]) == (False, 60, 1)


def test_lists(told: Told, magnum: Magnum, built: Built) -> None:
    for uuid in (built.full, built.merged, built.plain):
        magnum.complete(uuid)

    def ours(body: dict) -> dict:
        kept = [cluster for cluster in body["clusters"] if cluster["uuid"] == built.full]
        return magnum.comparable(body | {"clusters": kept})

    poll(lambda: magnum.project.call("magnum", "GET", CLUSTERS).status == 200 or None, "clusters can be listed")
    listed = told.call("magnum", "GET", CLUSTERS, comparable=ours).body["clusters"]
    assert {built.full, built.merged, built.plain} <= {cluster["uuid"] for cluster in listed}
    assert not {"api_address", "master_addresses", "status_reason", "created_at"} & set(listed[0])
    detailed = told.call("magnum", "GET", f"{CLUSTERS}/detail", comparable=ours).body["clusters"]
    assert next(c for c in detailed if c["uuid"] == built.full) == magnum.read(built.full)
    later = {"OpenStack-API-Version": "container-infra 1.14"}
    for cluster in told.call("magnum", "GET", CLUSTERS, headers=later, comparable=ours).body["clusters"]:
        assert ("cluster_id" in cluster, "stack_id" in cluster) == (True, False)


def test_pages(told: Told, magnum: Magnum, built: Built) -> None:
    path, full = "clusters/detail", built.full
    query = {"limit": "1", "marker": full}
    page = magnum.project.call("magnum", "GET", f"/v1/{path}", query=query).body
    assert [cluster["uuid"] for cluster in page["clusters"]] == [built.merged]
    assert page["next"].endswith(f"/v1/{path}?sort_key=id&sort_dir=asc&limit=1&marker={built.merged}")
    for listing in (CLUSTERS, f"{CLUSTERS}/detail"):
        for wrong in ({"limit": "0"}, {"limit": "x"}, {"marker": "x"}):
            assert told.call("magnum", "GET", listing, query=wrong).status == 400
        unknown = {"marker": "7d1a3b3e-0000-4000-8000-000000000000"}
        assert told.call("magnum", "GET", listing, query=unknown).status == 404


def test_by_name(told: Told, magnum: Magnum, built: Built) -> None:
    magnum.complete(built.full)
    by_name = magnum.project.call("magnum", "GET", f"{CLUSTERS}/contract-full")
    assert by_name.body["uuid"] == built.full
    for uuid in (built.merged, built.plain):
        magnum.complete(uuid)
    ambiguous = {"cluster_uuid": "contract-twin", "csr": "x"}
    for method, path, body in (
        ("GET", f"{CLUSTERS}/contract-twin", None),
        ("DELETE", f"{CLUSTERS}/contract-twin", None),
        ("GET", f"{CLUSTERS}/contract-twin/nodegroups", None),
        ("GET", "/v1/certificates/contract-twin", None),
        ("POST", "/v1/certificates", ambiguous),
    ):
        assert told.call("magnum", method, path, body, headers=LATER).status == 409


@pytest.mark.parametrize("whose", ["others", "nobody"])
def test_not_ours(told: Told, magnum: Magnum, built: Built, other: Project, whose: str) -> None:
    magnum.complete(built.full)
    asking = other if whose == "others" else None
    ident = built.full if whose == "others" else "contract-none"
    for method, path in (
        ("GET", f"{CLUSTERS}/{ident}"),
        ("DELETE", f"{CLUSTERS}/{ident}"),
        ("GET", f"{CLUSTERS}/{ident}/nodegroups"),
        ("GET", f"/v1/certificates/{ident}"),
    ):
        assert told.call("magnum", method, path, of=asking, headers=LATER).status == 404
    assert magnum.read(built.full)


def test_nodegroups(told: Told, magnum: Magnum, built: Built) -> None:
    magnum.complete(built.full)
    path = f"{CLUSTERS}/{built.full}/nodegroups"
    assert told.call("magnum", "GET", path).status == 406
    groups = told.call("magnum", "GET", path, headers=LATER).body["nodegroups"]
    assert [(group["role"], group["node_count"]) for group in groups] == [("master", 1), ("worker", 2)]


def test_numbers(told: Told, magnum: Magnum, built: Built, other: Project) -> None:
    """Quota and statistics; of others they are nobody's business."""
    own, theirs = magnum.project.project_id, other.project_id
    magnum.complete(built.full)
    quota = told.call("magnum", "GET", f"/v1/quotas/{own}/Cluster")
    assert quota.body["hard_limit"] > 0
    assert told.call("magnum", "GET", f"/v1/quotas/{theirs}/Cluster").status == 403
    stats = magnum.project.call("magnum", "GET", "/v1/stats", query={"project_id": own})
    assert set(stats.body) == {"clusters", "nodes"}
    assert stats.body["clusters"] >= 3
    assert told.call("magnum", "GET", "/v1/stats", query={"project_id": theirs}).status == 403
