"""Waiting on the API without polling: the items now, then again after each change, until a deadline.

Every wait of the product on Kubernetes goes through `changes`, so that what a broken connection, an expired watch or an
API that is still starting mean is decided once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from magnumhub.domain.errors import DeadlineError, TransientError
from magnumhub.kube.errors import translated

_RELIST_S = 10
_PAUSE_S = 1.0
_ANSWER_S = 20
_EXPIRED = 410


def changes(
    doing: str,
    list_call: Callable[..., Any],
    *args: Any,
    deadline_s: float,
    closed: threading.Event | None = None,
    **kwargs: Any,
) -> Iterator[list[Any]]:
    """Yield all items now, after each change, and at least every 10 seconds; end at the deadline.

    A lost connection or an API that does not answer yet is waited out within the deadline.

    Args:
        doing: what is waited for, for the error.
        list_call: a `list_…` method of the client; args and kwargs go to it.
        deadline_s: in seconds.
        closed: nobody listens any more once it is set, and what fails then is not tried again.

    Raises:
        DeadlineError: at the deadline the API did not even answer.
    """
    end = time.monotonic() + deadline_s
    failure: TransientError | None = None
    closed = closed or threading.Event()
    while not closed.is_set() and (left := end - time.monotonic()) > 0:
        try:
            with translated(doing):
                listed = list_call(*args, **kwargs, _request_timeout=min(_ANSWER_S, left))
            failure = None
            items = {item.metadata.uid: item for item in listed.items}
            yield list(items.values())
            window_s = min(_RELIST_S, max(1, end - time.monotonic()))
            with translated(doing):
                for event in _events(list_call, args, kwargs, listed.metadata.resource_version, window_s):
                    _apply(items, event)
                    yield list(items.values())
        except TransientError as error:
            failure = error
            closed.wait(min(_PAUSE_S, max(0.0, left)))
    if failure is not None and not closed.is_set():
        raise DeadlineError(f"{failure.message} (tried for {deadline_s:.0f} s)", failure.hint) from failure


def _events(
    list_call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], version: str, window_s: float
) -> Iterator[dict[str, Any]]:
    """The events of one watch. An expired one (410) is told as gone and answered by listing again."""
    stream = watch.Watch().stream(
        list_call,
        *args,
        **kwargs,
        resource_version=version,
        timeout_seconds=int(window_s) or 1,
        _request_timeout=(10, window_s + 5),
    )
    try:
        yield from (event for event in stream if event["type"] in ("ADDED", "MODIFIED", "DELETED"))
    except ApiException as error:
        if error.status != _EXPIRED:
            raise


def _apply(items: dict[str, Any], event: dict[str, Any]) -> None:
    thing = event["object"]
    if event["type"] == "DELETED":
        items.pop(thing.metadata.uid, None)
    else:
        items[thing.metadata.uid] = thing
