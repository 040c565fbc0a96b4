"""What is there of a site's cluster, releases, workloads and addresses, judged with literal values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from magnumhub.domain.checks.addresses import AddressSeen, judge_address
from magnumhub.domain.checks.kubernetes import NodeSeen, judge_cluster, judge_nodes
from magnumhub.domain.checks.releases import judge_releases, releases_of
from magnumhub.domain.checks.workloads import WorkloadsSeen, judge_workloads, restarts_since
from magnumhub.domain.findings import Finding
from magnumhub.domain.results import MagnumCluster, Release
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import ServiceName
from magnumhub.kube.workloads import gaps_of, restarts_of, waiting_of

SITE = {
    "name": "iris-cam",
    "cloud": "iris",
    "project": "iris",
    "cluster": {"keypair": "default"},
    "helm": {"version": "4.1.4", "sha256": "0" * 64},
    "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
    "jupyterhub": {"auth": {"kind": "dummy", "password": {"env": "UNUSED"}, "allow": "all"}},
}


def site(**different: Any) -> Site:
    return Site.model_validate(SITE | different)


def told(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.level, finding.category.value, finding.about) for finding in findings]


class TestNodes:
    def test_all_that_magnum_has_are_ready(self) -> None:
        master = NodeSeen("m", True, schedulable=False)
        assert judge_nodes([master, NodeSeen("a", True), NodeSeen("b", True)], 2) == []

    def test_one_of_two(self) -> None:
        [finding] = judge_nodes([NodeSeen("a", True), NodeSeen("b", False, "kubelet stopped posting")], 2)
        assert (finding.level, finding.category) == ("Degraded", "capacity")
        assert finding.summary == "1 of 2 nodes ready; b: kubelet stopped posting"

    def test_none(self) -> None:
        assert told(judge_nodes([NodeSeen("a", False, "gone")], 2)) == [("Unhealthy", "capacity", "")]

    def test_a_cluster_that_scales_itself_has_as_many_as_it_needs(self) -> None:
        good, cordoned = NodeSeen("a", True), NodeSeen("b", True, "cordoned", schedulable=False)
        assert judge_nodes([good], 5, is_autoscaling=True) == []
        [finding] = judge_nodes([good, cordoned], 1, is_autoscaling=True)
        assert (finding.level, finding.summary) == ("Degraded", "1 of 1 nodes ready; b: cordoned")
        assert told(judge_nodes([], 0, is_autoscaling=True)) == [("Unhealthy", "capacity", "")]

    @pytest.mark.parametrize(("status", "count"), [("CREATE_COMPLETE", 0), ("UPDATE_FAILED", 1)])
    def test_a_change_that_magnum_could_not_finish(self, status: str, count: int) -> None:
        found = MagnumCluster(uuid="u", name="iris-cam", template="t", driver="heat", status=status)
        assert told(judge_cluster(found)) == [("Degraded", "service", "")] * count


def release(name: str, namespace: str, **different: Any) -> Release:
    values = {"chart": name, "version": "4.4.0", "app_version": "5.5.0", "revision": 1, "status": "deployed"}
    return Release.model_validate({"name": name, "namespace": namespace} | values | different)


HUB, GATEWAY = release("jupyterhub", "jhub"), release("dask-gateway", "dask-gateway", version="2026.3.0")


class TestReleases:
    def test_only_the_sites_own_count(self) -> None:
        found = releases_of(site(), [HUB, GATEWAY, release("jupyterhub", "other")])
        assert found == {"jupyterhub": HUB, "dask_gateway": GATEWAY}
        assert judge_releases(site(), found) == []

    def test_one_that_is_not_there(self) -> None:
        [finding] = judge_releases(site(), {"dask_gateway": GATEWAY})
        assert (finding.level, finding.category, finding.about) == ("Unhealthy", "release", "jupyterhub")
        assert finding.summary == "there is no release jupyterhub in namespace jhub"

    @pytest.mark.parametrize("status", ["pending-upgrade", "pending-install", "failed"])
    def test_one_that_was_left_half_way(self, status: str) -> None:
        half = HUB.model_copy(update={"status": status, "revision": 3})
        [finding] = judge_releases(site(), {"jupyterhub": half, "dask_gateway": GATEWAY})
        assert (finding.level, finding.category) == ("Degraded", "release")
        assert f"{status} in revision 3" in finding.summary

    def test_another_version_than_the_site_pins(self) -> None:
        hub = {"chart": {"repo": "https://hub.example.org", "version": "4.3.5"}, **SITE["jupyterhub"]}  # type: ignore[dict-item]
        [finding] = judge_releases(site(jupyterhub=hub), {"jupyterhub": HUB, "dask_gateway": GATEWAY})
        assert (finding.level, finding.summary) == (
            "Degraded",
            "release jupyterhub is chart 4.4.0, the site asks for 4.3.5",
        )


def workloads(**different: Any) -> WorkloadsSeen:
    return WorkloadsSeen.model_validate({"part": "jupyterhub", "namespace": "jhub"} | different)


class TestWorkloads:
    def test_all_available(self) -> None:
        assert judge_workloads(workloads(), before={}) == []

    def test_one_that_does_not_serve_says_why(self) -> None:
        seen = workloads(down=("hub: 0 of 1 available",), why="hub-1: hub ended 4 times (Error, exit code 1)\n    boom")
        [finding] = judge_workloads(seen, before=None)
        assert told([finding]) == [("Unhealthy", "workload", "jupyterhub")]
        assert finding.summary == ("jhub: hub: 0 of 1 available: hub-1: hub ended 4 times (Error, exit code 1) | boom")

    def test_one_that_serves_with_less_than_it_should_is_degraded(self) -> None:
        seen = workloads(short=("user-scheduler: 1 of 2 available",), why="user-scheduler-2: no node for it")
        [finding] = judge_workloads(seen, before=None)
        assert told([finding]) == [("Degraded", "workload", "jupyterhub")]
        assert finding.summary == "jhub: user-scheduler: 1 of 2 available: user-scheduler-2: no node for it"
        seen = workloads(down=("hub: scaled to 0",), short=("user-scheduler: 1 of 2 available",))
        [finding] = judge_workloads(seen, before=None)
        assert finding.level == "Unhealthy"
        assert finding.summary == "jhub: hub: scaled to 0; user-scheduler: 1 of 2 available"

    def test_restarts_count_from_the_last_check(self) -> None:
        now = {"jhub/hub-1/hub": 5, "jhub/proxy-1/chp": 2}
        assert restarts_since(now, {"jhub/hub-1/hub": 4, "jhub/proxy-1/chp": 2}) == {"jhub/hub-1/hub": 1}
        assert restarts_since(now, None) == {}, "the first check has nothing to compare with"

    @pytest.mark.parametrize(("before", "level"), [(3, "Healthy"), (2, "Degraded")])
    def test_many_restarts_are_a_fault(self, before: int, level: str) -> None:
        seen = workloads(restarts={"jhub/hub-1/hub": 5})
        assert told(judge_workloads(seen, before={"jhub/hub-1/hub": before})) == [(level, "workload", "jupyterhub")]

    def test_pods_that_wait_for_room(self) -> None:
        seen = workloads(waiting=("jupyter-ann: no node for it: 0/2 nodes are available",))
        [finding] = judge_workloads(seen, before=None)
        assert told([finding]) == [("Degraded", "capacity", "jupyterhub")]
        assert "1 pods wait in jhub: jupyter-ann" in finding.summary

    def test_workers_that_wait_for_room_are_a_remark(self) -> None:
        seen = workloads(part="dask_gateway", namespace="dask-gateway", workers=("dask-worker-1: no node for it",) * 4)
        [finding] = judge_workloads(seen, before=None)
        assert told([finding]) == [("Healthy", "capacity", "dask_gateway")]
        assert finding.summary.startswith("4 Dask workers wait in dask-gateway: dask-worker-1: no node for it; ")


def deployment(name: str, *, replicas: int = 1, there: int = 1, available: int = 1) -> dict[str, Any]:
    status = {"observedGeneration": 1, "updatedReplicas": there, "replicas": there, "availableReplicas": available}
    return {"metadata": {"name": name, "generation": 1}, "spec": {"replicas": replicas}, "status": status}


def pod(name: str, *, restarts: int = 0, made: str = "2026-11-25T04:00:00Z", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "jhub", "labels": labels, "creationTimestamp": made},
        "spec": {},
        "status": {
            "phase": "Pending",
            "containerStatuses": [{"name": "main", "restartCount": restarts, "state": {}}],
            "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available"}],
        },
    }


class TestWhatIsSeenOfWorkloads:
    def test_missing_scaled_down_and_unavailable(self) -> None:
        there = [
            deployment("proxy", replicas=0, there=0, available=0),
            deployment("hub", available=0),
            deployment("autohttps"),
        ]
        assert gaps_of(there, ("hub", "proxy", "api")) == (
            ["api: there is no such Deployment", "proxy: scaled to 0", "hub: 0 of 1 available"],
            [],
        )
        assert gaps_of([deployment("user-scheduler", available=0), {**deployment("hub"), "status": {}}], ()) == (
            ["user-scheduler: 0 of 1 available", "hub: not looked at yet"],
            [],
        )

    def test_what_serves_all_the_same(self) -> None:
        there = [
            deployment("user-scheduler", replicas=2, there=2),
            deployment("hub", there=2, available=2),
            deployment("extra", replicas=0, there=0, available=0),
        ]
        assert gaps_of(there, ("hub",)) == (
            [],
            ["user-scheduler: 1 of 2 available", "hub: rolling out", "extra: scaled to 0"],
        )

    def test_restarts_of_notebooks_are_their_users_affair(self) -> None:
        pods = [
            pod("hub-1", restarts=2, release="jupyterhub"),
            pod("jupyter-ann", restarts=9, release="jupyterhub", component="singleuser-server"),
            pod("other-1", restarts=9),
        ]
        assert dict(restarts_of(pods, "release=jupyterhub")) == {"jhub/hub-1/main": 2}

    def test_only_pods_that_have_waited_long(self) -> None:
        pods = [
            pod("jupyter-ann"),
            pod("jupyter-bob", made="2026-11-25T04:09:00Z"),
            pod("user-placeholder-0", component="user-placeholder"),
            pod("dask-worker-1", **{"app.kubernetes.io/component": "dask-worker"}),
            pod("dask-scheduler-1", **{"app.kubernetes.io/component": "dask-scheduler"}),
        ]
        before = datetime(2026, 11, 25, 4, 5, tzinfo=UTC)
        waiting, workers = waiting_of(pods, [], before)
        assert waiting == [
            "jupyter-ann: no node for it: 0/2 nodes are available",
            "dask-scheduler-1: no node for it: 0/2 nodes are available",
        ]
        assert workers == ["dask-worker-1: no node for it: 0/2 nodes are available"]


def address(**different: Any) -> AddressSeen:
    good = {
        "part": "jupyterhub",
        "service": ServiceName("jhub", "proxy-public"),
        "exists": True,
        "marked": "192.0.2.7",
        "serves": True,
        "asked": "192.0.2.7",
        "shown": "192.0.2.7",
        "ports": {"http": 80},
    }
    return AddressSeen.model_validate(good | different)


def at_https(kind: str) -> Site:
    more = {"letsencrypt": {"contact_email": "a@example.org"}, "secret": {"secret_name": "tls"}}.get(kind, {})
    hub = {"hostname": "hub.example.org", "https": {"kind": kind, **more}, **SITE["jupyterhub"]}  # type: ignore[dict-item]
    return site(jupyterhub=hub)


class TestAddresses:
    def test_all_agree(self) -> None:
        assert judge_address(site(), address()) == []

    @pytest.mark.parametrize(
        ("different", "level", "words"),
        [
            ({"exists": False}, "Unhealthy", "no Service jhub/proxy-public"),
            ({"shown": None}, "Unhealthy", "EXTERNAL-IP of jhub/proxy-public is pending"),
            ({"closed": {80: "packets are dropped"}}, "Unhealthy", "192.0.2.7 does not answer from here, port 80"),
            ({"shown": "192.0.2.9"}, "Degraded", "is 192.0.2.9, the site's address is 192.0.2.7"),
            ({"asked": "192.0.2.9"}, "Degraded", "asks for 192.0.2.9, the site's address is 192.0.2.7"),
            ({"marked": None}, "Degraded", "not marked as ours"),
            ({"serves": False}, "Unhealthy", "192.0.2.7 is not associated"),
        ],
    )
    def test_who_disagrees(self, different: dict[str, Any], level: str, words: str) -> None:
        [finding] = judge_address(site(), address(**different))
        assert told([finding]) == [(level, "address", "jupyterhub")]
        assert words in finding.summary
        assert finding.remedy

    @pytest.mark.parametrize(
        ("asked", "remedy"),
        [("192.0.2.7", "kubectl annotate"), (None, "helm rollback"), ("192.0.2.9", "helm rollback")],
    )
    def test_a_lost_address_that_does_not_answer_is_one_finding(self, asked: str | None, remedy: str) -> None:
        lost = address(shown="192.0.2.9", asked=asked, serves=False, closed={80: "packets are dropped"})
        [finding] = judge_address(site(), lost)
        assert finding.level == "Unhealthy"
        assert finding.summary == "EXTERNAL-IP of jhub/proxy-public is 192.0.2.9, the site's address is 192.0.2.7"
        assert remedy in finding.remedy

    @pytest.mark.parametrize(
        ("https", "closed", "level"),
        [
            ("off", 80, "Unhealthy"),
            ("secret", 443, "Unhealthy"),
            ("secret", 80, "Healthy"),
            ("letsencrypt", 443, "Unhealthy"),
            ("letsencrypt", 80, "Degraded"),
            ("offload", 443, "Healthy"),
        ],
    )
    def test_users_come_by_one_port(self, https: str, closed: int, level: str) -> None:
        ports = {"http": 80} if https == "off" else {"https": 443, "http": 80}
        [finding] = judge_address(at_https(https), address(ports=ports, closed={closed: "packets are dropped"}))
        assert (finding.level, finding.category) == (level, "address")
        assert finding.summary == f"192.0.2.7 does not answer from here, port {closed}: packets are dropped"

    @pytest.mark.parametrize(("closed", "level"), [(8000, "Unhealthy"), (8786, "Degraded")])
    def test_clients_of_the_gateway_come_by_web(self, closed: int, level: str) -> None:
        ports = {"web": 8000, "tcp": 8786}
        [finding] = judge_address(site(), address(part="dask_gateway", ports=ports, closed={closed: "refused"}))
        assert told([finding]) == [(level, "address", "dask_gateway")]

    def test_a_lost_address_that_answers_where_users_come(self) -> None:
        ports = {"https": 443, "http": 80}
        lost = address(shown="192.0.2.9", ports=ports, closed={80: "packets are dropped"})
        assert [finding.level for finding in judge_address(at_https("secret"), lost)] == ["Degraded"]

    def test_what_neutron_does_not_show_is_judged_by_what_answers(self) -> None:
        external = site(network={"load_balancers": "external"})
        assert judge_address(external, address(serves=False)) == []
        [finding] = judge_address(external, address(serves=False, closed={80: "packets are dropped"}))
        assert (finding.level, "does not answer" in finding.summary) == ("Unhealthy", True)

    @pytest.mark.parametrize(("shown", "count"), [("192.0.2.7.nip.io", 0), ("192.0.2.70", 1), ("192.0.2.70.nip.io", 1)])
    def test_a_name_that_holds_the_address(self, shown: str, count: int) -> None:
        assert len(judge_address(site(), address(shown=shown))) == count

    def test_the_file_pins_another_one(self) -> None:
        network = {"floating_ips": {"jupyterhub": "192.0.2.8"}}
        [finding] = judge_address(site(network=network), address())
        assert (finding.level, finding.category) == ("Degraded", "address")
        assert "network.floating_ips.jupyterhub is 192.0.2.8" in finding.summary
