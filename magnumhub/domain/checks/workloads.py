"""Whether what the releases run is there, stays up, and finds room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.results import Part, Result
from magnumhub.domain.wiring import GATEWAY_RELEASE

DEPLOYMENTS: dict[Part, tuple[str, ...]] = {
    "jupyterhub": ("hub", "proxy"),
    "dask_gateway": tuple(f"{name}-{GATEWAY_RELEASE}" for name in ("api", "controller", "traefik")),
}
"""The Deployments without which users cannot work. Source: both charts' templates, as in domain/wiring.py."""

RESTARTS_MANY = 3
"""Restarts of one container since the last check: one or two are a node's reboot or an upgrade, more are a fault."""


class WorkloadsSeen(Result):
    """The pods of one release, and those that wait in its namespace.

    down: Deployments that serve nobody, and what they lack, in words. short: those that lack something and serve.
    why: pod by pod, in Kubernetes' words. restarts: so far, by `namespace/pod/container`.
    waiting: pods that have been Pending for long, each with its reason. workers: those of them that are Dask's workers.
    """

    part: Part
    namespace: str
    down: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    why: str = ""
    restarts: dict[str, int] = Field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()


def judge_workloads(seen: WorkloadsSeen, *, before: Mapping[str, int] | None) -> list[Finding]:
    """Unhealthy where a Deployment serves nobody; Degraded where one lacks something, or pods restart or find no room.

    Args:
        before: the restarts that the last check saw; None: there was none to compare with.
    """
    findings = []
    if gaps := (*seen.down, *seen.short):
        why = f": {_one_line(seen.why)}" if seen.why else ""
        findings.append(
            Finding(
                check="workloads",
                level="Unhealthy" if seen.down else "Degraded",
                category=Category.WORKLOAD,
                summary=f"{seen.namespace}: {'; '.join(gaps)}{why}",
                remedy=f"kubectl get pods -n {seen.namespace} and the log of the pod named here tell more; a Deployment"
                " that was scaled down is scaled up again with kubectl scale.",
                about=seen.part,
            )
        )
    return [*findings, *_restarted(seen, before), *_waiting(seen)]


def restarts_since(now: Mapping[str, int], before: Mapping[str, int] | None) -> dict[str, int]:
    """How often each container was restarted since the last check; a pod that is new counts from its own start."""
    if before is None:
        return {}
    return {name: count - before.get(name, 0) for name, count in now.items() if count > before.get(name, 0)}


def _restarted(seen: WorkloadsSeen, before: Mapping[str, int] | None) -> list[Finding]:
    return [
        Finding(
            check="workloads",
            level="Degraded" if times >= RESTARTS_MANY else "Healthy",
            category=Category.WORKLOAD,
            summary=f"{name} was restarted {times} times since the last check",
            remedy=f"kubectl logs --previous -n {' '.join(name.split('/')[:2])} says why it ended.",
            about=seen.part,
        )
        for name, times in restarts_since(seen.restarts, before).items()
    ]


def _waiting(seen: WorkloadsSeen) -> Iterator[Finding]:
    """Dask clusters compute with the workers that they got, and adaptive ones ask for more than fit: a remark."""
    waits: tuple[tuple[Level, str, tuple[str, ...]], ...] = (
        ("Degraded", "pods", seen.waiting),
        ("Healthy", "Dask workers", seen.workers),
    )
    for level, what, pods in waits:
        if pods:
            yield Finding(
                check="workloads",
                level=level,
                category=Category.CAPACITY,
                summary=f"{len(pods)} {what} wait in {seen.namespace}: {'; '.join(pods[:3])}",
                remedy="Their events say what they wait for: add nodes, or stop what is not used.",
                about=seen.part,
            )


def _one_line(text: str) -> str:
    return " | ".join(line.strip() for line in text.splitlines())
