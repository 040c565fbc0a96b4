"""A pod's network for an image's Python programs: addresses, names and sources as in a pod of a real cluster.

A copy of this file lies in the site-packages of each image beside a `.pth` that imports it, so it runs at the start of
every Python process there. It acts only where the node has set PODNET_ADDRESS, and then teaches Python's socket module

- that "any address" is the pod's own (all pods share one loopback interface),
- the node's table of Service names, a JSON file {"service.namespace": [address, …]} that is read again when it changes,
- to come from the pod's address when it talks to pods and Services.

Programs that go past Python's socket module are not reached: for the libraries that do (c-ares, libcurl, libuv) their
users fall back to Python's own when the import fails, so it is made to fail.
"""

from __future__ import annotations

import os
import sys
from typing import Any

ADDRESS = os.environ.get("PODNET_ADDRESS", "")
_IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; socket has no name for it before Python 3.12
_ANY = ("", "0.0.0.0", "::")
_PAST_PYTHON = ("aiodns", "pycurl", "uvloop")


class Names:
    """The node's table of names, as the pod of one namespace sees it."""

    def __init__(self, path: str, namespace: str, own: dict[str, list[str]]) -> None:
        self._path, self._namespace, self._own = path, namespace, own
        self._seen: tuple[int, int] | None = None
        self._table: dict[str, list[str]] = {}
        self._namespaces: set[str] = set()

    def addresses(self, host: str) -> list[str] | None:
        """The addresses of `host`; [] where the cluster knows that there is none; None where it has no say."""
        name = host.rstrip(".").lower()
        if name in self._own:
            return self._own[name]
        self._load()
        short = name.removesuffix(".cluster.local").removesuffix(".svc")
        known = self._table.get(short if "." in short else f"{short}.{self._namespace}")
        if known is not None:
            return known
        # Asked outside, a cluster's own names would only cost a timeout.
        ours = short != name or short.rpartition(".")[2] in self._namespaces or "." not in name
        return [] if ours and name != "localhost" else None

    def _load(self) -> None:
        try:
            status = os.stat(self._path)  # noqa: PTH116
        except FileNotFoundError:
            return
        seen = (status.st_mtime_ns, status.st_ino)
        if seen != self._seen:
            import json

            with open(self._path, encoding="utf-8") as file:  # noqa: PTH123
                self._table = json.load(file)
            self._namespaces = {name.rpartition(".")[2] for name in self._table}
            self._seen = seen


def _number(address: str) -> int | None:
    import socket

    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET, address), "big")
    except OSError:
        return None


def _range(cidr: str) -> tuple[int, int]:
    first, _, bits = cidr.partition("/")
    shift = 32 - int(bits)
    return (_number(first) or 0) >> shift, shift


def _install() -> None:
    import socket

    hostname = os.environ.get("HOSTNAME", "pod")
    ranges = [_range(cidr) for cidr in os.environ.get("PODNET_RANGES", "").split(",") if cidr]
    names = Names(
        os.environ.get("PODNET_TABLE", ""), os.environ.get("PODNET_NAMESPACE", ""), {hostname.lower(): [ADDRESS]}
    )
    real_bind, real_connect, real_connect_ex = socket.socket.bind, socket.socket.connect, socket.socket.connect_ex
    real_getaddrinfo, real_gethostbyaddr = socket.getaddrinfo, socket.gethostbyaddr

    def in_cluster(address: str) -> bool:
        number = _number(address)
        return number is not None and any(number >> shift == prefix for prefix, shift in ranges)

    def bind(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_INET and address[0] in _ANY:
            address = (ADDRESS, *address[1:])
        elif self.family == socket.AF_INET6 and address[0] in _ANY:
            self.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            address = (f"::ffff:{ADDRESS}", *address[1:])
        real_bind(self, address)

    def prepare(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_INET:
            return address
        known = None if _number(address[0]) is not None else names.addresses(address[0])
        if known:
            address = (known[0], *address[1:])
        if in_cluster(address[0]) and self.getsockname() == ("0.0.0.0", 0):
            # Without this option each connection would take a port of the pod's for all destinations.
            self.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            real_bind(self, (ADDRESS, 0))
        return address

    def connect(self: socket.socket, address: Any) -> None:
        real_connect(self, prepare(self, address))

    def connect_ex(self: socket.socket, address: Any) -> int:
        return real_connect_ex(self, prepare(self, address))

    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if (name is None or name in _ANY) and flags & socket.AI_PASSIVE:
            return real_getaddrinfo(ADDRESS, port, family, type, proto, flags)
        known = None if name is None or _number(name) is not None or ":" in name else names.addresses(name)
        if known is None:
            return real_getaddrinfo(host, port, family, type, proto, flags)
        if not known:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {name}")
        return [entry for one in known for entry in real_getaddrinfo(one, port, family, type, proto, flags)]

    def gethostbyname(host: str) -> str:
        return str(getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])

    def gethostbyaddr(host: str) -> Any:
        known = [host] if in_cluster(host) else names.addresses(host)
        return real_gethostbyaddr(host) if known is None else (hostname if known == [ADDRESS] else host, [], known)

    socket.socket.bind = bind  # type: ignore[method-assign]
    socket.socket.connect = connect  # type: ignore[method-assign]
    socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo, socket.gethostbyname, socket.gethostbyaddr = getaddrinfo, gethostbyname, gethostbyaddr
    socket.gethostname = lambda: hostname
    for module in _PAST_PYTHON:
        sys.modules[module] = None  # type: ignore[assignment]


if ADDRESS:
    _install()
