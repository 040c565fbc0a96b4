"""Jobs: pods that run to their end, tried again until the limit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sandbox.kube.apply import now
from sandbox.kube.controllers.base import (
    JOBS,
    PODS,
    Controller,
    Obj,
    is_active,
    is_going,
    is_ready,
    key_of,
    owner_key,
    pod_of,
)
from sandbox.kube.store import Event

# A real Job waits 10 s before the first new try; here a chart's failing hook should not cost a minute.
_FIRST_BACKOFF_S = 1.0


class Jobs(Controller):
    """Runs Jobs with completions, parallelism, backoffLimit and activeDeadlineSeconds."""

    component = "job-controller"

    def keys(self, event: Event) -> Iterable[Any]:
        """The Job itself, or that of a pod."""
        if event.kind == JOBS:
            return [key_of(event.object)]
        return owner_key(event.object, "Job") if event.kind == PODS else []

    def reconcile(self, key: tuple[str, str]) -> None:
        """Count pods, finish or start what lacks, report."""
        job = self.get(JOBS, *key)
        if job is None or is_going(job) or _finished(job):
            return
        if job["spec"].get("suspend"):
            self._suspend(job)
            return
        spec, status = job["spec"], dict(job.get("status") or {})
        status.setdefault("startTime", now())
        pods = self.owned(PODS, job)
        succeeded = sum(p["status"].get("phase") == "Succeeded" for p in pods)
        failed = [p for p in pods if p["status"].get("phase") == "Failed"]
        restarts = sum(_restarts(p) for p in pods) if spec["template"]["spec"]["restartPolicy"] == "OnFailure" else 0
        active = [p for p in pods if is_active(p)]
        wanted = spec.get("completions") or 1
        if succeeded >= wanted:
            status = self._finish(
                job, status, "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
            )
            active = []
        elif len(failed) + restarts > spec["backoffLimit"]:
            status = self._finish(
                job, status, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
            )
            self._stop(active)
            active = []
        elif self._overdue(job, status):
            status = self._finish(
                job, status, "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
            )
            self._stop(active)
            active = []
        else:
            active = self._start_missing(job, active, min(spec["parallelism"], wanted - succeeded), len(failed))
        counts = {
            "active": len(active),
            "ready": sum(is_ready(p) for p in active),
            "succeeded": succeeded,
            "failed": len(failed),
        }
        status = {k: v for k, v in status.items() if k not in counts}
        status |= {field: count for field, count in counts.items() if count or field == "ready"}
        self.set_status(JOBS, job, {**status, "uncountedTerminatedPods": {}, "terminating": 0})

    def _suspend(self, job: Obj) -> None:
        had = (job.get("status") or {}).get("conditions")
        told = {"type": "Suspended", "status": "True", "reason": "JobSuspended", "message": "Job suspended"}
        conditions = had or [{**told, "lastProbeTime": now(), "lastTransitionTime": now()}]
        counts = {"ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}
        self.set_status(JOBS, job, {"conditions": conditions, **counts})

    def _start_missing(self, job: Obj, active: list[Obj], wanted: int, failures: int) -> list[Obj]:
        if failures and len(active) < wanted:
            due = self._last_failure(job) + _FIRST_BACKOFF_S * 2 ** (failures - 1) - datetime.now(UTC).timestamp()
            if due > 0:
                self.enqueue_in(key_of(job), due)
                return active
        for _ in range(wanted - len(active)):
            pod = self.create(PODS, job["metadata"]["namespace"], pod_of(job["spec"]["template"], job))
            self.record(job, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
            active = [*active, pod]
        return active

    def _last_failure(self, job: Obj) -> float:
        """When the last pod failed, in seconds of the clock; containers' own word where they have one."""
        times = [_ended(p) for p in self.owned(PODS, job) if p["status"].get("phase") == "Failed"]
        return max(times, default=0.0)

    def _overdue(self, job: Obj, status: Obj) -> bool:
        limit = job["spec"].get("activeDeadlineSeconds")
        if limit is None:
            return False
        left = limit - (datetime.now(UTC) - datetime.fromisoformat(status["startTime"])).total_seconds()
        if left > 0:
            self.enqueue_in(key_of(job), left)
        return left <= 0

    def _stop(self, pods: list[Obj]) -> None:
        for pod in pods:
            self.delete(PODS, pod)

    def _finish(self, job: Obj, status: Obj, word: str, reason: str, message: str) -> Obj:
        first = "SuccessCriteriaMet" if word == "Complete" else "FailureTarget"
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": message,
                "lastProbeTime": now(),
                "lastTransitionTime": now(),
            }
            for kind in (first, word)
        ]
        if word == "Complete":
            status["completionTime"] = now()
            self.record(job, "Completed", "Job completed")
        else:
            self.record(job, reason, message, "Warning")
        return {**status, "conditions": conditions}


def _finished(job: Obj) -> bool:
    return any(c["type"] in ("Complete", "Failed") for c in (job.get("status") or {}).get("conditions") or [])


def _restarts(pod: Obj) -> int:
    return sum(s.get("restartCount", 0) for s in pod["status"].get("containerStatuses") or [])


def _ended(pod: Obj) -> float:
    ends = [
        (s.get("state") or {}).get("terminated", {}).get("finishedAt")
        for s in pod["status"].get("containerStatuses") or []
    ]
    stamps = [end for end in ends if end] or [pod["metadata"]["creationTimestamp"]]
    return max(datetime.fromisoformat(stamp).timestamp() for stamp in stamps)
