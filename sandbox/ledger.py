"""Which requests changed something, and who asked: the evidence for doing nothing twice."""

from __future__ import annotations

import re
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MUTATING = {"POST", "PUT", "PATCH", "DELETE"}
# Requests that are written like changes and change nothing that anybody keeps.
_NOT_COUNTED = {
    "keystone": r"^/v3/auth/tokens$",
    "magnum": r"^/v1/certificates",
    "kubernetes": r"/(token|subjectaccess|selfsubjectaccess|selfsubjectrules|localsubjectaccess|selfsubject)reviews$"
    r"|/serviceaccounts/[^/]+/token$|/leases(/|$)|/certificatesigningrequests",
}


def counts(service: str, method: str, path: str, query: str = "") -> bool:
    """Whether a request is a mutation: not tokens, certificate signing, reviews, dry runs and Leases."""
    if method not in _MUTATING or "dryRun=All" in query:
        return False
    pattern = _NOT_COUNTED.get(service)
    return not (pattern and re.search(pattern, path))


def attributed(user_name: str) -> str:
    """Who a credential belongs to: product (a person's or an administrator's), workload, or cloud."""
    if user_name.startswith("system:serviceaccount:"):
        return "workload"
    if user_name.startswith(("system:node:", "system:cloud-controller-manager")):
        return "cloud"
    return "product"


class Ledger:
    """The mutations of this sandbox since it started or was reset, in the order of their answers."""

    def __init__(self) -> None:
        self.mutations: list[dict[str, Any]] = []
        self.ssh_connections = 0

    def clear(self) -> None:
        self.mutations.clear()
        self.ssh_connections = 0


class LedgerMiddleware:
    """Writes a service's mutations into the ledger; the user is what authentication left in scope["state"]["user"]."""

    def __init__(self, app: ASGIApp, service: str, ledger: Ledger) -> None:
        self.app = app
        self._service = service
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or not counts(self._service, scope["method"], path, scope["query_string"].decode()):
            await self.app(scope, receive, send)
            return

        async def record(message: Message) -> None:
            if message["type"] == "http.response.start":
                user = scope.get("state", {}).get("user", {"name": ""})
                self._ledger.mutations.append(
                    {
                        "service": self._service,
                        "method": scope["method"],
                        "path": path,
                        "status": message["status"],
                        "by": attributed(user["name"]),
                    }
                )
            await send(message)

        await self.app(scope, receive, record)
