"""How many of the benchmark's workers fit on the nodes beside what runs there: told before a wait could end in vain.

Kubernetes' scheduler decides in the end. This only foresees it, so that a shortfall is explained and not met as a
time-out; where it cannot be foreseen, all workers are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.spec import Site
from magnumhub.domain.values import value_at

_GIB = 1024**3
_AUTOSCALING = "auto_scaling_enabled"
"""Label of a Magnum cluster that makes nodes when pods wait for room.
Source: https://docs.openstack.org/magnum/latest/user/#auto-scaling-enabled"""

_SCHEDULER = (1.0, "2G")
"""What a scheduler asks for where the chart says nothing. Source: scheduler_cores and scheduler_memory of
dask-gateway-server's ClusterConfig."""

_MEMORY_UNITS = {"K": 1024, "M": 1024**2, "G": _GIB, "T": 1024**4}
"""Powers of 1024, other than Kubernetes' own letters. Source: MemoryLimit of dask-gateway-server."""

_PLACING = ("nodeSelector", "affinity", "tolerations")


@dataclass(frozen=True)
class NodeRoom:
    """What is free on one node for pods still to come: thousandths of cores, bytes, number of pods."""

    name: str
    millicores: int
    memory_bytes: int
    pods: int


@dataclass(frozen=True)
class PodSize:
    """What one pod requests."""

    millicores: int
    memory_bytes: int


@dataclass(frozen=True)
class WorkersFit:
    """How many of the asked workers fit.

    reason: why not all of them; empty when they do.
    remark: why all are asked for without knowing.
    """

    asked: int
    fit: int
    reason: str = ""
    remark: str = ""


def workers_fit(site: Site, rooms: Sequence[NodeRoom], *, labels: Mapping[str, str]) -> WorkersFit:
    """How many of health.workers fit beside a Dask scheduler, on each node as many as it holds.

    Args:
        rooms: of each node that takes pods.
        labels: of the Magnum cluster; an autoscaling one makes room when it is asked for.
    """
    asked = site.health.workers
    if unknown := _unforeseeable(site, labels):
        return WorkersFit(asked, asked, remark=unknown)
    try:
        scheduler, worker = scheduler_size(site), worker_size(site)
    except ValueError as error:
        return WorkersFit(asked, asked, remark=f"whether all workers fit was not asked: {error}")
    left = _with_scheduler(rooms, scheduler)
    if left is None:
        reason = f"the Dask scheduler, {_size(scheduler)}, fits on no node: {_roomiest(rooms)}"
        return WorkersFit(asked, 0, reason)
    held = [_held(room, worker) for room in left]
    if (fit := sum(held)) >= asked:
        return WorkersFit(asked, asked)
    spare = [_without(room, worker, count) for room, count in zip(left, held, strict=True)]
    return WorkersFit(asked, fit, f"beside the scheduler {_roomiest(spare)}, a worker takes {_size(worker)}")


def is_autoscaling(labels: Mapping[str, str]) -> bool:
    """Whether a Magnum cluster with these labels makes nodes by itself, and takes them away."""
    return str(labels.get(_AUTOSCALING, "")).lower() == "true"


def judge_capacity(fit: WorkersFit) -> list[Finding]:
    """One finding when not all workers fit, a remark when that was not foreseen; else none."""
    if fit.remark:
        return [_finding("Healthy", fit.remark, "")]
    if not fit.reason:
        return []
    remedy = "Add nodes, or make dask_gateway.worker smaller, or health.workers."
    summary = f"{fit.fit} of {fit.asked} Dask workers fit: {fit.reason}"
    return [_finding("Degraded" if fit.fit else "Unhealthy", summary, remedy)]


def worker_size(site: Site) -> PodSize:
    """What one worker requests: the site's own words, or what its raw chart values lay over them.

    Raises:
        ValueError: those values are none that dask-gateway understands.
    """
    worker = site.dask_gateway.worker
    return _asked_for(site, "worker", worker.cores, f"{worker.memory_gib}G")


def scheduler_size(site: Site) -> PodSize:
    """What a scheduler requests; as worker_size."""
    return _asked_for(site, "scheduler", *_SCHEDULER)


def _asked_for(site: Site, role: str, cores: float, memory: str) -> PodSize:
    asked = {
        kind: value_at(site.dask_gateway.values, f"gateway.backend.{role}.{kind}.request", default)
        for kind, default in (("cores", cores), ("memory", memory))
    }
    try:
        return PodSize(math.ceil(float(asked["cores"]) * 1000), _memory_bytes(asked["memory"]))
    except (TypeError, ValueError):
        told = f"{asked['cores']} cores and {asked['memory']}"
        raise ValueError(f"the site's values have each {role} request {told}, which is not understood") from None


def _memory_bytes(given: object) -> int:
    text = str(given).strip()
    factor = _MEMORY_UNITS.get(text[-1:].upper())
    return int(float(text) if factor is None else float(text[:-1]) * factor)


def _unforeseeable(site: Site, labels: Mapping[str, str]) -> str:
    if is_autoscaling(labels):
        return f"whether all workers fit was not asked: the cluster makes nodes on demand ({_AUTOSCALING})"
    backend = value_at(site.dask_gateway.values, "gateway.backend", {})
    for role in ("scheduler", "worker"):
        chosen = [key for key in _PLACING if value_at(backend, f"{role}.extraPodConfig.{key}")]
        if value_at(backend, f"{role}.extraContainerConfig.resources"):
            chosen.append("resources")
        if chosen:
            return f"whether all workers fit was not asked: the site's values set {', '.join(chosen)} of each {role}"
    return ""


def _with_scheduler(rooms: Sequence[NodeRoom], scheduler: PodSize) -> list[NodeRoom] | None:
    """The rooms once a scheduler has its place; None when it has none.

    It goes where most is free, as Kubernetes' scheduler prefers (NodeResourcesFit, LeastAllocated).
    """
    ordered = sorted(rooms, key=_free, reverse=True)
    for index, room in enumerate(ordered):
        if _held(room, scheduler):
            return [*ordered[:index], _without(room, scheduler, 1), *ordered[index + 1 :]]
    return None


def _held(room: NodeRoom, size: PodSize) -> int:
    most = [room.pods]
    most += [room.millicores // size.millicores] if size.millicores else []
    most += [room.memory_bytes // size.memory_bytes] if size.memory_bytes else []
    return max(0, min(most))


def _without(room: NodeRoom, size: PodSize, count: int) -> NodeRoom:
    millicores = room.millicores - count * size.millicores
    return NodeRoom(room.name, millicores, room.memory_bytes - count * size.memory_bytes, room.pods - count)


def _free(room: NodeRoom) -> tuple[int, int]:
    return room.memory_bytes, room.millicores


def _roomiest(rooms: Sequence[NodeRoom]) -> str:
    if not rooms:
        return "no node is ready and takes pods"
    room = max(rooms, key=_free)
    who = f"the roomiest of {len(rooms)} nodes, {room.name}," if len(rooms) > 1 else f"node {room.name}"
    pods = "" if room.pods > 0 else " but takes no more pods"
    return f"{who} has {_size(PodSize(max(0, room.millicores), max(0, room.memory_bytes)))} left{pods}"


def _size(size: PodSize) -> str:
    cores, gib = _floored(size.millicores / 1000), _floored(size.memory_bytes / _GIB)
    return f"{cores:g} {'core' if cores == 1 else 'cores'} and {gib:g} GiB"


def _floored(number: float) -> float:
    """To hundredths and never up: what is too little must not read as if it were enough."""
    return math.floor(number * 100 + 1e-6) / 100


def _finding(level: str, summary: str, remedy: str) -> Finding:
    return Finding.model_validate(
        {"check": "dask_cluster", "level": level, "category": Category.CAPACITY, "summary": summary, "remedy": remedy}
    )
