"""Host keys, accepted at first sight and pinned after: per server id, because a floating IP moves between servers.

Source: measured: an address that moves to another server meets another host key.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import paramiko

from magnumhub.domain.errors import RefusedError
from magnumhub.remote.shell import state_folder


class PinnedKeys(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """The policy of one ssh client for one server.

    Args:
        server_id: Nova's id of the server; the host's name for a jump host.
        path: known_hosts file of ours; None is the one in the product's state folder.
    """

    def __init__(self, server_id: str, path: Path | None = None) -> None:
        self._server_id = server_id
        self.path = path or state_folder() / "known_hosts"

    def prepare(self, client: Any, host: str, port: int) -> None:
        """Have the client expect the pinned key, if there is one, at this address."""
        client.set_missing_host_key_policy(self)
        pinned = self._pinned()
        if pinned is None:
            return
        name = host if port == 22 else f"[{host}]:{port}"
        for kind in pinned:
            client.get_host_keys().add(name, kind, pinned[kind])

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        """Called by paramiko for a server without a key to compare: pin the one it shows."""
        if self._pinned() is not None:
            raise self.changed(hostname)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = f"{self._server_id} {key.get_name()} {key.get_base64()}\n"
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
            file.write(line)

    def changed(self, host: str) -> RefusedError:
        """The refusal of a server that shows another key than the pinned one."""
        return RefusedError(
            f"the ssh server at {host} shows another host key than server {self._server_id} did before",
            f"something else answers there, or the server was rebuilt: if so, remove its line from {self.path}",
        )

    def _pinned(self) -> Any:
        if not self.path.exists():
            return None
        return paramiko.HostKeys(str(self.path)).lookup(self._server_id)
