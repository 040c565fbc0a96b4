"""One pod on this node, from its binding to its deletion."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from sandbox.node import volumes
from sandbox.node.addresses import AddressPool
from sandbox.node.container import Container, Surroundings
from sandbox.node.environment import Object, service_variables
from sandbox.node.events import EventRecorder, timestamp
from sandbox.node.kube_api import ApiError, KubeApi
from sandbox.node.services import ServiceNetwork
from sandbox.node.status import pod_status
from sandbox.node.tasks import cancelled, in_background
from sandbox.node.volumes import Missing, References

log = logging.getLogger(__name__)

_RETRY_FIRST_S = 0.2
_RETRY_MOST_S = 5.0
_PASSED_ON = ("MAGNUMHUB_SANDBOX",)  # by it the sandbox finds what is left of it


@dataclass(frozen=True)
class Machine:
    """What the pods of one node process share.

    Args:
        folder: where everything is kept; pods/ ends with the pods, volumes/ does not.
        images: the folder of requirement files.
        api_address: where pods reach the API, HOST:PORT.
        ranges: the CIDRs of pods and Services, and of what else pods must be seen at by their own address.
        mark: what the environment of all pods' processes is marked with.
    """

    api: KubeApi
    folder: Path
    images: Path
    addresses: AddressPool
    network: ServiceNetwork
    api_address: str
    ranges: tuple[str, ...]
    mark: str


class Pod:
    """Carries a pod through its life; `run` is the whole of it.

    Args:
        pod: the object as the API has it.
        host_ip: the node's address.
        events: the node's recorder.
    """

    def __init__(self, machine: Machine, pod: Object, host_ip: str, events: EventRecorder) -> None:
        self._machine, self.object, self._host_ip, self._events = machine, pod, host_ip, events
        meta, spec = pod["metadata"], pod["spec"]
        self.folder = machine.folder / "pods" / f"{meta['name'][:24]}-{meta['uid'][:5]}"  # short: sockets lie in TMPDIR
        self._path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        policy = spec.get("restartPolicy", "Always")
        init_policy = "Never" if policy == "Never" else "OnFailure"
        self.init = [Container(item, init_policy) for item in spec.get("initContainers") or []]
        self.main = [Container(item, policy) for item in spec["containers"]]
        self._address = machine.addresses.take()
        self._start_time = timestamp()
        self._changed, self._ended, self._accepted = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def update(self, pod: Object) -> None:
        """The API has a newer version; of what may change, only the wish to end it matters here."""
        self.object = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._ended.set()

    def vanish(self) -> None:
        """The API has it no longer: it ends without grace."""
        self.object["metadata"]["deletionGracePeriodSeconds"] = 0
        self._ended.set()

    async def run(self) -> None:
        """Run the pod until it is deleted, and then delete it; when cancelled, end its processes."""
        self.update(self.object)
        reporter, life = in_background(self._report(), self._path), in_background(self._live(), self._path)
        try:
            await self._ended.wait()
            life.cancel()
            await self._stop()
        finally:
            await cancelled(life)
            await cancelled(reporter)
            await self._stop_containers(0)
            self._machine.addresses.release(self._address)
            self._events.forget(self.object["metadata"]["uid"])
            await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    async def _live(self) -> None:
        """Start what the pod is made of; each step waits for what it needs."""
        self._changed.set()
        # A pod whose status the API does not take is not started, as by a kubelet.
        await self._accepted.wait()
        around = await self._surroundings()
        for container in self.init:
            await asyncio.wait([container.start(around)])
            if container.record.exit_code:
                return
        for container in self.main:
            container.start(around)

    async def _surroundings(self) -> Surroundings:
        references = References(
            self._machine.api, {**self.object, "status": {"podIP": self._address, "hostIP": self._host_ip}}
        )
        for name in ("home", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        delay = _RETRY_FIRST_S
        while True:
            try:
                folders = await volumes.prepare(references, self.folder / "volumes", self._machine.folder / "volumes")
                variables = await self._variables(references)
                break
            except Missing as missing:
                self._tell("Warning", "FailedMount", str(missing))
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RETRY_MOST_S)
        return Surroundings(
            address=self._address,
            folder=self.folder,
            volumes=folders,
            variables=variables,
            references=references,
            images=self._machine.images,
            mark=f"{self._machine.mark}{self.object['metadata']['uid']}:",
            changed=self._changed.set,
            tell=self._tell,
        )

    async def _variables(self, references: References) -> dict[str, str]:
        meta, spec, machine = self.object["metadata"], self.object["spec"], self._machine
        variables = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        if spec.get("enableServiceLinks", True):
            variables |= service_variables(await machine.network.services_of(meta["namespace"]))
        if spec.get("automountServiceAccountToken", True):
            file = self.folder / "kubeconfig"
            await volumes.kubeconfig(references, machine.api.config, machine.api_address, file)
            variables["KUBECONFIG"] = str(file)
        return variables | {
            "LANG": "C.UTF-8",
            "HOME": str(self.folder / "home"),
            "HOSTNAME": spec.get("hostname") or meta["name"],
            "PODNET_ADDRESS": self._address,
            "PODNET_NAMESPACE": meta["namespace"],
            "PODNET_TABLE": str(machine.network.table),
            "PODNET_RANGES": ",".join(machine.ranges),
        }

    def _tell(self, kind: str, reason: str, message: str) -> None:
        self._events.record(self.object, kind, reason, message)

    async def _stop(self) -> None:
        meta = self.object["metadata"]
        await self._stop_containers(float(meta.get("deletionGracePeriodSeconds") or 0))
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        delay = _RETRY_FIRST_S
        while True:
            try:
                await self._machine.api.delete(self._path, options)
                return
            except ApiError as error:
                if error.status in (404, 409):  # gone, or another pod of that name
                    return
                log.info("delete %s: %s", self._path, error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RETRY_MOST_S)

    async def _stop_containers(self, grace_s: float) -> None:
        await asyncio.gather(*(container.stop(grace_s) for container in [*self.init, *self.main]))

    async def _report(self) -> None:
        """Tell the API each change, until it takes it."""
        delay, reported = _RETRY_FIRST_S, None
        while True:
            await self._changed.wait()
            self._changed.clear()
            status = self._status()
            if status == reported:
                continue
            try:
                body = {"metadata": {"uid": self.object["metadata"]["uid"]}, "status": status}
                await self._machine.api.patch(f"{self._path}/status", body)
            except ApiError as error:
                if error.status == 404:
                    self.vanish()
                    return
                log.info("status of %s: %s", self._path, error)
                self._changed.set()
                await asyncio.sleep(delay)
                delay = min(delay * 2, _RETRY_MOST_S)
                continue
            self._accepted.set()
            delay, reported = _RETRY_FIRST_S, status
            self.object = {**self.object, "status": status}

    def _status(self) -> Object:
        return pod_status(
            self.object,
            [container.record for container in self.init],
            [container.record for container in self.main],
            pod_ip=self._address,
            host_ip=self._host_ip,
            start_time=self._start_time,
            now=timestamp(),
        )
