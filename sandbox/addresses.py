"""Which loopback addresses a sandbox uses: a whole 127.N.0.0/16 of its own, so that several run side by side."""

from __future__ import annotations

import fcntl
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SSH_PORT = 2222  # ports below 1024 need root
API_PORT = 6443
_CLUSTERS_MAX = 29


@dataclass(frozen=True)
class Addresses:
    """The address plan of the sandbox with octet N."""

    octet: int

    def _at(self, third: int, fourth: int) -> str:
        return f"127.{self.octet}.{third}.{fourth}"

    @property
    def control(self) -> str:
        """Where the OpenStack APIs, the control API and the chart repository listen."""
        return self._at(0, 1)

    @property
    def external(self) -> str:
        return self._at(4, 0) + "/24"

    @property
    def internal(self) -> str:
        """Machines here are reached from inside the sandbox's own network only."""
        return self._at(8, 0) + "/24"

    @property
    def provider(self) -> str:
        """Machines here are reached from the runner as well, as on a network that is routed in an institute."""
        return self._at(10, 0) + "/24"

    @property
    def router(self) -> str:
        """The source address of what comes in through a floating IP."""
        return self._at(8, 1)

    def own_loopback(self, index: int) -> str:
        """What stands for 127.0.0.1 on the masters of the index-th cluster: programs there cannot have the real one."""
        return self._at(9, 10 + index)

    def pods(self, index: int) -> str:
        self._check(index)
        return self._at(16 + 8 * index, 0) + "/22"

    def services(self, index: int) -> str:
        self._check(index)
        return self._at(20 + 8 * index, 0) + "/22"

    def inside(self, peer: str) -> bool:
        """Whether a peer is one of this sandbox's machines (the runner connects from 127.0.0.1)."""
        return peer.startswith(f"127.{self.octet}.")

    @staticmethod
    def _check(index: int) -> None:
        if index >= _CLUSTERS_MAX:
            raise ValueError(f"a sandbox has addresses for {_CLUSTERS_MAX} clusters at once")


def claim() -> tuple[Addresses, IO[str]]:
    """The first free address plan, and the lock that keeps it: it is free again when the file is closed."""
    folder = Path(tempfile.gettempdir()) / f"magnumhub-sandbox-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for octet in range(10, 251):
        lock = (folder / f"{octet}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        return Addresses(octet), lock
    raise RuntimeError(f"all sandbox networks are taken, see the locks in {folder}")
