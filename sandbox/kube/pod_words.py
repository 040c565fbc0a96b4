"""What `kubectl get pods` says of a pod: READY, STATUS and RESTARTS.

Source: printPod in kubernetes/pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


def pod_ready(pod: Obj) -> str:
    """Ready containers of all."""
    statuses = pod["status"].get("containerStatuses") or []
    return f"{sum(bool(s.get('ready')) for s in statuses)}/{len(pod['spec'].get('containers') or [])}"


def pod_restarts(pod: Obj) -> str:
    """How often containers were started again."""
    return str(sum(s.get("restartCount", 0) for s in pod["status"].get("containerStatuses") or []))


def pod_status(pod: Obj) -> str:
    """One word: the phase, or the reason that says more."""
    status = pod["status"]
    word = status.get("reason") or status.get("phase") or "Unknown"
    if any(
        c["type"] == "PodScheduled" and c.get("reason") == "SchedulingGated" for c in status.get("conditions") or []
    ):
        word = "SchedulingGated"
    waiting = _init_word(pod)
    word = waiting or _container_word(pod, word)
    if "deletionTimestamp" in pod["metadata"]:
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return word


def _init_word(pod: Obj) -> str | None:
    """The word while init containers run; None once they are through."""
    count = len(pod["spec"].get("initContainers") or [])
    for index, container in enumerate(pod["status"].get("initContainerStatuses") or []):
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated and terminated.get("exitCode") == 0:
            continue
        if terminated:
            return f"Init:{terminated.get('reason') or _exit_word(terminated)}"
        if waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}"
        return f"Init:{index}/{count}"
    return None


def _container_word(pod: Obj, word: str) -> str:
    running = False
    for container in reversed(pod["status"].get("containerStatuses") or []):
        state = container.get("state") or {}
        waiting, terminated = state.get("waiting") or {}, state.get("terminated")
        if waiting.get("reason"):
            word = waiting["reason"]
        elif terminated:
            word = terminated.get("reason") or _exit_word(terminated)
        elif container.get("ready") and "running" in state:
            running = True
    if word == "Completed" and running:
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or [])
        return "Running" if ready else "NotReady"
    return word


def _exit_word(terminated: Obj) -> str:
    return f"Signal:{terminated['signal']}" if terminated.get("signal") else f"ExitCode:{terminated.get('exitCode')}"
