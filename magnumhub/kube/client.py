"""The Kubernetes API of a cluster, spoken to with credentials that stay in memory.

Magnum hands out a certificate and a CA as text; Python's ssl loads a client certificate only from a file. The file here
exists with mode 0600 for the one call that loads it.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import urllib3
import yaml
from kubernetes import client
from kubernetes.client.rest import RESTClientObject

from magnumhub.domain.errors import RefusedError

_NAME = "magnumhub"


@dataclass(frozen=True)
class KubeCredentials:
    """Who we are and where the API is. Holds a private key: never log it, never store it.

    tls_server_name: the name in the API's certificate where it is not the one in `server`.
    """

    ca_pem: str
    certificate_pem: str
    key_pem: str = field(repr=False)
    server: str
    tls_server_name: str | None = None

    def at(self, server: str, tls_server_name: str | None = None) -> KubeCredentials:
        """The same identity at another address, such as the near end of a tunnel."""
        return replace(self, server=server, tls_server_name=tls_server_name)

    def as_kubeconfig(self) -> str:
        """A kubeconfig with everything inside, the key included."""
        where: dict[str, str] = {"server": self.server, "certificate-authority-data": _encode(self.ca_pem)}
        if self.tls_server_name:
            where["tls-server-name"] = self.tls_server_name
        who = {
            "client-certificate-data": _encode(self.certificate_pem),
            "client-key-data": _encode(self.key_pem),
        }
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": _NAME, "cluster": where}],
            "users": [{"name": _NAME, "user": who}],
            "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME}}],
            "current-context": _NAME,
        }
        return yaml.safe_dump(document, sort_keys=False)


def from_kubeconfig(text: str) -> KubeCredentials:
    """The current context of a kubeconfig whose certificates are inside it."""
    document = yaml.safe_load(text)
    context = _named(document["contexts"], document["current-context"])["context"]
    where = _named(document["clusters"], context["cluster"])["cluster"]
    who = _named(document["users"], context["user"])["user"]
    return KubeCredentials(
        ca_pem=_decode(where["certificate-authority-data"]),
        certificate_pem=_decode(who["client-certificate-data"]),
        key_pem=_decode(who["client-key-data"]),
        server=where["server"],
        tls_server_name=where.get("tls-server-name"),
    )


class Kube:
    """The parts of the API that the product speaks to, over one connection pool (safe to share between threads).

    Each part is made when first used: the client library imports hundreds of modules for it.
    """

    def __init__(self, api_client: Any) -> None:
        self.api_client = api_client

    @cached_property
    def core(self) -> Any:
        return client.CoreV1Api(self.api_client)

    @cached_property
    def apps(self) -> Any:
        return client.AppsV1Api(self.api_client)

    @cached_property
    def batch(self) -> Any:
        return client.BatchV1Api(self.api_client)

    @cached_property
    def storage(self) -> Any:
        return client.StorageV1Api(self.api_client)

    @cached_property
    def coordination(self) -> Any:
        return client.CoordinationV1Api(self.api_client)

    @cached_property
    def extensions(self) -> Any:
        return client.ApiextensionsV1Api(self.api_client)

    @cached_property
    def version(self) -> Any:
        return client.VersionApi(self.api_client)

    def plain(self, thing: Any) -> Any:
        """An object or list of the client library as the API's own JSON, for decisions over plain values."""
        return self.api_client.sanitize_for_serialization(thing)


def preload() -> None:
    """Import what the first calls need, which takes 2 to 3 s of a core: for a thread, while something is waited for.

    Safe to repeat: does nothing then.
    """
    for part in ("CoreV1Api", "AppsV1Api", "StorageV1Api", "CoordinationV1Api", "ApiextensionsV1Api", "VersionApi"):
        getattr(client, part)


@contextmanager
def kube_client(credentials: KubeCredentials, *, timeout_s: float = 30) -> Iterator[Kube]:
    """Speak to the API; nothing is asked before the first call.

    Args:
        credentials: where and as whom; for an API behind a tunnel, `credentials.at("https://127.0.0.1:PORT")`.
        timeout_s: longest wait for one answer, in seconds; watches set their own.

    Raises:
        RefusedError: the certificate and key cannot be loaded.
    """
    configuration = client.Configuration()
    configuration.host = credentials.server
    api_client = client.ApiClient(configuration)
    api_client.rest_client = _RestClient(configuration, credentials, timeout_s)
    try:
        yield Kube(api_client)
    finally:
        api_client.rest_client.pool_manager.clear()
        api_client.close()


class _RestClient(RESTClientObject):  # type: ignore[misc]
    """The library's transport with a TLS context of ours and a time-out for every call that sets none."""

    def __init__(self, configuration: Any, credentials: KubeCredentials, timeout_s: float) -> None:
        super().__init__(configuration)
        self._timeout_s = timeout_s
        # A request that may have been received is never repeated here: only connecting is.
        retries = urllib3.Retry(total=2, connect=2, read=0, redirect=0, status=0, other=0)
        self.pool_manager = urllib3.PoolManager(
            ssl_context=_tls_context(credentials),
            server_hostname=credentials.tls_server_name,
            retries=retries,
            maxsize=8,
        )

    def request(self, *args: Any, _request_timeout: Any = None, **kwargs: Any) -> Any:
        return super().request(*args, _request_timeout=_request_timeout or (10, self._timeout_s), **kwargs)


def _tls_context(credentials: KubeCredentials) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=credentials.ca_pem)
        # Magnum's certificates carry no Authority Key Identifier (measured on Magnum 23), which Python 3.13 refuses.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        with tempfile.TemporaryDirectory(prefix="magnumhub-") as folder:
            pair = Path(folder) / "pair.pem"
            pair.touch(mode=0o600)
            pair.write_text(f"{credentials.certificate_pem}\n{credentials.key_pem}")
            context.load_cert_chain(pair)
    except ssl.SSLError as error:
        reason = f"the client certificate for {credentials.server} cannot be loaded: {error.reason}"
        raise RefusedError(reason, "ask Magnum for the cluster's certificates again") from error
    return context


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in items if item["name"] == name)


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decode(text: str) -> str:
    return base64.b64decode(text).decode()
