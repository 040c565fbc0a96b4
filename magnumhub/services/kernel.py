"""Run code in a kernel of a user's notebook server, over the same websocket a browser uses."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from magnumhub.domain.errors import AuthenticationError, FailedError, MagnumhubError, TransientError
from magnumhub.domain.results import Report
from magnumhub.services.notebook_server import NotebookServer

# A page of printed output is small; a traceback with repr's of arrays may not be.
_MAX_MESSAGE_BYTES = 16 * 2**20
_CONNECT_S = 60.0
_AGAIN_S = 1.0
# After so long without a message the server is asked whether it still has the kernel.
_SILENCE_S = 10.0
_LOST_HINT = "out of memory is the usual reason: look at the user's pod, its restarts and its memory limit"


@dataclass
class Execution:
    """What a piece of code did.

    error: exception class and text, empty when there was none.
    interrupted: the deadline came first; the code saw a KeyboardInterrupt.
    """

    stdout: str = ""
    error: str = ""
    interrupted: bool = False


def execute(server: NotebookServer, code: str, *, deadline_s: float, grace_s: float, report: Report) -> Execution:
    """Execute `code` in a new kernel and return what it printed; the kernel is always shut down.

    At the deadline, and when this process is told to stop, the code is interrupted, so that its `finally` can tidy up,
    and has `grace_s` to end.

    Args:
        report: gets each line that the code prints, while it runs.

    Raises:
        AuthenticationError: the server refuses kernels, as a singleuser too old for its hub does while being "ready".
        FailedError: the kernel or its server died.
    """
    kernel_id = server.create_kernel()
    try:
        with _connect(server, kernel_id) as channel:
            conversation = _Conversation(server, kernel_id, channel, report)
            try:
                return conversation.run(code, deadline_s=deadline_s, grace_s=grace_s)
            except BaseException as error:
                if not isinstance(error, Exception):  # this process is told to stop
                    with contextlib.suppress(MagnumhubError):
                        conversation.interrupt(grace_s)
                raise
    finally:
        _discard(server, kernel_id, report)


def _discard(server: NotebookServer, kernel_id: str, report: Report) -> None:
    try:
        server.delete_kernel(kernel_id)
    except MagnumhubError as error:
        # The kernel ends with its server, which the caller stops; the error that matters is the one under way.
        report(f"kernel not shut down: {error.message}")


def _connect(server: NotebookServer, kernel_id: str) -> Connection:
    """Open the kernel's channel; a proxy that is busy is asked again, as a browser does."""
    give_up = time.monotonic() + _CONNECT_S
    while True:
        try:
            return _connect_once(server, kernel_id)
        except TransientError:
            if time.monotonic() > give_up:
                raise
        time.sleep(_AGAIN_S)


def _connect_once(server: NotebookServer, kernel_id: str) -> Connection:
    url = f"ws{server.url.removeprefix('http')}/api/kernels/{quote(kernel_id)}/channels"
    try:
        return connect(
            url,
            additional_headers={"Authorization": f"token {server.token}"},
            open_timeout=_CONNECT_S,
            max_size=_MAX_MESSAGE_BYTES,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        message = f"kernel channel: {url} answered {status}"
        if status in (401, 403):
            raise AuthenticationError(message, "the image's jupyterhub is probably too old for the hub") from error
        raise TransientError(message) from error
    except (InvalidHandshake, OSError) as error:
        raise TransientError(f"kernel channel: {url}: {error}") from error


class _Conversation:
    def __init__(self, server: NotebookServer, kernel_id: str, channel: Connection, report: Report) -> None:
        self._server = server
        self._kernel_id = kernel_id
        self._channel = channel
        self._report = report
        self._request = uuid.uuid4().hex
        self._replied = self._idle = False
        self._open_line = ""
        self._execution = Execution()

    def run(self, code: str, *, deadline_s: float, grace_s: float) -> Execution:
        with self._connected():
            self._channel.send(json.dumps(_execute_request(self._request, code)))
        if not self._listen(deadline_s):
            self._execution.interrupted = True
            self.interrupt(grace_s)
        return self._execution

    def interrupt(self, grace_s: float) -> None:
        """Raise KeyboardInterrupt in the code and wait until it has ended, `grace_s` at most."""
        self._server.interrupt_kernel(self._kernel_id)
        self._listen(grace_s)

    def _listen(self, limit_s: float) -> bool:
        """Take messages until the code has ended; False when it has not within `limit_s`."""
        end, silent = time.monotonic() + limit_s, False
        while not (self._replied and self._idle):
            left_s = end - time.monotonic()
            if left_s <= 0:
                return False
            message = self._receive(min(left_s, _SILENCE_S))
            if message is not None:
                self._take(message)
            silent = message is None and self._is_lost(already=silent)
        return True

    def _is_lost(self, *, already: bool) -> bool:
        """Whether the server does not answer; a proxy may keep the channel open to a server that died.

        Raises:
            FailedError: it did not answer the time before either.
        """
        try:
            self._server.look_at_kernel(self._kernel_id)
        except MagnumhubError as error:
            if already:
                raise FailedError(f"kernel: its server was lost while it ran: {error.message}", _LOST_HINT) from error
            return True
        return False

    def _receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message, or None when none came in time."""
        try:
            with self._connected():
                message: dict[str, Any] = json.loads(self._channel.recv(timeout=timeout_s))
        except TimeoutError:
            return None
        return message

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        except ConnectionClosed as error:
            raise FailedError(f"kernel: the connection to {self._server.url} was lost: {error}", _LOST_HINT) from error

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] in ("restarting", "dead"):
            raise FailedError(f"kernel: died while it ran ({content['execution_state']})", _LOST_HINT)
        if message["parent_header"].get("msg_id") != self._request:
            return
        if kind == "stream" and content["name"] == "stdout":
            self._print(content["text"])
        elif kind == "error":
            self._execution.error = f"{content['ename']}: {content['evalue']}"
        elif kind == "execute_reply":
            self._replied = True
        elif kind == "status":
            self._idle = content["execution_state"] == "idle"

    def _print(self, text: str) -> None:
        self._execution.stdout += text
        *lines, self._open_line = (self._open_line + text).split("\n")
        for line in lines:
            self._report(line)


def _execute_request(message_id: str, code: str) -> dict[str, Any]:
    header = {"msg_id": message_id, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex}
    return {
        "header": {**header, "version": "5.3"},
        "parent_header": {},
        "metadata": {},
        "channel": "shell",
        "content": {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True},
    }
