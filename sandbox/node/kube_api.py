"""The Kubernetes API as the node and the load balancer use it: plain objects over httpx.

The official client keeps a connection pool of threads and models of every resource in memory; these two processes need
a handful of verbs and many open watches.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import yaml

log = logging.getLogger(__name__)

Object = dict[str, Any]
MERGE_PATCH = "application/merge-patch+json"
_REQUEST_TIMEOUT_S = 30.0
_WATCH_TIMEOUT_S = 300
_RETRY_S = 0.5


class ApiError(Exception):
    """The API refused; `status` is HTTP's, 0 when there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class KubeConfig:
    """The current context of a kubeconfig file: where the API is and how to prove who we are."""

    def __init__(self, file: Path) -> None:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        context = _named(config["contexts"], config["current-context"])["context"]
        self.cluster: Object = _named(config["clusters"], context["cluster"])["cluster"]
        self.user: Object = _named(config["users"], context["user"])["user"]
        self.server: str = self.cluster["server"].rstrip("/")
        self.tls_name: str = self.cluster.get("tls-server-name") or httpx.URL(self.server).host
        self.authority: bytes = self._pem(self.cluster, "certificate-authority")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the API."""
        url = httpx.URL(self.server)
        return url.host, url.port or 443

    @staticmethod
    def _pem(holder: Object, field: str) -> bytes:
        if f"{field}-data" in holder:
            return base64.b64decode(holder[f"{field}-data"])
        return Path(holder[field]).read_bytes()

    def load_identity(self, context: ssl.SSLContext) -> None:
        """Give `context` the client certificate; the ssl module takes it from a file alone."""
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # mode 0600
            file.write(self._pem(self.user, "client-certificate") + b"\n" + self._pem(self.user, "client-key"))
            file.flush()
            context.load_cert_chain(file.name)

    def client_context(self) -> ssl.SSLContext:
        """TLS towards the API."""
        context = ssl.create_default_context(cadata=self.authority.decode())
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Magnum's authorities lack the key identifier it demands
        self.load_identity(context)
        return context


def _named(items: list[Object], name: str) -> Object:
    return next(item for item in items if item["name"] == name)


class KubeApi:
    """One API server, spoken to from one address of this machine.

    Args:
        config: whom to speak to, and as whom.
        source: the address that connections come from; a private API tells its cluster's machines by it.
    """

    def __init__(self, config: KubeConfig, source: str | None = None) -> None:
        self.config = config
        transport = httpx.AsyncHTTPTransport(
            verify=config.client_context(),
            local_address=source,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )
        self._http = httpx.AsyncClient(base_url=config.server, transport=transport, timeout=_REQUEST_TIMEOUT_S)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def get(self, path: str) -> Object:
        """Read an object or a list."""
        return await self._call("GET", path)

    async def create(self, path: str, body: Object) -> Object:
        """POST to a collection."""
        return await self._call("POST", path, body)

    async def patch(self, path: str, body: Object) -> Object:
        """JSON merge patch."""
        return await self._call("PATCH", path, body, MERGE_PATCH)

    async def delete(self, path: str, body: Object | None = None) -> Object:
        """DELETE, with DeleteOptions."""
        return await self._call("DELETE", path, body)

    async def _call(self, method: str, path: str, body: Object | None = None, kind: str = "application/json") -> Object:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": kind, "Accept": "application/json"}
        try:
            answer = await self._http.request(method, path, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise ApiError(0, f"{method} {path}: {error!r}") from error
        if answer.is_error:
            raise ApiError(answer.status_code, f"{method} {path}: {_message(answer.text)}")
        result: Object = answer.json()
        return result

    async def watch(self, path: str, **selectors: str) -> AsyncIterator[tuple[str, Object]]:
        """Follow a collection for ever: ("SYNCED", {}) after each complete list, else (ADDED|MODIFIED|DELETED, object).

        After a lost connection it goes on from the last version seen; where the API no longer has that, everything is
        listed again, and what is missing then is told as DELETED.
        """
        known: dict[str, Object] = {}
        version = ""
        while True:
            try:
                if not version:
                    listed = await self._list(path, selectors)
                    for event in _replaced(known, listed["items"]):
                        yield event
                    yield "SYNCED", {}
                    version = listed["metadata"]["resourceVersion"]
                async for kind, item in self._stream(path, {**selectors, "resourceVersion": version}):
                    version = item["metadata"]["resourceVersion"]
                    if kind == "DELETED":
                        known.pop(item["metadata"]["uid"], None)
                    elif kind != "BOOKMARK":
                        known[item["metadata"]["uid"]] = item
                    if kind != "BOOKMARK":
                        yield kind, item
            except ApiError as error:
                if error.status == 410:
                    version = ""
                    continue
                log.info("watch %s: %s", path, error)
                await asyncio.sleep(_RETRY_S)
            except httpx.HTTPError as error:
                log.info("watch %s: %r", path, error)
                await asyncio.sleep(_RETRY_S)

    async def _list(self, path: str, selectors: dict[str, str]) -> Object:
        return await self.get(f"{path}?{httpx.QueryParams(selectors)}" if selectors else path)

    async def _stream(self, path: str, query: dict[str, str]) -> AsyncIterator[tuple[str, Object]]:
        query = {**query, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(_WATCH_TIMEOUT_S)}
        timeout = httpx.Timeout(_REQUEST_TIMEOUT_S, read=_WATCH_TIMEOUT_S + _REQUEST_TIMEOUT_S)
        async with self._http.stream("GET", path, params=query, timeout=timeout) as answer:
            if answer.is_error:
                raise ApiError(answer.status_code, _message((await answer.aread()).decode()))
            async for line in answer.aiter_lines():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(event["object"].get("code", 500), event["object"].get("message", ""))
                yield event["type"], event["object"]


def _replaced(known: dict[str, Object], items: list[Object]) -> list[tuple[str, Object]]:
    """The events that lead from what was known to a new list; `known` becomes the new list."""
    fresh = {item["metadata"]["uid"]: item for item in items}
    events = [("DELETED", item) for uid, item in known.items() if uid not in fresh]
    for uid, item in fresh.items():
        if uid not in known:
            events.append(("ADDED", item))
        elif known[uid]["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
            events.append(("MODIFIED", item))
    known.clear()
    known.update(fresh)
    return events


def _message(text: str) -> str:
    """What a Status object says, or the beginning of whatever came instead."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:300]
