"""The sandbox's Kubernetes API: its decisions, with literal values."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.apply import apply, record_update
from sandbox.kube.cells import duration
from sandbox.kube.controllers.placement import (
    NOTHING,
    Room,
    needs,
    quantity,
    refusal,
    unschedulable_message,
    untolerated_taint,
)
from sandbox.kube.controllers.rollout import Size, rolling_sizes
from sandbox.kube.errors import StatusError
from sandbox.kube.kinds import Resource
from sandbox.kube.patches import json_patch, merge_patch, strategic_merge
from sandbox.kube.pod_words import pod_status
from sandbox.kube.quantities import canonical
from sandbox.kube.selectors import field_selector, label_selector, matches_labels
from sandbox.kube.store import Store
from sandbox.kube.types import ANY, META, built_in, read

PODS = Resource("", "v1", "pods", "Pod", True)
SERVICE = built_in("", "v1", "Service")

Obj = dict[str, Any]


@pytest.mark.parametrize(
    ("new", "old", "next_new", "next_old"),
    [
        (Size(0, 0), [Size(2, 2)], 1, [2]),  # one more than wanted, none fewer available
        (Size(1, 1), [Size(2, 2)], 1, [1]),
        (Size(1, 1), [Size(1, 1)], 2, [1]),
        (Size(2, 2), [Size(1, 1)], 2, [0]),
        (Size(1, 0), [Size(0, 0), Size(2, 2)], 1, [0, 2]),
        (Size(3, 3), [], 2, []),
    ],
)
def test_rolling_update_of_two_pods(new: Size, old: list[Size], next_new: int, next_old: list[int]) -> None:
    assert rolling_sizes(2, new, old, "25%", "25%") == (next_new, next_old)


def test_old_pods_that_do_not_work_go_first() -> None:
    assert rolling_sizes(2, Size(0, 0), [Size(1, 1), Size(1, 0)], "25%", 1) == (1, [1, 0])


def test_rolling_update_that_may_neither_surge_nor_lack_lacks_one() -> None:
    assert rolling_sizes(2, Size(0, 0), [Size(2, 2)], 0, "25%") == (0, [1])


@pytest.mark.parametrize(
    ("text", "number"), [("500m", 0.5), ("2", 2), ("1.5Gi", 1.5 * 2**30), ("1e3", 1000), ("64M", 64e6), (None, 0)]
)
def test_quantities(text: str | None, number: float) -> None:
    assert float(quantity(text)) == number


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (1073741824, "1073741824"),
        ("1024Mi", "1Gi"),
        ("1536Mi", "1536Mi"),
        ("512Ki", "512Ki"),
        ("0.5", "500m"),
        ("1000m", "1"),
        (2000, "2k"),
        ("1.5Gi", "1536Mi"),
        (0, "0"),
        ("0.5Ki", "512"),
        ("1e3", "1e3"),
    ],
)
def test_quantities_as_they_are_stored(sent: str | int, stored: str) -> None:
    assert canonical(sent) == stored


def node(cpu: str = "2", memory: str = "4Gi", ready: str = "True", **spec: Any) -> Obj:
    status = {"allocatable": {"cpu": cpu, "memory": memory}, "conditions": [{"type": "Ready", "status": ready}]}
    return {"metadata": {"name": "a", "labels": {"zone": "x"}}, "spec": spec, "status": status}


def pod_spec(cpu: str = "1", memory: str = "1Gi", **more: Any) -> Obj:
    return {"containers": [{"resources": {"requests": {"cpu": cpu, "memory": memory}}}], **more}


@pytest.mark.parametrize(
    ("spec", "on", "used", "reasons"),
    [
        (pod_spec(), node(), NOTHING, []),
        (pod_spec(), node(), Room(quantity("1500m"), quantity("1Gi"), 1), ["Insufficient cpu"]),
        (pod_spec(cpu="3", memory="5Gi"), node(), NOTHING, ["Insufficient cpu", "Insufficient memory"]),
        (pod_spec(), node(), Room(quantity(0), quantity(0), 110), ["Too many pods"]),
        (pod_spec(nodeSelector={"zone": "y"}), node(), NOTHING, ["node(s) didn't match Pod's node affinity/selector"]),
        (pod_spec(), node(unschedulable=True), NOTHING, ["node(s) were unschedulable"]),
    ],
)
def test_why_a_node_does_not_take_a_pod(spec: Obj, on: Obj, used: Room, reasons: list[str]) -> None:
    assert refusal(spec, on, used) == reasons


def test_needs_are_the_containers_together_or_the_largest_init_container() -> None:
    first = {"resources": {"requests": {"cpu": "3"}}}
    two = pod_spec()["containers"] * 2
    assert needs({"containers": two, "initContainers": [first]}) == Room(quantity("3"), quantity("2Gi"), 1)


def test_taints_and_tolerations() -> None:
    tainted = node(taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}])
    assert untolerated_taint({}, tainted) == "{gpu: yes}"
    assert untolerated_taint({"tolerations": [{"key": "gpu", "operator": "Equal", "value": "yes"}]}, tainted) is None
    assert untolerated_taint({"tolerations": [{"operator": "Exists"}]}, tainted) is None
    assert untolerated_taint({}, node(ready="False")) == "{node.kubernetes.io/not-ready: }"


def test_the_schedulers_sentence() -> None:
    assert unschedulable_message([], 0) == "no nodes available to schedule pods"
    assert unschedulable_message([["Insufficient memory"], ["Insufficient cpu", "Insufficient memory"]], 1) == (
        "0/2 nodes are available: 1 Insufficient cpu, 2 Insufficient memory. "
        "no new claims to deallocate, preemption: 0/2 nodes are available: "
        "1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
    )


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ("", {}, True),
        ("a=b,c!=d", {"a": "b"}, True),
        ("a=b,c!=d", {"a": "b", "c": "d"}, False),
        ("a in (b, c),d", {"a": "c", "d": ""}, True),
        ("a notin (b,c)", {}, True),
        ("!a", {"a": "b"}, False),
        ("owner!=helm", {}, True),
    ],
)
def test_label_selectors(selector: str, labels: dict[str, str], selected: bool) -> None:
    assert label_selector(selector)({"metadata": {"labels": labels}}) is selected


def test_field_selectors_and_selector_objects() -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"nodeName": "n"}, "status": {}}
    assert field_selector("spec.nodeName=n,status.phase!=Failed", PODS)(pod)
    assert not field_selector("metadata.name=q", PODS)(pod)
    expression = {"key": "a", "operator": "In", "values": ["b"]}
    assert matches_labels({"matchLabels": {"x": "y"}, "matchExpressions": [expression]}, {"x": "y", "a": "b"})
    with pytest.raises(StatusError, match="unable to parse"):
        label_selector("a b")


def test_patches() -> None:
    assert merge_patch({"a": {"b": 1, "c": 2}}, {"a": {"b": None}, "d": [1]}) == {"a": {"c": 2}, "d": [1]}
    assert json_patch({"a": 1}, [{"op": "test", "path": "/a", "value": 1}, {"op": "remove", "path": "/a"}]) == {}
    with pytest.raises(StatusError) as refused:
        json_patch({}, [{"op": "remove", "path": "/a"}])
    assert refused.value.code == 422


def test_strategic_merge_knows_what_tells_items_apart() -> None:
    live = {"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]}
    change = {"containers": [{"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}]}]}
    first = {"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]}
    assert strategic_merge(live, change, read("core.v1.PodSpec")) == {"containers": [first, {"name": "b"}]}
    assert strategic_merge(live, {"containers": [{"name": "a", "$patch": "delete"}]}, read("core.v1.PodSpec")) == {
        "containers": [{"name": "b"}]
    }
    ordered = {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}
    assert [c["name"] for c in strategic_merge(live, ordered, read("core.v1.PodSpec"))["containers"]] == ["b", "a"]
    assert strategic_merge({"finalizers": ["x", "y"]}, {"$deleteFromPrimitiveList/finalizers": ["x"]}, read(META)) == {
        "finalizers": ["y"]
    }
    assert strategic_merge({"a": {"b": 1, "c": 2}}, {"a": {"$retainKeys": ["c"], "c": 3}}, ANY) == {"a": {"c": 3}}


def service(**spec: Any) -> Obj:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}


def test_apply_conflicts_name_field_and_owner() -> None:
    live = apply(
        None, service(loadBalancerIP="192.0.2.1", type="LoadBalancer"), SERVICE, "helm", force=False, subresource=""
    )
    patched = {**live, "spec": {**live["spec"], "loadBalancerIP": "192.0.2.2"}}
    live = record_update(live, patched, SERVICE, "kubectl-patch", "")
    wanted = service(loadBalancerIP="192.0.2.3", type="LoadBalancer")
    with pytest.raises(StatusError) as refused:
        apply(live, wanted, SERVICE, "helm", force=False, subresource="")
    told = 'Apply failed with 1 conflict: conflict with "kubectl-patch" using v1: .spec.loadBalancerIP'
    assert (refused.value.code, refused.value.message) == (409, told)
    forced = apply(live, wanted, SERVICE, "helm", force=True, subresource="")
    assert forced["spec"]["loadBalancerIP"] == "192.0.2.3"
    assert [m["manager"] for m in forced["metadata"]["managedFields"]] == ["helm"]


def test_apply_takes_away_what_it_no_longer_asks_for_and_nobody_else_owns() -> None:
    ports = [{"name": "a", "port": 1}, {"name": "b", "port": 2}]
    live = apply(None, service(ports=ports, externalName="x"), SERVICE, "helm", force=False, subresource="")
    live = record_update(live, {**live, "spec": {**live["spec"], "sessionAffinity": "None"}}, SERVICE, "other", "")
    after = apply(live, service(ports=ports[1:]), SERVICE, "helm", force=False, subresource="")
    assert after["spec"] == {"ports": [{"name": "b", "port": 2}], "sessionAffinity": "None"}


def test_an_item_stays_while_somebody_else_owns_a_field_of_it() -> None:
    ports = [{"name": "a", "port": 1}, {"name": "b", "port": 2}]
    live = apply(None, service(ports=ports), SERVICE, "helm", force=False, subresource="")
    numbered = {**live, "spec": {"ports": [{**ports[0], "nodePort": 30000}, ports[1]]}}
    live = record_update(live, numbered, SERVICE, "other", "")
    after = apply(live, service(ports=ports[1:]), SERVICE, "helm", force=False, subresource="")
    assert after["spec"]["ports"] == [{"port": 1, "nodePort": 30000}, {"name": "b", "port": 2}]


def test_an_apply_that_changes_nothing_leaves_the_owners_alone() -> None:
    live = apply(None, service(type="ClusterIP"), SERVICE, "helm", force=False, subresource="")
    live["metadata"]["managedFields"][0]["time"] = "2026-01-01T00:00:00Z"
    assert apply(live, service(type="ClusterIP"), SERVICE, "helm", force=False, subresource="") == live


def test_the_log_of_events_ends_somewhere() -> None:
    store = Store(kept_events=2)
    for name in ("a", "b", "c"):
        store.put("", "secrets", {"metadata": {"name": name}})
    assert [e.object["metadata"]["name"] for e in store.since("", "secrets", 2)] == ["b", "c"]
    with pytest.raises(StatusError, match="too old resource version: 1"):
        store.since("", "secrets", 1)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({"phase": "Pending"}, "Pending"),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}, "ImagePullBackOff"),
        ({"containerStatuses": [{"state": {"terminated": {"exitCode": 2, "reason": "Error"}}}]}, "Error"),
        ({"containerStatuses": [{"state": {"terminated": {"exitCode": 2}}}]}, "ExitCode:2"),
        ({"initContainerStatuses": [{"state": {"running": {}}}]}, "Init:0/1"),
    ],
)
def test_the_word_for_a_pod(status: Obj, word: str) -> None:
    spec = {"containers": [{}], "initContainers": [{}]}
    assert pod_status({"metadata": {}, "spec": spec, "status": status}) == word
    going = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert pod_status({"metadata": going, "spec": spec, "status": status}) == "Terminating"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(5, "5s"), (119, "119s"), (185, "3m5s"), (3600, "60m"), (12000, "3h20m"), (90000, "25h"), (200000, "2d7h")],
)
def test_ages_are_shortened(seconds: float, told: str) -> None:
    assert duration(seconds) == told
