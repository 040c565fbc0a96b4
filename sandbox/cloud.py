"""What all parts of one sandbox share: its addresses, folder, clock, resources, faults and ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.addresses import Addresses
from sandbox.faults import Faults
from sandbox.ledger import Ledger
from sandbox.store import Store

if TYPE_CHECKING:
    from sandbox.openstack.clusters import Clusters

REGION = "sandbox-region"


class Clock:
    """The sandbox's own delays: seconds of a real cloud times one factor."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.scale)


@dataclass
class Cloud:
    """One sandbox.

    Args:
        state_dir: absolute; everything the sandbox writes is below it.
        base_url: of the port with the OpenStack APIs, the control API and the chart repository.
        sandbox_id: random; carried in the environment of every process that belongs to the sandbox.
    """

    addresses: Addresses
    state_dir: Path
    base_url: str
    clock: Clock
    sandbox_id: str
    store: Store = field(default_factory=Store)
    faults: Faults = field(default_factory=Faults)
    ledger: Ledger = field(default_factory=Ledger)
    clusters: Clusters = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def url(self, service: str) -> str:
        """The public endpoint of an OpenStack service as the catalog has it."""
        return f"{self.base_url}/{service}"

    def in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do what a service does after it has answered."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def cancel_background(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
