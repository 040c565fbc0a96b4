"""The service controller: Services of type LoadBalancer get one, and what can be seen of that is cloud-provider's.

Source: k8s.io/cloud-provider, controllers/service/controller.go: finalizer, events and their texts, what counts as a
change, retries after 5 s, 10 s, … 300 s.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from sandbox.load_balancer.balancers import Balancer, Balancers
from sandbox.load_balancer.openstack import OpenStackError
from sandbox.load_balancer.traffic import Traffic
from sandbox.node.events import EventRecorder
from sandbox.node.forward import Target
from sandbox.node.kube_api import ApiError, KubeApi, Object
from sandbox.node.services import ServiceWatch, targets
from sandbox.node.tasks import in_background

log = logging.getLogger(__name__)

FINALIZER = "service.kubernetes.io/load-balancer-cleanup"
LB_ID, LB_ADDRESS = (f"loadbalancer.openstack.org/load-balancer-{name}" for name in ("id", "address"))
_RETRY_FIRST_S, _RETRY_MOST_S = 5.0, 300.0
_RETRY_LEAST_S = 0.2  # however small the time scale
_LOOKED_AT = (
    "type",
    "loadBalancerIP",
    "ports",
    "loadBalancerSourceRanges",
    "sessionAffinity",
    "externalIPs",
    "externalTrafficPolicy",
)


def wants_balancer(service: Object) -> bool:
    """Whether the Service is to have a load balancer of this cloud."""
    spec = service["spec"]
    ours = spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerClass")
    return ours and not service["metadata"].get("deletionTimestamp")


def looks(service: Object) -> str:
    """What must differ for a Service to be looked at again; our own annotations do not count."""
    notes = service["metadata"].get("annotations") or {}
    others = {key: value for key, value in notes.items() if key not in (LB_ID, LB_ADDRESS)}
    seen: list[Any] = [service["spec"].get(field) for field in _LOOKED_AT]
    return json.dumps([*seen, others, wants_balancer(service)], sort_keys=True)


class Keeper:
    """Keeps one Service's load balancer in agreement with the Service."""

    def __init__(self, controller: Controller, service: Object) -> None:
        self._controller, self._service = controller, service
        self._seen = ""
        self._changed = asyncio.Event()
        self.balancer: Balancer | None = None
        self.update(service)
        self.task = in_background(self._run(), self._path())

    def update(self, service: Object) -> None:
        """There is a newer version of the Service."""
        self._service = service
        if looks(service) != self._seen:
            self._seen = looks(service)
            self._changed.set()

    async def _run(self) -> None:
        delay = _RETRY_FIRST_S
        while True:
            await self._changed.wait()
            self._changed.clear()
            action = "ensure" if wants_balancer(self._service) else "delete"
            try:
                await (self._ensure() if action == "ensure" else self._cleanup())
                delay = _RETRY_FIRST_S
                continue
            except OpenStackError as error:
                text = f"Error syncing load balancer: failed to {action} load balancer: {error}"
                self._tell("Warning", "SyncLoadBalancerFailed", text)
            except ApiError as error:  # changed just then, or the API is busy: the newer version is looked at
                if error.status == 404:
                    continue
                log.info("%s: %s", self._service["metadata"]["name"], error)
            await self._pause(delay)
            delay = min(delay * 2, _RETRY_MOST_S)
            self._changed.set()

    async def _pause(self, delay_s: float) -> None:
        """Until the next attempt; a change of the Service does not wait for it."""
        try:
            async with asyncio.timeout(max(delay_s * self._controller.time_scale, _RETRY_LEAST_S)):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _ensure(self) -> None:
        service, balancers = self._service, self._controller.balancers
        self._tell("Normal", "EnsuringLoadBalancer", "Ensuring load balancer")
        if FINALIZER not in service["metadata"].get("finalizers", []):
            await self._patch_finalizers(add=True)
        self.balancer = await balancers.ensure(service)
        self._controller.changed.set()
        address = await balancers.floating_ip(service, self.balancer)
        notes = {LB_ID: self.balancer.id, LB_ADDRESS: address}
        await self._patch({"metadata": {"annotations": notes}})
        self._tell("Normal", "EnsuredLoadBalancer", "Ensured load balancer")
        await self._patch({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}, "/status")

    async def _cleanup(self) -> None:
        if FINALIZER not in self._service["metadata"].get("finalizers", []):
            return
        self._tell("Normal", "DeletingLoadBalancer", "Deleting load balancer")
        self.balancer = None
        self._controller.changed.set()
        await self._controller.balancers.delete(self._service)
        self._tell("Normal", "DeletedLoadBalancer", "Deleted load balancer")
        if not self._service["metadata"].get("deletionTimestamp"):
            await self._patch({"metadata": {"annotations": {LB_ID: None, LB_ADDRESS: None}}})
            await self._patch({"status": {"loadBalancer": {"ingress": None}}}, "/status")
        await self._patch_finalizers(add=False)

    async def _patch_finalizers(self, *, add: bool) -> None:
        """On the version it was read from: others have finalizers of their own."""
        now = await self._controller.api.get(self._path())
        left = [item for item in now["metadata"].get("finalizers", []) if item != FINALIZER]
        version = now["metadata"]["resourceVersion"]
        await self._patch({"metadata": {"resourceVersion": version, "finalizers": [*left, FINALIZER] if add else left}})

    async def _patch(self, change: Object, subresource: str = "") -> None:
        await self._controller.api.patch(self._path() + subresource, change)

    def _path(self) -> str:
        meta = self._service["metadata"]
        return f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}"

    def _tell(self, kind: str, reason: str, message: str) -> None:
        self._controller.events.record(self._service, kind, reason, message)

    def targets(self, slices: list[Object]) -> dict[tuple[Balancer, int], list[Target]]:
        """(load balancer, port) -> the ready endpoints behind it."""
        if self.balancer is None:
            return {}
        return {(self.balancer, port): behind for port, behind in targets(self._service, slices).items()}


class Controller:
    """Follows the Services of a cluster.

    Args:
        traffic: leads the VIPs' traffic on.
        time_scale: what the controller's own delays are multiplied with.
    """

    def __init__(self, api: KubeApi, balancers: Balancers, traffic: Traffic, time_scale: float) -> None:
        self.api, self.balancers, self.time_scale = api, balancers, time_scale
        self.events = EventRecorder(api, "service-controller")
        self._watch = ServiceWatch(api)
        self.changed = self._watch.changed
        self._keepers: dict[str, Keeper] = {}
        self._traffic = traffic

    async def run(self) -> None:
        """Follow, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch.run())
            await self._watch.synced()
            while True:
                self.changed.clear()
                self._see()
                await self._forward()
                await self.changed.wait()

    def _see(self) -> None:
        services = self._watch.services
        for uid in self._keepers.keys() - services.keys():
            self._keepers.pop(uid).task.cancel()
            self.events.forget(uid)
        for uid, service in services.items():
            if uid in self._keepers:
                self._keepers[uid].update(service)
            elif wants_balancer(service) or FINALIZER in service["metadata"].get("finalizers", []):
                self._keepers[uid] = Keeper(self, service)

    async def _forward(self) -> None:
        slices = list(self._watch.slices.values())
        wanted: dict[tuple[Balancer, int], list[Target]] = {}
        for keeper in self._keepers.values():
            wanted |= keeper.targets(slices)
        await self._traffic.apply(wanted)
