"""One run per site at a time, across flows, workers and the command line: a Lease in the site's own cluster.

The holder is host, pid namespace, pid and start time, so that a holder on this machine that died is known to be dead
and its lease is taken over at once. Another machine's is waited for until it was seen unrenewed for its whole term, by
this machine's own clock: clocks of two machines are never compared.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from kubernetes import client

from magnumhub.domain.errors import BusyError, MagnumhubError, RefusedError, TransientError
from magnumhub.domain.results import Report
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import ConflictError, NotFoundError, translated
from magnumhub.kube.marks import labels
from magnumhub.kube.watching import changes

NAMESPACE = "kube-system"
LEASE_S = 30
_RENEW_S = 10
_AGAIN_S = 1


@dataclass(frozen=True)
class Holder:
    """A process. machine: host name and pid namespace, since containers share host names and not pids."""

    machine: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.machine}/{self.pid}/{self.started}"


def parse_holder(identity: str) -> Holder | None:
    """The process that a Lease names; None for an empty or foreign identity."""
    machine, _, rest = identity.partition("/")
    pid, _, started = rest.partition("/")
    return Holder(machine, int(pid), started) if machine and pid.isdigit() and started else None


@dataclass(frozen=True)
class LeaseSeen:
    """A Lease as read. version: changes with every renewal."""

    identity: str
    version: str


def decide_lease(
    seen: LeaseSeen | None, me: Holder, *, holder_is_dead: bool, unchanged_s: float
) -> Literal["take", "wait"]:
    """Whether the lease may be taken now.

    Args:
        seen: None where there is no Lease yet.
        holder_is_dead: its holder was a process of this machine and is gone.
        unchanged_s: for how long we have seen it not renewed, in seconds.
    """
    if seen is None or not seen.identity or seen.identity == str(me):
        return "take"
    return "take" if holder_is_dead or unchanged_s > LEASE_S else "wait"


class SiteLease:
    """A lease that is held, renewed in the background."""

    def __init__(self, kube: Kube, site: str, me: Holder) -> None:
        self._kube, self._site, self._me = kube, site, me
        self._ended = threading.Event()
        self._renewed = time.monotonic()
        self._taken_by = ""
        self._thread = threading.Thread(target=self._renew, name=f"lease {site}", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise when somebody else has the site by now, or may have it.

        Raises:
            RefusedError: another run has taken the site over.
            TransientError: the lease could not be renewed for its whole term.
        """
        if self._taken_by:
            raise RefusedError(
                f"another run has taken site {self._site} over: {self._taken_by}",
                "this one was not heard of for half a minute; run again when the other has ended",
            )
        if time.monotonic() - self._renewed > LEASE_S:
            raise TransientError(
                f"the lease {NAMESPACE}/{_lease_name(self._site)} could not be renewed for {LEASE_S} s",
                "is the Kubernetes API reachable? Run again: it goes on with what is there",
            )

    def release(self) -> None:
        """Let the next run in at once."""
        self._ended.set()
        self._thread.join()
        try:
            seen = _read(self._kube, self._site)
            if seen is not None and seen.identity == str(self._me):
                _write(self._kube, self._site, "", seen.version)
        except MagnumhubError:
            # Not released is expired in half a minute.
            return

    def _renew(self) -> None:
        while not self._ended.wait(_RENEW_S):
            try:
                # Before the request: that is the moment from which another run may count, at the earliest.
                asked = time.monotonic()
                seen = _read(self._kube, self._site)
                if seen is not None and seen.identity not in ("", str(self._me)):
                    self._taken_by = seen.identity
                    return
                _write(self._kube, self._site, str(self._me), seen.version if seen else None)
                self._renewed = asked
            except MagnumhubError:
                # The next round tries again; `check` tells when that goes on too long.
                continue


@contextmanager
def site_lease(kube: Kube, site: str, *, wait_s: float, report: Report) -> Iterator[SiteLease]:
    """Hold the site while the block runs; wait for whoever holds it.

    Safe to repeat: a lease left by a dead process of this machine is taken over at once, any other when it was seen
    unrenewed for 30 s.

    Args:
        wait_s: longest wait for another run, in seconds; 0 does not wait.

    Raises:
        BusyError: another run holds the site; says whose.
        TransientError: the API did not answer for so long.
    """
    lease = _acquire(kube, site, wait_s, report)
    try:
        yield lease
    finally:
        lease.release()


def myself() -> Holder:
    """This process as a lease names it."""
    return Holder(_machine(), os.getpid(), _start_time(os.getpid()))


def _acquire(kube: Kube, site: str, wait_s: float, report: Report) -> SiteLease:
    me = myself()
    end, told = time.monotonic() + wait_s, ""
    version, since = "", time.monotonic()
    while True:
        try:
            seen = _read(kube, site)
            if seen is not None and seen.version != version:
                version, since = seen.version, time.monotonic()
            dead, unchanged_s = seen is not None and _is_dead(seen), time.monotonic() - since
            if decide_lease(seen, me, holder_is_dead=dead, unchanged_s=unchanged_s) == "take":
                _write(kube, site, str(me), seen.version if seen else None)
                return SiteLease(kube, site, me)
        except ConflictError:
            continue
        except TransientError:
            # An answer was lost, perhaps that to a lease which is ours by now.
            if time.monotonic() >= end:
                raise
            time.sleep(_AGAIN_S)
            continue
        assert seen is not None
        if time.monotonic() >= end:
            raise BusyError(
                f"another run works on site {site}: {seen.identity}",
                "wait until it has ended, or end it; the lease of a dead one expires after 30 s",
            )
        if seen.identity != told:
            told = seen.identity
            report(f"waiting for another run on site {site}: {seen.identity}")
        _wait_for_change(kube, site, seen.version, min(end - time.monotonic(), LEASE_S - unchanged_s + 1))


def _wait_for_change(kube: Kube, site: str, version: str, window_s: float) -> None:
    for listed in changes(
        f"waiting for the lease of site {site}",
        kube.coordination.list_namespaced_lease,
        NAMESPACE,
        deadline_s=max(0.5, window_s),
        field_selector=f"metadata.name={_lease_name(site)}",
    ):
        if [item.metadata.resource_version for item in listed] != [version]:
            return


def _read(kube: Kube, site: str) -> LeaseSeen | None:
    name = _lease_name(site)
    try:
        with translated(f"reading the lease {NAMESPACE}/{name}"):
            found: Mapping[str, Any] = kube.plain(kube.coordination.read_namespaced_lease(name, NAMESPACE))
    except NotFoundError:
        return None
    return LeaseSeen(found.get("spec", {}).get("holderIdentity") or "", found["metadata"]["resourceVersion"])


def _write(kube: Kube, site: str, identity: str, version: str | None) -> None:
    name = _lease_name(site)
    now = datetime.now(UTC)
    metadata = client.V1ObjectMeta(name=name, labels=labels(site or name.removeprefix("magnumhub-")))
    metadata.resource_version = version
    spec = client.V1LeaseSpec(
        holder_identity=identity, lease_duration_seconds=LEASE_S, acquire_time=now, renew_time=now
    )
    body = client.V1Lease(metadata=metadata, spec=spec)
    with translated(f"writing the lease {NAMESPACE}/{name}"):
        if version is None:
            kube.coordination.create_namespaced_lease(NAMESPACE, body)
        else:
            kube.coordination.replace_namespaced_lease(name, NAMESPACE, body)


def _lease_name(site: str) -> str:
    return f"magnumhub-{site}"


def _is_dead(seen: LeaseSeen) -> bool:
    who = parse_holder(seen.identity)
    return who is not None and who.machine == _machine() and _start_time(who.pid) != who.started


def _machine() -> str:
    try:
        pids = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        pids = "0"
    return f"{socket.gethostname()}:{pids}"


def _start_time(pid: int) -> str:
    """In clock ticks after boot, from /proc; "" for a process that does not exist.

    A process id is used again sooner or later; with the start time it is not mistaken.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The name in parentheses may hold spaces; the start time is the 22nd field of the line.
    return stat.rpartition(")")[2].split()[19]
