"""The pod range: one address a pod, and none of them again soon."""

from __future__ import annotations

import ipaddress


class AddressPool:
    """Hands out addresses of a network in turn, so that a new pod does not inherit an old one's connections."""

    def __init__(self, cidr: str) -> None:
        self._hosts = [str(address) for address in ipaddress.ip_network(cidr).hosts()]
        self._taken: set[str] = set()
        self._next = 0

    def take(self) -> str:
        """A free address.

        Raises:
            LookupError: all are taken; the node's number of pods is below that.
        """
        for _ in self._hosts:
            address = self._hosts[self._next % len(self._hosts)]
            self._next += 1
            if address not in self._taken:
                self._taken.add(address)
                return address
        raise LookupError("no free pod address")

    def release(self, address: str) -> None:
        """Make an address free again."""
        self._taken.discard(address)
