"""What an amphora does: traffic for a VIP is led to the pods behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from sandbox.load_balancer.balancers import Balancer
from sandbox.node.forward import Forwarder, Target
from sandbox.node.services import Forwarders, write_atomically

Wanted = Mapping[tuple[Balancer, int], list[Target]]
"""(load balancer, port of its VIP) -> the ready endpoints behind it."""


class Traffic(Protocol):
    """Leads traffic on."""

    async def apply(self, wanted: Wanted) -> None:
        """Lead what arrives at VIPs so from now on, and nothing else."""


class AtVips:
    """Listens on the VIPs themselves, which are addresses of this machine.

    Args:
        source: the address that forwarded connections come from.
    """

    def __init__(self, source: str) -> None:
        self._forwarders = Forwarders(source)

    async def apply(self, wanted: Wanted) -> None:
        """Listen on these VIPs."""
        await self._forwarders.apply({(vip.vip_address, port): found for (vip, port), found in wanted.items()})


class ToldInFile:
    """Listens on free ports of 127.0.0.1 and says in a file which of them a VIP's port is to lead to.

    For a network back end that reads such files: {"<port id of the VIP>": {"<port>": "127.0.0.1:N"}}.

    Args:
        file: replaced whenever that changes, never written in place.
        source: the address that forwarded connections come from.
    """

    def __init__(self, file: Path, source: str) -> None:
        self._file, self._source = file, source
        self._forwarders: dict[tuple[Balancer, int], Forwarder] = {}
        # Nothing yet: an earlier one may have left a file that leads to ports where nobody listens any more.
        self._written: dict[str, dict[str, str]] | None = None

    async def apply(self, wanted: Wanted) -> None:
        """Listen for these VIPs, and tell it."""
        for gone in self._forwarders.keys() - wanted.keys():
            self._forwarders.pop(gone).close()
        told: dict[str, dict[str, str]] = {}
        for (vip, port), found in wanted.items():
            forwarder = self._forwarders.setdefault((vip, port), Forwarder("127.0.0.1", 0, self._source))
            await forwarder.aim(found)
            if forwarder.listens_on:
                told.setdefault(vip.vip_port_id, {})[str(port)] = f"127.0.0.1:{forwarder.listens_on}"
        if told != self._written:
            write_atomically(self._file, json.dumps(told))
            self._written = told
