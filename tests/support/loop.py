"""An event loop in a thread, for servers that tests speak to with blocking clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """One loop; lives as long as the test run."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns, waited for at most a minute."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)
