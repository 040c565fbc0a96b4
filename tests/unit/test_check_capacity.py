"""How many Dask workers fit on nodes with so much free, and how that is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from magnumhub.domain.checks.capacity import (
    NodeRoom,
    PodSize,
    WorkersFit,
    judge_capacity,
    scheduler_size,
    worker_size,
    workers_fit,
)
from magnumhub.domain.quantities import quantity
from magnumhub.domain.spec import Site

GIB = 1024**3


def site(values: Mapping[str, Any] | None = None, *, workers: int = 5) -> Site:
    """Workers of 1 core and 2 GiB."""
    return Site.model_validate(
        {
            "name": "iris",
            "cloud": "iris",
            "project": "iris",
            "cluster": {"keypair": "default"},
            "helm": {"version": "4.1.4", "sha256": "0" * 64},
            "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
            "jupyterhub": {"auth": {"kind": "dummy", "password": {"env": "UNUSED"}, "allow": "all"}},
            "dask_gateway": {"values": dict(values or {})},
            "health": {"workers": workers},
        }
    )


def backend(role: str, **settings: Any) -> dict[str, Any]:
    return {"gateway": {"backend": {role: settings}}}


def node(name: str, cores: float, gib: float, pods: int = 100) -> NodeRoom:
    return NodeRoom(name, int(cores * 1000), int(gib * GIB), pods)


def test_all_fit() -> None:
    # The scheduler goes where most is free, and takes 1 core and 2 GiB of it.
    rooms = [node("a", 3, 6), node("b", 3, 6)]
    assert workers_fit(site(), rooms, labels={}) == WorkersFit(5, 5)
    assert judge_capacity(WorkersFit(5, 5)) == []


def test_one_too_few_is_degraded_and_says_what_is_left() -> None:
    fit = workers_fit(site(), [node("a", 3, 6), node("b", 2.5, 5.25)], labels={})
    assert (fit.asked, fit.fit) == (5, 4)
    (finding,) = judge_capacity(fit)
    assert (finding.check, finding.level, finding.category.value) == ("dask_cluster", "Degraded", "capacity")
    assert finding.summary == (
        "4 of 5 Dask workers fit: beside the scheduler the roomiest of 2 nodes, b, has 0.5 cores and 1.25 GiB left, "
        "a worker takes 1 core and 2 GiB"
    )
    assert finding.remedy == "Add nodes, or make dask_gateway.worker smaller, or health.workers."


def test_workers_are_not_split_between_nodes() -> None:
    rooms = [node("a", 2, 4), node("b", 1.9, 8), node("c", 8, 3.9)]
    # b takes the scheduler, a two workers, c one for its memory.
    assert workers_fit(site(), rooms, labels={}).fit == 3


@pytest.mark.parametrize(
    ("rooms", "words"),
    [
        ([node("a", 1, 2)], "beside the scheduler node a has 0 cores and 0 GiB left, a worker takes 1 core and 2 GiB"),
        ([node("a", 0.9, 64)], "the Dask scheduler, 1 core and 2 GiB, fits on no node: node a has 0.9 cores"),
        ([node("a", 8, 64, pods=0)], "8 cores and 64 GiB left but takes no more pods"),
        ([node("a", 8, 64, pods=1)], "left but takes no more pods, a worker takes 1 core and 2 GiB"),
        ([], "no node is ready and takes pods"),
    ],
)
def test_none_at_all_is_unhealthy(rooms: list[NodeRoom], words: str) -> None:
    (finding,) = judge_capacity(workers_fit(site(), rooms, labels={}))
    assert (finding.level, finding.category.value) == ("Unhealthy", "capacity")
    assert finding.summary.startswith("0 of 5 Dask workers fit: ")
    assert words in finding.summary


def test_what_is_too_little_is_never_rounded_to_enough() -> None:
    fit = workers_fit(site(workers=2), [node("a", 2.999, 5.9999)], labels={})
    assert "0.99 cores and 1.99 GiB" in fit.reason


def test_more_than_is_free_reads_as_nothing() -> None:
    assert "0 cores and 1 GiB" in workers_fit(site(), [node("a", -0.5, 1)], labels={}).reason


@pytest.mark.parametrize(
    ("values", "scheduler", "worker"),
    [
        ({}, PodSize(1000, 2 * GIB), PodSize(1000, 2 * GIB)),
        (
            backend("scheduler", cores={"request": 0.1}, memory={"request": "512M"}),
            PodSize(100, GIB // 2),
            PodSize(1000, 2 * GIB),
        ),
        (
            backend("worker", cores={"request": 2}, memory={"request": 1073741824, "limit": "4G"}),
            PodSize(1000, 2 * GIB),
            PodSize(2000, GIB),
        ),
        (backend("worker", memory={"request": "1.5 G"}), PodSize(1000, 2 * GIB), PodSize(1000, 3 * GIB // 2)),
        (backend("scheduler", cores={"request": None}), PodSize(1000, 2 * GIB), PodSize(1000, 2 * GIB)),
    ],
)
def test_sizes_are_those_that_the_gateway_asks_for(values: dict[str, Any], scheduler: PodSize, worker: PodSize) -> None:
    assert scheduler_size(site(values)) == scheduler
    assert worker_size(site(values)) == worker


@pytest.mark.parametrize(
    ("values", "labels", "words"),
    [
        ({}, {"auto_scaling_enabled": "True"}, "makes nodes on demand"),
        (backend("worker", extraPodConfig={"nodeSelector": {"pool": "dask"}}), {}, "nodeSelector of each worker"),
        (backend("scheduler", extraPodConfig={"tolerations": [{"key": "x"}]}), {}, "tolerations of each scheduler"),
        (backend("worker", extraContainerConfig={"resources": {"requests": {}}}), {}, "resources of each worker"),
        (backend("worker", memory={"request": "2Gi"}), {}, "each worker request 1 cores and 2Gi, which is not"),
        (backend("scheduler", cores={"request": "500m"}), {}, "each scheduler request 500m cores and 2G, which is not"),
        (backend("worker", cores={"request": [1]}), {}, "each worker request [1] cores and 2G, which is not"),
    ],
)
def test_where_it_cannot_be_foreseen_all_are_asked_for(
    values: dict[str, Any], labels: dict[str, str], words: str
) -> None:
    fit = workers_fit(site(values), [node("a", 1, 1)], labels=labels)
    assert (fit.fit, fit.reason) == (5, "")
    (finding,) = judge_capacity(fit)
    assert finding.level == "Healthy"
    assert words in finding.summary


def test_other_pod_settings_change_nothing() -> None:
    values = backend("worker", extraPodConfig={"imagePullSecrets": [{"name": "x"}]})
    fit = workers_fit(site(values), [node("a", 2, 4)], labels={"auto_scaling_enabled": "false"})
    assert (fit.fit, fit.remark) == (1, "")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", "2"),
        (2, "2"),
        ("1930m", "1.93"),
        ("250u", "0.00025"),
        ("16392540Ki", "16785960960"),
        ("1.5Gi", "1610612736"),
        ("2G", "2000000000"),
        ("1e3", "1000"),
        ("12E-1", "1.2"),
        ("1E", "1000000000000000000"),
        ("128974848000m", "128974848"),
        (".5", "0.5"),
        ("-1k", "-1000"),
    ],
)
def test_quantities_of_kubernetes(text: str | int, number: str) -> None:
    assert f"{quantity(text).normalize():f}" == number


@pytest.mark.parametrize("text", ["", "1 Gi", "Gi", "1gi", "1K", "1e"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)
