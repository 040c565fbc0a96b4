"""Services, as kube-proxy and the cluster's DNS do them: ClusterIPs that forward, and the table of names."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from sandbox.node.forward import Forwarder, Target
from sandbox.node.kube_api import KubeApi, Object

log = logging.getLogger(__name__)

_SERVICE_LABEL = "kubernetes.io/service-name"
_FIRST_FREE_PORT = 1 if os.geteuid() == 0 else 1024  # an ordinary user cannot listen below


def names_table(services: Iterable[Object], slices: Iterable[Object]) -> dict[str, list[str]]:
    """`service.namespace` -> its ClusterIP, or a headless Service's ready endpoints."""
    slices, table = list(slices), {}
    for service in services:
        meta, address = service["metadata"], service["spec"].get("clusterIP")
        if address == "None":
            always = service["spec"].get("publishNotReadyAddresses", False)
            found = {ip for item in slices if _belongs(item, service) for ip in _addresses(item, always)}
            table[f"{meta['name']}.{meta['namespace']}"] = sorted(found)
        elif address:
            table[f"{meta['name']}.{meta['namespace']}"] = [address]
    return table


def targets(service: Object, slices: Iterable[Object]) -> dict[int, list[Target]]:
    """Service port -> the ready endpoints behind it, each with the port it listens on."""
    result: dict[int, list[Target]] = {}
    own = [item for item in slices if _belongs(item, service)]
    for port in service["spec"].get("ports") or []:
        if port.get("protocol", "TCP") != "TCP":
            continue
        found = [
            (address, item_port["port"])
            for item in own
            for item_port in item.get("ports") or []
            if (item_port.get("name") or "") == (port.get("name") or "")
            for address in _addresses(item)
        ]
        result[port["port"]] = sorted(set(found))
    return result


def _belongs(endpoint_slice: Object, service: Object) -> bool:
    meta = endpoint_slice["metadata"]
    owner = (meta["namespace"], (meta.get("labels") or {}).get(_SERVICE_LABEL))
    return owner == (service["metadata"]["namespace"], service["metadata"]["name"])


def _addresses(endpoint_slice: Object, always: bool = False) -> list[str]:
    return [
        address
        for endpoint in endpoint_slice.get("endpoints") or []
        if always or (endpoint.get("conditions") or {}).get("ready", True)
        for address in endpoint["addresses"]
    ]


class ServiceWatch:
    """The Services and EndpointSlices of the cluster, followed; `changed` is set at each change.

    Both must have been listed once before anything is concluded from what is not there.
    """

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self.services: dict[str, Object] = {}
        self.slices: dict[str, Object] = {}
        self.changed = asyncio.Event()
        self._synced = {"services": asyncio.Event(), "slices": asyncio.Event()}

    async def synced(self) -> None:
        """Wait for the first complete lists."""
        for event in self._synced.values():
            await event.wait()

    async def run(self) -> None:
        """Follow, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow("/api/v1/services", "services", self.services))
            group.create_task(self._follow("/apis/discovery.k8s.io/v1/endpointslices", "slices", self.slices))

    async def _follow(self, path: str, kind: str, into: dict[str, Object]) -> None:
        async for event, item in self._api.watch(path):
            if event == "SYNCED":
                self._synced[kind].set()
            elif event == "DELETED":
                into.pop(item["metadata"]["uid"], None)
            else:
                into[item["metadata"]["uid"]] = item
            self.changed.set()


class ServiceNetwork:
    """Keeps the cluster's ClusterIPs forwarding and its names in a file.

    Args:
        table: the file; replaced, never written in place.
        source: the address that forwarded connections come from.
    """

    def __init__(self, api: KubeApi, table: Path, source: str | None) -> None:
        self.table = table
        self._watch = ServiceWatch(api)
        self._forwarders = Forwarders(source)
        self._written: dict[str, list[str]] | None = None

    async def services_of(self, namespace: str) -> list[Object]:
        """The Services of a namespace."""
        await self._watch.synced()
        return [item for item in self._watch.services.values() if item["metadata"]["namespace"] == namespace]

    async def run(self) -> None:
        """Follow the cluster, for ever."""
        follower = asyncio.create_task(self._watch.run())
        try:
            await self._watch.synced()
            while True:
                self._watch.changed.clear()
                await self._apply()
                await self._watch.changed.wait()
        finally:
            follower.cancel()
            self._forwarders.close()

    async def _apply(self) -> None:
        services, slices = list(self._watch.services.values()), list(self._watch.slices.values())
        table = names_table(services, slices)
        if table != self._written:
            write_atomically(self.table, json.dumps(table))
            self._written = table
        wanted = {
            (service["spec"]["clusterIP"], port): found
            for service in services
            if service["spec"].get("clusterIP") not in (None, "", "None")
            for port, found in targets(service, slices).items()
            if port >= _FIRST_FREE_PORT
        }
        await self._forwarders.apply(wanted)


class Forwarders:
    """A set of forwarders, made to agree with what is wanted."""

    def __init__(self, source: str | None = None) -> None:
        self._source = source
        self._running: dict[Target, Forwarder] = {}

    async def apply(self, wanted: Mapping[Target, list[Target]]) -> None:
        """Listen where it is wanted, and nowhere else."""
        for address in self._running.keys() - wanted.keys():
            self._running.pop(address).close()
        for address, found in wanted.items():
            forwarder = self._running.setdefault(address, Forwarder(*address, self._source))
            try:
                await forwarder.aim(found)
            except OSError as error:
                log.warning("cannot listen on %s:%d: %s", *address, error)

    def close(self) -> None:
        """Stop them all."""
        for forwarder in self._running.values():
            forwarder.close()


def write_atomically(file: Path, text: str) -> None:
    """Replace a file, so that a reader sees the old or the new one."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as new:
        new.write(text)
    Path(new.name).replace(file)
