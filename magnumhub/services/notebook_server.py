"""A user's notebook server: started, asked and stopped through the hub."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from magnumhub.domain.errors import DeadlineError, FailedError, ServiceError, TransientError
from magnumhub.domain.results import Report
from magnumhub.services.http import ask, reason_of, wait_until

_POLL_S = 0.5
# The hub sends an empty line every 8 s into the stream of progress; a longer silence means that the connection is dead.
_SILENCE_S = 15.0
# The hub waits for a quick spawn, 10 s by default, before it answers that it goes on.
_SPAWN_REQUEST_S = 30.0
_SPAWN_HINT = "the events of the user's pod say why: image, volume, room on the nodes"
_STOP_HINT = "stop it on the hub's admin page, or delete the user's pod"


class NotebookServer:
    """The default server of one hub user.

    Args:
        client: speaks to the hub with a token that may run this user's server.
    """

    def __init__(self, hub_url: str, user: str, token: str, client: httpx.Client) -> None:
        name = quote(user, safe="@~")
        self.user = user
        self.token = token
        self.url = f"{hub_url}/user/{name}"
        self._client = client
        self._model = f"/hub/api/users/{name}"
        self._server = f"{self._model}/server"

    def start(self, *, deadline_s: float, report: Report) -> None:
        """Start the server and wait until the hub calls it ready.

        Safe to repeat: a server that a killed check left behind (with the image of its day) is stopped first.

        Raises:
            FailedError: the spawn failed; the message is the hub's, with the last thing the spawner said.
            DeadlineError: not ready within `deadline_s`.
        """
        end = time.monotonic() + deadline_s
        if self.state() is not None:
            report(f"stopping the server that {self.user} still had")
            self.stop(deadline_s=deadline_s)
        doubt = self._ask_for_start(min(_SPAWN_REQUEST_S, deadline_s))
        if doubt is not None:
            self._follow(end, deadline_s, doubt, report)

    def _ask_for_start(self, timeout_s: float) -> str | None:
        """None when the server is ready; else why it may not become so, empty when all is well so far.

        A lost answer and a 500 prove nothing (hub 5.5.0 answers 500 to a spawn that goes on when its own wait of 10 s
        ends at the wrong moment): what is there afterwards will tell.
        """
        try:
            answer = ask(
                self._client,
                "POST",
                self._server,
                what="notebook server",
                accept=(201, 202, 500),
                json={},
                timeout=timeout_s,
            )
        except TransientError as error:
            return error.message
        return {201: None, 202: ""}.get(answer.status_code, reason_of(answer))

    def state(self) -> dict[str, Any] | None:
        """The hub's model of the server (`ready`, `pending`, `url`); None when there is no server."""
        model = ask(self._client, "GET", self._model, what=f"hub user {self.user}").json()
        server = (model.get("servers") or {}).get("")
        return None if server is None or server.get("stopped") else server

    def version(self, *, deadline_s: float = 30.0) -> str:
        """The JupyterHub version inside the server, from the header it puts on its answers.

        Asked where nobody needs to be let in: one that is too old for its hub lets in no service of the hub's.

        Raises:
            DeadlineError: the server did not answer as itself; "ready" only means that its port was open.
        """
        found: list[str] = []

        def probe() -> None:
            answer = ask(self._client, "GET", f"{self.url}/api", what="notebook server")
            version = answer.headers.get("x-jupyterhub-version")
            if not version:
                raise ServiceError(f"notebook server: {self.url} does not say its JupyterHub version", _SPAWN_HINT)
            found.append(version)

        wait_until(probe, what="notebook server", deadline_s=deadline_s, report=lambda line: None, hint=_SPAWN_HINT)
        return found[-1]

    def stop(self, *, deadline_s: float) -> None:
        """Stop the server and wait until the hub says it is gone.

        Safe to repeat: a server that is not there is done; one that is just being started is stopped as well.

        Raises:
            DeadlineError: still there after `deadline_s`.
        """
        end = time.monotonic() + deadline_s
        while True:
            # Asked again each time: hubs before 5 refuse to stop a server while it is being started.
            answer = ask(
                self._client, "DELETE", self._server, what="stopping the notebook server", accept=(202, 204, 400, 404)
            )
            state = self.state()
            if state is None:
                return
            if time.monotonic() > end:
                said = state.get("pending") or reason_of(answer)
                raise DeadlineError(
                    f"notebook server of {self.user}: still there {deadline_s:.0f} s after the stop ({said})",
                    _STOP_HINT,
                )
            time.sleep(_POLL_S)

    def _follow(self, end: float, deadline_s: float, doubt: str, report: Report) -> None:
        said: deque[str] = deque(maxlen=3)
        while time.monotonic() < end:
            for event in self._events(end):
                message = str(event.get("message", "")).strip()
                if event.get("ready"):
                    return
                if event.get("failed"):
                    raise FailedError(f"notebook server of {self.user}: {_told(message, said)}", _SPAWN_HINT)
                if message and message not in said:
                    said.append(message)
                    report(message)
            if self._is_ready(doubt):
                return
            time.sleep(_POLL_S)
        message = _told(f"not ready after {deadline_s:.0f} s", said)
        raise DeadlineError(f"notebook server of {self.user}: {message}", _SPAWN_HINT)

    def _is_ready(self, doubt: str) -> bool:
        try:
            state = self.state()
        except TransientError:
            return False
        if state is None:
            reason = doubt or "the spawn ended and there is no server"
            raise FailedError(f"notebook server of {self.user}: {reason}", _SPAWN_HINT)
        return bool(state.get("ready"))

    def _events(self, end: float) -> Iterator[dict[str, Any]]:
        """The spawn's events as they come, until the hub ends the stream or `end` is there."""
        timeout = httpx.Timeout(10.0, read=max(min(end - time.monotonic(), _SILENCE_S), 0.1))
        try:
            with self._client.stream("GET", f"{self._server}/progress", timeout=timeout) as stream:
                if stream.status_code != 200:
                    return
                for line in stream.iter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line[5:])
                    if time.monotonic() > end:
                        return
        except (httpx.HTTPError, ValueError):
            # A broken stream is not a broken spawn: the caller looks at the server's state and asks again.
            return

    def create_kernel(self) -> str:
        """Start a kernel of the server's default kind and return its id."""
        answer = self._ask("POST", "/api/kernels", what="starting a kernel", accept=(201,), json={})
        return str(answer.json()["id"])

    def look_at_kernel(self, kernel_id: str) -> None:
        """Ask for a kernel's model.

        Raises:
            MagnumhubError: server or kernel are not there any more, or do not answer.
        """
        self._ask("GET", f"/api/kernels/{kernel_id}", what="looking at the kernel")

    def interrupt_kernel(self, kernel_id: str) -> None:
        """Raise KeyboardInterrupt in what the kernel runs."""
        self._ask("POST", f"/api/kernels/{kernel_id}/interrupt", what="interrupting the kernel", accept=(204,))

    def delete_kernel(self, kernel_id: str) -> None:
        """Shut a kernel down.

        Safe to repeat: a kernel that is gone is done.
        """
        self._ask("DELETE", f"/api/kernels/{kernel_id}", what="shutting the kernel down", accept=(204, 404))

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return ask(self._client, method, f"{self.url}{path}", **options)


def _told(message: str, said: deque[str]) -> str:
    before = [line for line in said if line not in message]
    return f"{message}; before that: {'; '.join(before)}" if before else message
