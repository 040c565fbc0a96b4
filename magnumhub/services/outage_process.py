"""Probes public addresses beside the run that moves them: `python -m magnumhub.services.outage_process`.

A process of its own, so that what the run does at the same time does not stretch the gaps. Addresses come as one line
of JSON on stdin; each further line is answered with the outages so far. When stdin ends, whoever started this process
is done or gone (killed, perhaps), and so is it.
"""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from urllib.parse import urlsplit

EVERY_S = {"http": 0.05, "https": 0.2}
"""From one probe to the next; a TLS handshake costs ten times as much CPU as a plain probe."""

PATIENCE_S = 1.0
"""What is not answered within this is no answer."""

_NOT_THIS_PART = (b"3", b"404")
"""How the status begins where an address leads to somebody else: of two parts that change places, each would answer for
the other. Neither part says so of its own page of health, and a proxy without a backend says 5xx, which is an answer.
"""


def longest_s(probes: Sequence[tuple[float, bool]], until_s: float) -> float:
    """The longest time without an answer: from a probe without one to the next one that had it.

    Args:
        probes: when each was sent, and whether it was answered; in any order.
        until_s: when the last probe could have been sent, on the same clock.
    """
    longest, silent_since = 0.0, None
    for sent_s, answered in [*sorted(probes), (until_s, True)]:
        if not answered:
            silent_since = sent_s if silent_since is None else silent_since
        elif silent_since is not None:
            longest, silent_since = max(longest, sent_s - silent_since), None
    return longest


class Watched:
    """The addresses of one part; one that answers is enough."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = tuple(dict.fromkeys(urls))
        self.pending: set[asyncio.Task[None]] = set()
        self._every_s = max(EVERY_S[urlsplit(url).scheme] for url in self.urls)
        self._probes: list[tuple[float, bool]] = []

    async def run(self) -> None:
        """Probe for ever; a probe that waits for its answer does not hold up the next one."""
        while True:
            probe = asyncio.create_task(self._probe(time.monotonic()))
            self.pending.add(probe)
            probe.add_done_callback(self.pending.discard)
            await asyncio.sleep(self._every_s)

    async def outage_s(self) -> float:
        """The longest outage until now, once it is known what became of the probes that are out."""
        now_s = time.monotonic()
        if self.pending:
            await asyncio.wait(set(self.pending))
        return longest_s([probe for probe in self._probes if probe[0] < now_s], now_s)

    async def _probe(self, sent_s: float) -> None:
        answered = False
        for answer in asyncio.as_completed([asyncio.create_task(is_answered(url)) for url in self.urls]):
            if answered := await answer:
                break
        self._probes.append((sent_s, answered))


async def is_answered(url: str) -> bool:
    """Whether the part answers there, its proxy at least."""
    parts = urlsplit(url)
    tls = _any_certificate() if parts.scheme == "https" else None
    port = parts.port or (443 if tls else 80)
    writer = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls)
            writer.write(
                f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
            )
            version, status = (await reader.readuntil(b" ")), (await reader.readexactly(3))
            return version.startswith(b"HTTP/") and not status.startswith(_NOT_THIS_PART)
    except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
        return False
    finally:
        if writer is not None:
            writer.transport.abort()


@cache
def _any_certificate() -> ssl.SSLContext:
    """Whether anybody answers is asked, not who: nothing is sent that would have to be kept from others."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def watch(urls: Mapping[str, Sequence[str]]) -> None:
    """Probe until stdin ends or SIGTERM comes; a line on stdin is answered with the outages so far."""
    loop, stdin = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    parts = {part: Watched(of_part) for part, of_part in urls.items()}
    running = [asyncio.create_task(watched.run()) for watched in parts.values()]
    loop.add_signal_handler(signal.SIGTERM, stdin.feed_eof)
    await asyncio.sleep(0)
    _say("watching")
    while await stdin.readline():
        _say(json.dumps({part: await watched.outage_s() for part, watched in parts.items()}))
    for task in running:
        task.cancel()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Watch what the first line of stdin names."""
    urls = json.loads(sys.stdin.readline())
    with suppress(BrokenPipeError):
        asyncio.run(watch(urls))


if __name__ == "__main__":
    main()
