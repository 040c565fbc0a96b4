"""How long users could not reach a part, measured from outside while its address is moved."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from magnumhub.domain.results import Part
from magnumhub.services.outage_process import PATIENCE_S

_STARTS_WITHIN_S = 10.0
_ANSWERS_WITHIN_S = PATIENCE_S + 5.0


class Watch:
    """A process that probes addresses; made by `watching`."""

    def __init__(self, urls: Mapping[Part, tuple[str, str]]) -> None:
        self._outages: dict[Part, float] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "magnumhub.services.outage_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._tell(json.dumps(urls))
        self._hear(_STARTS_WITHIN_S)

    @property
    def pid(self) -> int:
        return self._process.pid

    def outage_s(self) -> dict[Part, float]:
        """The longest time so far in which neither the old nor the new address gave an answer of the part, in seconds.

        A proxy's word that the part behind it is away (5xx) is an answer: what users notice of a hub that restarts is
        not the address's doing. After the block it stays as it was at the end of it. What could not be measured is
        missing.
        """
        if self._process.poll() is None:
            self._tell("")
            with suppress(ValueError):  # it was ended by somebody else just now: what was known before stays
                self._outages = json.loads(self._hear(_ANSWERS_WITHIN_S))
        return dict(self._outages)

    def close(self) -> None:
        """Measure a last time and end the process."""
        try:
            self.outage_s()
            with suppress(OSError):
                self._process.communicate(timeout=_ANSWERS_WITHIN_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._process.kill()
            self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _hear(self, limit_s: float) -> str:
        """Its next line; empty when none comes."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], limit_s)
        return self._process.stdout.readline() if ready else ""


@contextmanager
def watching(urls: Mapping[Part, tuple[str, str]]) -> Iterator[Watch]:
    """Probe addresses every 50 ms while the block runs (https: 200 ms), by a process that dies with this one.

    Safe to repeat: reads only.

    Args:
        urls: the old and the new URL of each part's page of health; equal where it does not move.
    """
    watch = Watch(urls)
    try:
        yield watch
    finally:
        watch.close()
