"""Whether a TCP port answers, and what it means when it does not: the text that a firewall request needs."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from magnumhub.domain.errors import DeadlineError
from magnumhub.domain.results import Report

How = Literal["open", "refused", "timeout", "no_route", "unknown_name"]

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 1.0

_MEANING: dict[How, str] = {
    "open": "it answers",
    "refused": "the machine answers and nothing listens there: it is still starting, or the service is down",
    "timeout": "packets are dropped: a firewall or security group is closed, or the address leads to no machine",
    "no_route": "there is no route: the network is not reachable from here (VPN?), or the address is not associated",
    "unknown_name": "the name does not resolve here",
}


@dataclass(frozen=True)
class Reachability:
    how: How

    @property
    def open(self) -> bool:
        return self.how == "open"

    @property
    def meaning(self) -> str:
        return _MEANING[self.how]


def probe(host: str, port: int, *, timeout_s: float) -> Reachability:
    """Try once to connect; the connection is closed at once."""
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError as error:
        return Reachability(judge_connect_error(error))
    return Reachability("open")


def closed_ports(host: str, ports: Iterable[int], *, timeout_s: float) -> dict[int, str]:
    """The ports that do not answer, each with what that means; all are tried at once.

    Args:
        timeout_s: for one connection, in seconds.
    """
    wanted = sorted(set(ports))
    with ThreadPoolExecutor(max(1, len(wanted))) as pool:
        seen = dict(zip(wanted, pool.map(lambda port: probe(host, port, timeout_s=timeout_s), wanted), strict=True))
    return {port: found.meaning for port, found in seen.items() if not found.open}


def judge_connect_error(error: OSError) -> How:
    """Which of the ways not to answer an error of `connect` is."""
    if isinstance(error, socket.gaierror):
        return "unknown_name"
    if isinstance(error, ConnectionRefusedError | ConnectionResetError):
        return "refused"
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN):
        return "no_route"
    return "timeout"


def wait_until_open(host: str, port: int, *, what: str, deadline_s: float, report: Report) -> None:
    """Wait until a port answers.

    Args:
        what: is there, in a few words.
        deadline_s: in seconds.

    Raises:
        DeadlineError: it does not; says how, and what that means.
    """
    end, told, pause_s = time.monotonic() + deadline_s, "", _SHORTEST_PAUSE_S
    while True:
        left = end - time.monotonic()
        seen = probe(host, port, timeout_s=max(0.2, min(5.0, left)))
        if seen.open:
            return
        if time.monotonic() >= end:
            raise DeadlineError(
                f"{what}: {host} port {port} does not answer after {deadline_s:.0f} s ({seen.how})",
                f"{seen.meaning}. Ask the cloud's support to open the port if it stays so",
            )
        if seen.how != told:
            told = seen.how
            report(f"{what}: {host} port {port}: {seen.how}: {seen.meaning}")
        # There is nothing to watch before a port is open.
        time.sleep(min(pause_s, max(0.0, end - time.monotonic())))
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
