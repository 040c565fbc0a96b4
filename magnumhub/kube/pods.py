"""Whether a release's workloads run, and if not, why: in the words of the scheduler, the kubelet, the container's log.

Readiness is told from Deployments. DaemonSets that only pull images ahead and placeholder StatefulSets that are meant
to be Pending say nothing about whether users are served.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from magnumhub.domain.errors import DeadlineError, MagnumhubError
from magnumhub.domain.results import Report
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import NotFoundError, translated
from magnumhub.kube.events import last_warning, warnings_of
from magnumhub.kube.watching import changes

LOG_LINES = 5
_LINE_LENGTH = 300
_TELL_EVERY_S = 10.0


@dataclass(frozen=True)
class PodProblem:
    """Why one pod is not ready. crashed: the container whose last log lines say more."""

    pod: str
    reason: str
    crashed: str | None = None


def wait_for_workloads(kube: Kube, namespace: str, *, selector: str, deadline_s: float, report: Report) -> None:
    """Wait until every Deployment of a release is rolled out and available.

    Safe to repeat: reads only.

    Args:
        selector: label selector of the release's Deployments and pods.
        deadline_s: in seconds.

    Raises:
        NotFoundError: there is no Deployment at all.
        DeadlineError: not all are available in time; says why, pod by pod.
    """
    where = f"{namespace} ({selector})"
    doing = f"waiting for the deployments of {where}"
    waiting: list[str] = []
    told = time.monotonic()
    for listed in changes(
        doing, kube.apps.list_namespaced_deployment, namespace, deadline_s=deadline_s, label_selector=selector
    ):
        if not listed:
            raise NotFoundError(f"{where} has no deployment", "was the release uninstalled by hand?")
        waiting = [text for text in map(rollout_gap, map(kube.plain, listed)) if text]
        if not waiting:
            return
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            report("; ".join([*waiting, *explain(kube, namespace, selector).splitlines()[:1]]))
    why = explain(kube, namespace, selector) or "its pods give no reason"
    raise DeadlineError(
        f"{where}: {'; '.join(waiting)} after {deadline_s:.0f} s:\n{why}",
        f"kubectl get pods -n {namespace} shows the same; mend the cause and run again, or raise limits_s.release",
    )


def rollout_gap(deployment: Mapping[str, Any]) -> str:
    """What a Deployment (as JSON) still lacks; "" when it is rolled out and available."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    name, available = deployment["metadata"]["name"], status.get("availableReplicas", 0)
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return f"{name}: not looked at yet"
    if status.get("updatedReplicas", 0) < wanted or status.get("replicas", 0) > wanted:
        return f"{name}: rolling out"
    return f"{name}: {available} of {wanted} available" if available < wanted else ""


def explain(kube: Kube, namespace: str, selector: str = "") -> str:
    """Why pods of a namespace are not ready, a line each; "" when all are, or when the API does not tell."""
    try:
        with translated(f"listing the pods of {namespace}"):
            pods = kube.plain(kube.core.list_namespaced_pod(namespace, label_selector=selector))["items"]
            events = warnings_of(kube, namespace)
        problems = [problem for pod in pods if (problem := pod_problem(pod, events))]
        lines = [worded(kube, namespace, problem) for problem in problems]
        return "\n".join(lines or ([] if pods else _creation_failures(events)))
    except MagnumhubError as error:
        # An explanation adds to an error that is being told already; it must not hide it.
        return f"(the pods could not be read: {error.message})"


def pod_problem(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()) -> PodProblem | None:
    """Why a pod (as JSON) is not ready; None when it is, or has done its work, or is being deleted."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
    if status.get("phase") == "Succeeded" or "deletionTimestamp" in pod["metadata"]:
        return None
    if conditions.get("Ready", {}).get("status") == "True":
        return None
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        if problem := _container_problem(name, container):
            return problem
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return PodProblem(name, f"no node for it: {scheduled.get('message') or scheduled.get('reason')}")
    if last := last_warning(events, "Pod", name):
        return PodProblem(name, f"{status.get('phase', 'Pending')}, not ready: {last}")
    node = pod.get("spec", {}).get("nodeName")
    if node and not status.get("containerStatuses"):
        return PodProblem(name, f"Pending: the kubelet of {node} has not said that it starts it")
    return PodProblem(name, f"{status.get('phase', 'Pending')}, not ready, without a reason given")


def _container_problem(pod: str, container: Mapping[str, Any]) -> PodProblem | None:
    state, label = container.get("state", {}), container["name"]
    waiting, ended = state.get("waiting", {}), state.get("terminated", {})
    before = container.get("lastState", {}).get("terminated", {})
    if waiting.get("reason") == "CrashLoopBackOff" or (before and not container.get("ready")):
        code, why = before.get("exitCode"), before.get("reason", "Error")
        restarts = container.get("restartCount", 0)
        return PodProblem(pod, f"{label} ended {restarts} times ({why}, exit code {code})", crashed=label)
    if waiting.get("reason") and waiting["reason"] not in ("ContainerCreating", "PodInitializing"):
        return PodProblem(pod, f"{label}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": "))
    if ended and ended.get("exitCode"):
        return PodProblem(pod, f"{label} failed ({ended.get('reason')}, exit code {ended['exitCode']})", crashed=label)
    return None


def worded(kube: Kube, namespace: str, problem: PodProblem) -> str:
    """A pod's problem in a line, with the last lines of its log below where that says more."""
    if problem.crashed is None:
        return f"{problem.pod}: {problem.reason}"
    log = _last_log(kube, namespace, problem.pod, problem.crashed)
    return f"{problem.pod}: {problem.reason}" + "".join(f"\n    {line}" for line in log)


def _last_log(kube: Kube, namespace: str, pod: str, container: str) -> list[str]:
    for previous in (True, False):
        try:
            with translated(f"reading the log of {pod}"):
                text = kube.core.read_namespaced_pod_log(
                    pod, namespace, container=container, previous=previous, tail_lines=LOG_LINES
                )
        except MagnumhubError:
            continue
        if text:
            return [cut(line) for line in str(text).splitlines()[-LOG_LINES:]]
    return []


def cut(line: str) -> str:
    """Between words: half a secret would not be recognised as one."""
    return line if len(line) <= _LINE_LENGTH else textwrap.shorten(line, _LINE_LENGTH, placeholder=" …")


def _creation_failures(events: list[Mapping[str, Any]]) -> list[str]:
    """Without any pod the reason is with their maker: a quota, a refused ServiceAccount."""
    return sorted(
        {f"{e['involvedObject']['name']}: {e['message']}" for e in events if e.get("reason") == "FailedCreate"}
    )
