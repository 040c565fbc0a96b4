"""Which nodes this process stands for: those that a file names, whenever it is told that the file has changed."""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from pathlib import Path

from sandbox.node.agent import Agent, NodeSpec, find_log
from sandbox.node.kube_api import ApiError
from sandbox.node.logs import LogServer
from sandbox.node.pod import Machine
from sandbox.node.tasks import cancelled

log = logging.getLogger(__name__)


class Nodes:
    """Takes up nodes and gives them up; those that stay, and their pods, notice nothing of it.

    Args:
        file: a JSON object, name -> address.
        cpu, memory_gib: of each node.
    """

    def __init__(self, machine: Machine, file: Path, *, cpu: int, memory_gib: int) -> None:
        self._machine, self._file, self._cpu, self._memory_gib = machine, file, cpu, memory_gib
        self._agents: dict[str, Agent] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._log_server = LogServer(machine.api.config, partial(find_log, self._agents.values()))

    def look_again(self) -> None:
        """The file has changed."""
        self._changed.set()

    async def run(self) -> None:
        """Be these nodes, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                wanted: dict[str, str] = json.loads(self._file.read_text(encoding="utf-8"))
                for name in self._tasks.keys() - wanted.keys():
                    await self._give_up(name)
                for name in [name for name in wanted if name not in self._tasks]:
                    port = await self._log_server.listen(wanted[name])
                    node = NodeSpec(name, wanted[name], self._cpu, self._memory_gib, port)
                    self._agents[name] = Agent(self._machine, node)
                    self._tasks[name] = group.create_task(self._agents[name].run())
                await self._changed.wait()

    async def _give_up(self, name: str) -> None:
        """Its server is gone: processes first, then the Node, as a cloud's controller does with a server's node."""
        del self._agents[name]
        await cancelled(self._tasks.pop(name))
        while True:
            try:
                await self._machine.api.delete(f"/api/v1/nodes/{name}")
                return
            except ApiError as error:
                if error.status == 404:
                    return
                log.info("giving up %s: %s", name, error)
            await asyncio.sleep(1)
