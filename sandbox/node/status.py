"""What a kubelet reports about a pod, from the state of its containers. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
_OWN_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


@dataclass
class ContainerRecord:
    """What is known of one container; `state` and `last_state` have the API's shape."""

    name: str
    image: str
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: Object = field(default_factory=dict)
    restart_count: int = 0
    ready: bool = False
    started: bool = False
    image_id: str = ""
    container_id: str = ""

    @property
    def exit_code(self) -> int | None:
        """The exit code, once it ended and is not to be started again."""
        terminated = self.state.get("terminated")
        return None if terminated is None else int(terminated["exitCode"])

    def report(self) -> Object:
        """The entry of containerStatuses."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": self.image_id,
            "containerID": self.container_id,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restart_count,
            "state": self.state,
            "lastState": self.last_state,
        }


def phase(restart_policy: str, init: list[ContainerRecord], main: list[ContainerRecord]) -> str:
    """Pending, Running, Succeeded or Failed."""
    if any(record.exit_code for record in init) and restart_policy == "Never":
        return "Failed"
    if any(record.exit_code != 0 for record in init):
        return "Pending"
    # A container that waits for its restart counts as running: its pod does not go back to Pending.
    if any("waiting" in record.state and not record.last_state for record in main):
        return "Pending"
    codes = [record.exit_code for record in main]
    if restart_policy == "Always" or None in codes:
        return "Running"
    if not any(codes):
        return "Succeeded"
    return "Failed" if restart_policy == "Never" else "Running"


def pod_status(
    pod: Object,
    init: list[ContainerRecord],
    main: list[ContainerRecord],
    *,
    pod_ip: str,
    host_ip: str,
    start_time: str,
    now: str,
) -> Object:
    """The whole of what the node owns in `status`, for a merge patch.

    Args:
        pod: as last seen; conditions of others and the times of unchanged ones are taken from it.
        now: the time of what changed, in the API's format.
    """
    current = phase(pod["spec"].get("restartPolicy", "Always"), init, main)
    return {
        "phase": current,
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "podIP": pod_ip,
        "podIPs": [{"ip": pod_ip}],
        "startTime": start_time,
        "conditions": _conditions(pod, current, init, main, now),
        **({"initContainerStatuses": [record.report() for record in init]} if init else {}),
        "containerStatuses": [record.report() for record in main],
    }


def _conditions(
    pod: Object, current: str, init: list[ContainerRecord], main: list[ContainerRecord], now: str
) -> list[Object]:
    before = {item["type"]: item for item in pod.get("status", {}).get("conditions") or []}
    incomplete = [record.name for record in init if record.exit_code != 0]
    unready = [record.name for record in main if not record.ready]
    initialized = _verdict("ContainersNotInitialized", "containers with incomplete status", incomplete)
    ready = {"status": "True"}
    if current in ("Succeeded", "Failed"):
        ready = {"status": "False", "reason": "PodCompleted" if current == "Succeeded" else "PodFailed"}
        initialized = {"status": "True", "reason": ready["reason"]}
    elif unready:
        ready = _verdict("ContainersNotReady", "containers with unready status", unready)
    verdicts = dict(zip(_OWN_CONDITIONS, ({"status": "True"}, initialized, ready, ready), strict=True))
    own = [_dated({"type": kind, **verdict}, before.get(kind), now) for kind, verdict in verdicts.items()]
    return own + [item for kind, item in before.items() if kind not in _OWN_CONDITIONS]


def _verdict(reason: str, message: str, names: list[str]) -> dict[str, str]:
    if not names:
        return {"status": "True"}
    return {"status": "False", "reason": reason, "message": f"{message}: [{' '.join(names)}]"}


def _dated(condition: Object, before: Object | None, now: str) -> Object:
    unchanged = before is not None and before["status"] == condition["status"]
    since = before.get("lastTransitionTime", now) if before and unchanged else now
    return {**condition, "lastProbeTime": None, "lastTransitionTime": since}
