"""One container of a pod: its image, its process, its probes, its restarts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sandbox import images
from sandbox.node import probes, processes
from sandbox.node.environment import Object, command_line, mounts_of, rewrite
from sandbox.node.events import timestamp
from sandbox.node.guard import kill_marked
from sandbox.node.logs import Log
from sandbox.node.status import ContainerRecord
from sandbox.node.tasks import cancelled, in_background
from sandbox.node.volumes import Missing, References

_RESTART_FIRST_S = 2.0
_MISSING_FIRST_S = 0.5
_RETRY_MOST_S = 30.0
_PROBE_GRACE_S = 5.0
_STABLE_S = 60.0
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_NOT_STARTED = 128  # the exit code that the kubelet gives to a program that could not be started

_T = TypeVar("_T")


@dataclass(frozen=True)
class Surroundings:
    """What a container gets from its pod.

    Args:
        address: the pod's.
        folder: the pod's scratch folder.
        volumes: volume name -> folder.
        variables: set before the container's own.
        images: the folder of requirement files.
        mark: what the environment of the pod's processes is marked with.
        changed: called after each change of a container's record.
        tell: records an Event (type, reason, message) about the pod.
    """

    address: str
    folder: Path
    volumes: dict[str, str]
    variables: dict[str, str]
    references: References
    images: Path
    mark: str
    changed: Callable[[], None]
    tell: Callable[[str, str, str], None]


class Container:
    """Runs one container until it has ended for good or is stopped.

    Args:
        restart_policy: the pod's; for an init container OnFailure unless the pod's is Never.
    """

    def __init__(self, spec: Object, restart_policy: str) -> None:
        self.spec, self._policy = spec, restart_policy
        self.record = ContainerRecord(spec["name"], spec["image"])
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self, around: Surroundings) -> asyncio.Task[None]:
        """Begin; the task ends when the container has."""
        self._around = around
        self._mark = f"{around.mark}{self.spec['name']}:"
        self._task = in_background(self._run(), self._mark)
        return self._task

    async def stop(self, grace_s: float) -> None:
        """End it: SIGTERM, and after the grace period SIGKILL for whatever is left."""
        self._stopping = True
        if self._task is None:
            return
        if self._process is None:
            await cancelled(self._task)
            kill_marked(self._mark)  # one that was just being started
        else:
            processes.terminate(self._process)
            await asyncio.wait([self._task], timeout=grace_s)
            kill_marked(self._mark)
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        backoff = _RESTART_FIRST_S
        while True:
            began = time.monotonic()
            code = await self._run_once()
            self._around.changed()
            if self._stopping or self._policy == "Never" or (self._policy == "OnFailure" and code == 0):
                return
            if time.monotonic() - began > _STABLE_S:
                backoff = _RESTART_FIRST_S
            self.record.last_state = self.record.state
            self._wait_for("CrashLoopBackOff", f"back-off {backoff:g}s restarting failed container={self.spec['name']}")
            self._around.tell("Warning", "BackOff", f"Back-off restarting failed container {self.spec['name']}")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _RETRY_MOST_S)
            self.record.restart_count += 1

    def _wait_for(self, reason: str, message: str = "") -> None:
        self.record.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        self._around.changed()

    async def _run_once(self) -> int:
        image = await self._until(self._pull, "ErrImagePull", "ImagePullBackOff")
        argv, environment, folder = await self._until(
            lambda: self._prepare(image), "CreateContainerConfigError", "CreateContainerConfigError"
        )
        started_at = timestamp()
        try:
            if not argv:
                raise OSError("no command specified, and images have none of their own")
            self._process = await processes.start(argv, environment, folder, self._log_file(), self._mark)
        except OSError as error:
            self._around.tell("Warning", "Failed", f"Error: failed to start container {self.spec['name']}: {error}")
            return self._ended(_NOT_STARTED, "StartError", started_at, str(error))
        self.record.container_id = f"process://{self._process.pid}"
        self.record.state = {"running": {"startedAt": started_at}}
        self._around.tell("Normal", "Started", f"Started container {self.spec['name']}")
        self._around.changed()
        watcher = in_background(self._probe(environment, folder), f"probes of {self._mark}")
        status = await self._process.wait()
        await cancelled(watcher)
        kill_marked(self._mark)
        self._process = None
        code = status if status >= 0 else 128 - status
        return self._ended(code, "Error" if code else "Completed", started_at)

    def _ended(self, code: int, reason: str, started_at: str, message: str = "") -> int:
        terminated = {"exitCode": code, "reason": reason, "startedAt": started_at, "finishedAt": timestamp()}
        terminated["containerID"] = self.record.container_id
        self.record.state = {"terminated": {**terminated, **({"message": message} if message else {})}}
        self.record.ready = self.record.started = False
        return code

    def _log_file(self) -> Path:
        file = Log(self._around.folder, self.record, self.record.restart_count).file
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    async def _until(self, step: Callable[[], Awaitable[_T]], first_reason: str, reason: str) -> _T:
        """Try a step until all it needs is there; meanwhile the container waits, for a reason."""
        backoff = _MISSING_FIRST_S
        while True:
            try:
                return await step()
            except Missing as missing:
                self._wait_for(first_reason, str(missing))
                self._around.tell("Warning", "Failed", str(missing))
            first_reason = reason
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _RETRY_MOST_S)

    async def _pull(self) -> Path:
        """The image's environment; its first use may build it."""
        name = self.spec["image"]
        file = images.requirements_file(name, self._around.images)
        if file is None:
            raise Missing(f'Failed to pull image "{name}": no such image')
        try:
            image = await asyncio.to_thread(images.build, file)
        except images.ImageError as error:
            raise Missing(f'Failed to pull image "{name}": {error}') from error
        self.record.image_id = f"{name}@sha256:{image.name}"
        return image

    async def _prepare(self, image: Path) -> tuple[list[str], dict[str, str], Path]:
        """The command line, the environment and the folder to run in."""
        around = self._around
        mounts = mounts_of(self.spec, around.volumes)
        for mounted in map(Path, mounts.values()):
            if not mounted.exists():  # a subPath that nobody has made yet
                mounted.mkdir(parents=True)
        base = {"PATH": f"{image}/bin:{_SYSTEM_PATH}", "TMPDIR": mounts.get("/tmp", str(around.folder / "tmp"))}  # noqa: S108
        variables = await around.references.variables(self.spec, {**base, **around.variables})
        argv = command_line(self.spec, variables, mounts)
        environment = {name: rewrite(value, mounts) for name, value in variables.items()}
        home = self._real(variables["HOME"], mounts)
        folder = self._real(self.spec["workingDir"], mounts) if self.spec.get("workingDir") else home
        for needed in (home, folder):
            needed.mkdir(parents=True, exist_ok=True)
        return argv, environment | {"HOME": str(home)}, folder

    def _real(self, path: str, mounts: Mapping[str, str]) -> Path:
        """Where a folder of the container is: in a mount, else in the scratch folder, where the image would have it."""
        scratch, mounted = self._around.folder, rewrite(path, mounts)
        if mounted != path or Path(path).is_relative_to(scratch):
            return Path(mounted)
        return scratch / "root" / path.lstrip("/")

    async def _probe(self, environment: dict[str, str], folder: Path) -> None:
        """Follow the probes while the process runs."""
        startup = self._attempt("startupProbe", environment, folder)
        if startup and (failure := await probes.until_success(self.spec["startupProbe"], startup)):
            await self._fail("Startup", failure)
            return
        self.record.started = True
        async with asyncio.TaskGroup() as group:
            if readiness := self._attempt("readinessProbe", environment, folder):
                group.create_task(probes.follow_readiness(self.spec["readinessProbe"], readiness, self._set_ready))
            else:
                self._set_ready(True, "")
            if liveness := self._attempt("livenessProbe", environment, folder):
                failure = await probes.until_dead(self.spec["livenessProbe"], liveness)
                await self._fail("Liveness", failure)

    def _attempt(self, kind: str, environment: dict[str, str], folder: Path) -> probes.Attempt | None:
        async def run(command: list[str], timeout_s: float) -> str:
            return await processes.run(command, environment, folder, timeout_s, f"{self._mark}probe:")

        probe = self.spec.get(kind)
        return probes.attempt_of(probe, self.spec, self._around.address, run) if probe else None

    def _set_ready(self, ready: bool, failure: str) -> None:
        if failure:
            self._around.tell("Warning", "Unhealthy", f"Readiness probe failed: {failure}")
        if ready != self.record.ready:
            self.record.ready = ready
            self._around.changed()

    async def _fail(self, kind: str, failure: str) -> None:
        """A probe's verdict is to end the process; the restart policy decides what follows."""
        assert self._process
        self._around.tell("Warning", "Unhealthy", f"{kind} probe failed: {failure}")
        self._around.tell("Normal", "Killing", f"Container {self.spec['name']} failed {kind.lower()} probe")
        processes.terminate(self._process)
        await asyncio.sleep(_PROBE_GRACE_S)
        kill_marked(self._mark)
