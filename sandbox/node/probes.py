"""Startup, readiness and liveness probes.

Until a container is ready it is asked five times a second instead of every periodSeconds: waiting for the next period
is where most of a real cluster's start-up time goes. What a failure means is counted in the spec's own time.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any

Object = dict[str, Any]
Attempt = Callable[[], Awaitable[str]]

_EAGER_PERIOD_S = 0.2
_EAGER_FOR_S = 60.0
_QUIET_FOR_S = 5.0  # a program that is starting is no news
_PERIOD_S = 5.0


def attempt_of(
    probe: Object, container: Object, address: str, run: Callable[[list[str], float], Awaitable[str]]
) -> Attempt:
    """How to carry out a probe once; the attempt answers with the reason of its failure, or "".

    Args:
        address: the pod's.
        run: runs a command in the container, for at most so many seconds, with the same kind of answer.
    """
    timeout_s = float(probe.get("timeoutSeconds", 1))

    async def attempt() -> str:
        try:
            async with asyncio.timeout(timeout_s):
                if http := probe.get("httpGet"):
                    return await _http_get(http, http.get("host") or address, _port(http["port"], container))
                if tcp := probe.get("tcpSocket"):
                    _, writer = await asyncio.open_connection(address, _port(tcp["port"], container))
                    writer.close()
                    return ""
                return await run(probe["exec"]["command"], timeout_s)
        except TimeoutError:
            return f"no answer within {timeout_s:g}s"
        except OSError as error:
            return str(error)

    return attempt


def _port(port: int | str, container: Object) -> int:
    if isinstance(port, int):
        return port
    named = (item["containerPort"] for item in container.get("ports") or [] if item.get("name") == port)
    return int(next(named, port))


async def _http_get(http: Object, host: str, port: int) -> str:
    tls = None
    if http.get("scheme", "HTTP").upper() == "HTTPS":
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1", "Connection": "close"}
        headers |= {item["name"]: item["value"] for item in http.get("httpHeaders") or []}
        lines = [f"GET {http.get('path') or '/'} HTTP/1.1", *(f"{key}: {value}" for key, value in headers.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        status = (await reader.readline()).decode(errors="replace").split(" ", 2)
    finally:
        writer.close()
    code = int(status[1]) if len(status) > 1 and status[1].isdigit() else 0
    return "" if 200 <= code < 400 else f"HTTP probe failed with statuscode: {code}"


async def until_success(probe: Object, attempt: Attempt) -> str:
    """Follow a startup probe: "" when it succeeds, the last failure when its time is over."""
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    deadline = time.monotonic() + probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)
    while failure := await attempt():
        if time.monotonic() > deadline:
            return failure
        await asyncio.sleep(_EAGER_PERIOD_S)
    return ""


async def follow_readiness(probe: Object, attempt: Attempt, tell: Callable[[bool, str], None]) -> None:
    """Tell each change of a readiness probe's verdict, and each new reason of its failures, for ever."""
    ready, failures, last = False, 0, ""
    quiet_until, eager_until = time.monotonic() + _QUIET_FOR_S, time.monotonic() + _EAGER_FOR_S
    while True:
        failure = await attempt()
        failures = failures + 1 if failure else 0
        verdict = not failure or (ready and failures < probe.get("failureThreshold", 3))
        if verdict != ready or (failure not in ("", last) and time.monotonic() > quiet_until):
            tell(verdict, failure)
            last = failure
        if ready and not verdict:
            eager_until = time.monotonic() + _EAGER_FOR_S
        ready = verdict
        await asyncio.sleep(_EAGER_PERIOD_S if not ready and time.monotonic() < eager_until else _PERIOD_S)


async def until_dead(probe: Object, attempt: Attempt) -> str:
    """Follow a liveness probe until it has failed for long enough; the last failure."""
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    failures = 0
    while True:
        failure = await attempt()
        failures = failures + 1 if failure else 0
        if failures >= probe.get("failureThreshold", 3):
            return failure
        await asyncio.sleep(probe.get("periodSeconds", 10))
