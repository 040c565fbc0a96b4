"""Tasks that nobody waits for: their failures are logged when they happen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


def in_background(work: Coroutine[Any, Any, None], about: str) -> asyncio.Task[None]:
    """Start a task; whoever started it keeps it.

    Args:
        about: whose work it is, for the log.
    """

    def report(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("%s: %r", about, error, exc_info=error)

    task = asyncio.create_task(work)
    task.add_done_callback(report)
    return task


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end, without taking a cancellation of the caller for the task's."""
    task.cancel()
    await asyncio.wait([task])
