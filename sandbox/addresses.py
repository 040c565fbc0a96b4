"""Which loopback addresses a sandbox uses: a whole 127.N.0.0/16 of its own, so that several run side by side."""

from __future__ import annotations

import socket
from dataclasses import dataclass

SSH_PORT = 2222  # ports below 1024 need root
API_PORT = 6443
_CLAIM_PORT = 6443
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


def claim() -> tuple[Addresses, socket.socket]:
    """The first free address plan, and what keeps it: it is free again when the socket is closed.

    A datagram port of the plan's own is bound, as loopback is one for all users of a machine: a lock file would be
    seen by its owner only. Low octets are left to what people use by hand.
    """
    for octet in range(100, 250):
        claimed = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claimed.bind((Addresses(octet).control, _CLAIM_PORT))
        except OSError:
            claimed.close()
            continue
        return Addresses(octet), claimed
    raise RuntimeError("all sandbox networks, 127.100.0.0/16 to 127.249.0.0/16, are taken")
