"""A user who is at work while the site is changed: a notebook cell runs on, at whatever address the hub has."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.sync.client import connect

from magnumhub.services.hub import Hub
from tests.support.sandbox import wait_until

_CELL = """
import os, time
for beat in range(10**9):
    with open("beat.part", "w") as file:
        file.write(str(beat))
    os.replace("beat.part", "beat.txt")
    time.sleep(0.1)
"""
_LONG_S = 6 * 3600
_ANSWERS_S = 60


@dataclass(frozen=True)
class UserAtWork:
    """A user with a running cell.

    made_at: when the hub's database got the user; a new database would have made the user anew.
    """

    name: str
    token: str = field(repr=False)
    kernel_id: str
    made_at: str

    def assert_still_works(self, hub_url: str) -> None:
        """The same kernel computes the same cell still, reached at this address; the hub knows the same user."""
        assert self._get(hub_url, "/hub/api/user")["created"] == self.made_at
        kernel = self._get(hub_url, f"/user/{self.name}/api/kernels/{self.kernel_id}")
        assert kernel["execution_state"] == "busy", kernel
        before = self._beat(hub_url)
        wait_until(lambda: self._beat(hub_url) > before, 20, "the cell goes on")

    def _beat(self, hub_url: str) -> int:
        return int(self._get(hub_url, f"/user/{self.name}/api/contents/beat.txt?format=text")["content"])

    def _get(self, hub_url: str, path: str) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        give_up_s = time.monotonic() + _ANSWERS_S  # the hub may be restarting, and its proxy says so
        while True:
            answer = httpx.get(f"{hub_url}{path}", headers=headers, timeout=30)
            if answer.status_code < 500 or time.monotonic() > give_up_s:
                return answer.raise_for_status().json()
            time.sleep(0.2)


@contextmanager
def user_at_work(hub_url: str, password: str, name: str = "ann") -> Iterator[UserAtWork]:
    """Somebody logs in, starts a notebook server and a cell; it is not stopped."""
    with Hub(hub_url) as hub:
        user = hub.login(name, password, token_s=_LONG_S, note="at work")
        user.server.start(deadline_s=120, report=lambda line: None)
        kernel_id = user.server.create_kernel()
        made_at = httpx.get(f"{hub_url}/hub/api/user", headers={"Authorization": f"token {user.token}"}).json()
        channel = connect(
            f"{user.server.url.replace('http', 'ws', 1)}/api/kernels/{kernel_id}/channels",
            additional_headers={"Authorization": f"token {user.token}"},
        )
        channel.send(json.dumps(_execute(_CELL)))
        at_work = UserAtWork(name, user.token, kernel_id, made_at["created"])
        wait_until(lambda: at_work._beat(hub_url) > 0, 60, "the cell runs")
        channel.close()
        yield at_work


def _execute(code: str) -> dict[str, Any]:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    return {
        "header": header | {"version": "5.3"},
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
        "buffers": [],
    }
