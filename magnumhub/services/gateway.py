"""Dask Gateway's REST API: health, version, and the Dask clusters of one user.

Computing needs dask and runs in a process of its own; what is here needs only HTTP, so that what a killed computation
left can be seen and stopped from the outside.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx

from magnumhub.domain.errors import AuthenticationError, DeadlineError, ServiceError
from magnumhub.domain.results import Report
from magnumhub.services.http import ask, reason_of, wait_until

_POLL_S = 0.5


class Gateway:
    """A Dask Gateway behind its public address.

    Args:
        token: of a hub user; needed for that user's Dask clusters, not for health and version.
    """

    def __init__(self, address: str, token: str | None = None, *, timeout_s: float = 20.0) -> None:
        self.address = address.rstrip("/")
        headers = {"Authorization": f"jupyterhub {token}"} if token else {}
        self._client = httpx.Client(base_url=self.address, headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._client.close()

    def health(self) -> None:
        """Ask the gateway whether it is alive.

        Raises:
            TransientError: nothing answers, or the gateway itself says `fail` (503).
        """
        ask(self._client, "GET", "/api/health", what="gateway health")

    def version(self) -> str:
        """The gateway server's version, such as `2026.3.0`."""
        answer = ask(self._client, "GET", "/api/version", what="gateway version")
        try:
            return str(answer.json()["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceError(
                f"gateway version: {self.address} does not answer as a Dask Gateway: {reason_of(answer)}",
                "check that this address really leads to the gateway's Traefik",
            ) from error

    def wait_healthy(self, *, deadline_s: float, report: Report) -> None:
        """Wait until the gateway answers its health check.

        Raises:
            DeadlineError: it did not within `deadline_s`; the message has what was seen last.
        """
        hint = "look at the pods of deployments api-… and traefik-… in the gateway's namespace"
        wait_until(self.health, what="gateway", deadline_s=deadline_s, report=report, hint=hint)

    def dask_clusters(self) -> dict[str, str]:
        """Name and status of the token's user's Dask clusters that are starting, running or stopping.

        Raises:
            AuthenticationError: the gateway does not accept the token (it answers 500 to one that the hub refuses).
        """
        what = "gateway's Dask clusters"
        query = {"status": "pending,running,stopping"}
        answer = ask(self._client, "GET", "/api/v1/clusters/", what=what, accept=(200, 500), params=query)
        if answer.status_code == 500:
            said = reason_of(answer)
            message = f"{what}: {self.address} answered 500: {said}"
            if "token" in said:
                raise AuthenticationError(message, "the hub refuses the token that the gateway uses or was given")
            raise ServiceError(message, "look at the log of the gateway's api pod")
        body: Mapping[str, Mapping[str, str]] = answer.json()
        return {name: str(model["status"]) for name, model in body.items()}

    def clear(self, *, deadline_s: float) -> list[str]:
        """Stop every Dask cluster of the token's user and wait until none is left.

        Safe to repeat; only for a user whose Dask clusters are all ours.

        Returns:
            The names of those that were stopped.

        Raises:
            DeadlineError: one is still there after `deadline_s`.
        """
        end = time.monotonic() + deadline_s
        stopped: dict[str, str] = {}
        while there := self.dask_clusters():
            for name in there.keys() - stopped.keys():
                ask(self._client, "DELETE", f"/api/v1/clusters/{quote(name)}", what="stopping", accept=(204, 404))
            stopped |= there
            if time.monotonic() > end:
                raise DeadlineError(
                    f"gateway: Dask clusters still there {deadline_s:.0f} s after their stop: {', '.join(there)}",
                    "look at the log of the gateway's controller pod",
                )
            time.sleep(_POLL_S)
        return sorted(stopped)
