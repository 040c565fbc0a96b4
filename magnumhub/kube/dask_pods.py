"""What becomes of Dask's pods while a computation runs elsewhere: Kubernetes' words for what a client only waits for.

A scheduler that never starts and workers that never come are deleted with their logs as soon as the gateway gives up,
so they are watched meanwhile, and a log is read when its container ends.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubernetes.watch.watch import iter_resp_lines

from magnumhub.domain.dask_outcome import PodsSeen
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import translated
from magnumhub.kube.events import last_warning, warnings_of
from magnumhub.kube.pods import LOG_LINES, PodProblem, cut, pod_problem, worded
from magnumhub.kube.watching import changes

_SCHEDULER, _WORKER = "dask-scheduler", "dask-worker"
_SELECTOR = f"app.kubernetes.io/component in ({_SCHEDULER}, {_WORKER})"
_ROUND_S = 10.0
_PAUSE_S = 1.0
_QUIET_S = 60.0
_SIGNALLED = 128
"""Exit codes from here on: a signal ended it, of which its log knows nothing."""


@dataclass
class _Pod:
    """What is remembered of a pod, which may be gone by now.

    reason, problem: why it was last not ready; the latter with the log. death: how it ended after it had run.
    ends: how often its container has ended. crashed: its log says why.
    log: the last lines of a scheduler's; None as long as it is not followed.
    ending: its end was asked for, or happened; what comes after is a consequence.
    """

    name: str
    component: str
    dask_cluster: str
    image: str
    ran: bool = False
    ending: bool = False
    ends: int = 0
    reason: str = ""
    problem: str = ""
    death: str = ""
    crashed: bool = False
    log: deque[str] | None = None

    def told(self, words: str) -> str:
        """The words, with the log below them where they lack it and it says more."""
        return "\n    ".join([words, *(self.log or ())]) if self.crashed and "\n" not in words else words


class DaskPods:
    """Watches the pods of all Dask clusters of a namespace, in a thread of its own, for as long as the context is open.

    Safe to repeat: reads only. Nothing is raised: an API that does not answer leaves nothing known.

    Args:
        namespace: of the gateway.
    """

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._pods: dict[str, _Pod] = {}
        self._versions: dict[str, str] = {}
        self._closed = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> DaskPods:
        threading.Thread(target=self._watch, name=f"dask pods of {self._namespace}", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        # Not waited for: it notices within a round, and what it reads meanwhile is thrown away.
        self._closed.set()

    def seen(self, dask_cluster: str) -> PodsSeen:
        """What became of one Dask cluster's pods; to be asked while the context is open.

        Args:
            dask_cluster: the gateway's name of it; "" when there was none.
        """
        label = dask_cluster.rpartition(".")[2]
        with self._lock:
            pods = [pod for pod in self._pods.values() if label and pod.dask_cluster == label]
        if not pods:
            return PodsSeen()
        events = self._events() if any(not pod.ran and not pod.problem for pod in pods) else []
        schedulers = [pod for pod in pods if pod.component == _SCHEDULER]
        workers = [pod for pod in pods if pod.component == _WORKER]
        return PodsSeen(
            scheduler=_words(schedulers, events),
            workers=_words(workers, events),
            lost={pod.name: pod.death for pod in workers if pod.death},
            images={side: of[0].image for side, of in (("scheduler", schedulers), ("workers", workers)) if of},
        )

    def _events(self) -> list[Mapping[str, Any]]:
        try:
            with translated(f"listing the events of {self._namespace}"):
                return warnings_of(self._kube, self._namespace)
        except Exception:
            # As for the watch: there is less to tell then.
            return []

    def _watch(self) -> None:
        while not self._closed.is_set():
            try:
                self._watch_round()
            except Exception:
                # An explanation must not end what it explains; without the API there is none.
                self._closed.wait(_PAUSE_S)

    def _watch_round(self) -> None:
        for listed in changes(
            "watching Dask's pods",
            self._kube.core.list_namespaced_pod,
            self._namespace,
            deadline_s=_ROUND_S,
            closed=self._closed,
            label_selector=_SELECTOR,
        ):
            if self._closed.is_set():
                return
            changed = [self._kube.plain(pod) for pod in listed if self._is_new(pod)]
            # A scheduler's end comes first: it is why its workers end.
            for pod in sorted(changed, key=lambda pod: _component(pod) != _SCHEDULER):
                self._take(pod)
            self._note_gone({pod.metadata.uid for pod in listed})

    def _is_new(self, pod: Any) -> bool:
        """Whether a pod, as the client library has it, was not looked at as it is now."""
        uid, version = pod.metadata.uid, pod.metadata.resource_version
        known = self._versions.get(uid) == version
        self._versions[uid] = version
        return not known

    def _take(self, pod: Mapping[str, Any]) -> None:
        uid = pod["metadata"]["uid"]
        with self._lock:
            known = self._pods.setdefault(uid, _first_seen(pod))
        if known.ending or (known.component == _WORKER and self._stopped(known.dask_cluster)):
            return
        deleted, ends, death = "deletionTimestamp" in pod["metadata"], _ends(pod), death_of(pod)
        problem = pod_problem(pod)
        if problem is not None and known.component == _SCHEDULER and _is_running(pod):
            self._follow(known)
        if problem is not None and problem.reason != known.reason:
            known.reason, known.problem = problem.reason, self._worded(known, problem)
        if known.ran and ends > known.ends and death is not None and not deleted:
            known.death = self._worded(known, death)
        if known.ran and deleted and known.component == _WORKER:
            known.death = known.death or f"{known.name} was deleted"
        known.ran = known.ran or (problem is None and not deleted)
        known.ends = ends
        known.ending = deleted or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")

    def _worded(self, known: _Pod, problem: PodProblem) -> str:
        known.crashed = problem.crashed is not None
        return worded(self._kube, self._namespace, problem)

    def _follow(self, known: _Pod) -> None:
        """Read a starting scheduler's log along: when it ends, the gateway deletes it before anybody can ask."""
        if known.log is None:
            known.log = deque(maxlen=LOG_LINES)
            arguments = (known.name, known.log)
            threading.Thread(target=self._read_along, args=arguments, name="dask log", daemon=True).start()

    def _read_along(self, pod: str, log: deque[str]) -> None:
        with contextlib.suppress(Exception):
            stream = self._kube.core.read_namespaced_pod_log(
                pod, self._namespace, follow=True, _preload_content=False, _request_timeout=(10, _QUIET_S)
            )
            with stream:
                for line in iter_resp_lines(stream):
                    log.append(cut(line))
                    if self._closed.is_set():
                        return

    def _note_gone(self, there: set[str]) -> None:
        with self._lock:
            gone = [pod for uid, pod in self._pods.items() if uid not in there and not pod.ending]
        for pod in sorted(gone, key=lambda pod: pod.component != _SCHEDULER):
            if pod.ran and pod.component == _WORKER and not self._stopped(pod.dask_cluster):
                pod.death = pod.death or f"{pod.name} was deleted"
            pod.ending = True

    def _stopped(self, dask_cluster: str) -> bool:
        """Whether a Dask cluster's scheduler has ended or is to end: its workers only follow."""
        with self._lock:
            pods = list(self._pods.values())
        return any(pod.ending for pod in pods if (pod.component, pod.dask_cluster) == (_SCHEDULER, dask_cluster))


def death_of(pod: Mapping[str, Any]) -> PodProblem | None:
    """How a pod's container (as JSON) last ended by itself; None when none did."""
    for container in pod.get("status", {}).get("containerStatuses", []):
        for state in (container.get("state", {}), container.get("lastState", {})):
            if ended := state.get("terminated"):
                label, code = container["name"], ended.get("exitCode", 0)
                reason = f"{label} ended ({ended.get('reason', 'Error')}, exit code {code})"
                return PodProblem(pod["metadata"]["name"], reason, crashed=label if code < _SIGNALLED else None)
    return None


def _first_seen(pod: Mapping[str, Any]) -> _Pod:
    metadata, component, containers = pod["metadata"], _component(pod), pod["spec"]["containers"]
    image = next((container["image"] for container in containers if container["name"] == component), "")
    return _Pod(metadata["name"], component, metadata["labels"].get("gateway.dask.org/cluster", ""), image)


def _component(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["labels"]["app.kubernetes.io/component"])


def _ends(pod: Mapping[str, Any]) -> int:
    """How often the pod's containers have ended by themselves."""
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return sum(status.get("restartCount", 0) + ("terminated" in status.get("state", {})) for status in statuses)


def _is_running(pod: Mapping[str, Any]) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return any("running" in status.get("state", {}) for status in statuses)


def _words(pods: Sequence[_Pod], events: Sequence[Mapping[str, Any]]) -> str:
    """Why pods never ran, else how they ended; the first one's reason, with its log below."""
    never = [pod.told(pod.problem or _warned(pod, events)) for pod in pods if not pod.ran]
    told = [words for words in never if words] or [pod.told(pod.death) for pod in pods if pod.death]
    if len(told) < 2:
        return "".join(told)
    first, *log = told[0].splitlines()
    return "\n".join([f"{first} (and {len(told) - 1} more)", *log])


def _warned(pod: _Pod, events: Sequence[Mapping[str, Any]]) -> str:
    warning = last_warning(events, "Pod", pod.name)
    return f"{pod.name}: {warning}" if warning else ""
