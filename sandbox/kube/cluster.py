"""One cluster: its API, its controllers and the addresses it listens on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sandbox.kube.addresses import ServiceAddresses
from sandbox.kube.admission import Admission
from sandbox.kube.api import Api
from sandbox.kube.auth import Authentication, Tokens
from sandbox.kube.certificates import Authority
from sandbox.kube.controllers import Controllers, VolumeHooks
from sandbox.kube.first_objects import create_first_objects
from sandbox.kube.first_roles import create_first_roles
from sandbox.kube.interventions import Interventions
from sandbox.kube.kinds import Kinds
from sandbox.kube.listener import Listener
from sandbox.kube.objects import Objects
from sandbox.kube.store import Store
from sandbox.kube.web import ASGIApp


def _unwrapped(app: ASGIApp) -> ASGIApp:
    return app


class KubeCluster:
    """A Kubernetes control plane in this process.

    Args:
        name: as kubeconfigs call it.
        version: what /version says, `v1.31.1`.
        ca_cert, ca_key: PEM; sign the serving certificate and all clients' certificates.
        service_cidr: range of cluster IPs; its first address is that of Service `kubernetes`.
        sans: names and addresses in the serving certificate.
        wrap: lays middleware over the API, inside authentication: scope["state"]["user"] is there.
        default_storage_class: whether there is one from the start, for Cinder volumes (Cluster API clouds have it,
            Heat clouds have not).
        volume_hooks: makes and deletes the volumes behind claims; without it they exist in the cluster only.
    """

    def __init__(
        self,
        *,
        name: str,
        version: str,
        ca_cert: bytes,
        ca_key: bytes,
        service_cidr: str,
        sans: list[str],
        wrap: Callable[[ASGIApp], ASGIApp] = _unwrapped,
        default_storage_class: bool = False,
        volume_hooks: VolumeHooks | None = None,
    ) -> None:
        self.name = name
        self.store = Store()
        self._authority = Authority(ca_cert, ca_key)
        kinds, tokens = Kinds(), Tokens(self.store)
        addresses = ServiceAddresses(self.store, service_cidr)
        admission = Admission(self.store, addresses)
        self._objects = Objects(self.store, kinds, admission)
        self._interventions = Interventions(self._objects, admission, self._renew_certificate)
        self._controllers = Controllers(self._objects, volume_hooks, ca_cert.decode())
        create_first_objects(self._objects, addresses.first, default_storage_class=default_storage_class)
        create_first_roles(self._objects)
        self._api = Api(self._objects, kinds, tokens, version, self._authority.kubelet_context())
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", addresses.first, *sans]
        app = Authentication(wrap(self._api), tokens)
        self._names = list(dict.fromkeys(names))
        self._tls = self._authority.server_context(self._names)
        self._listener = Listener(app, self._tls)

    async def start(self) -> None:
        """Start the controllers."""
        self._controllers.start()

    async def listen(self, host: str, port: int = 6443, admit: Callable[[str], bool] = lambda _: True) -> int:
        """Serve the API on an address; peers that `admit` refuses get a reset. Returns the port (a free one for 0)."""
        return await self._listener.listen(host, port, admit)

    async def unlisten(self, host: str) -> None:
        """Stop serving there, cutting what is connected."""
        await self._listener.unlisten(host)

    def intervene(self, settings: Mapping[str, Any]) -> None:
        """Make the cluster as the sandbox's settings say (see interventions.py)."""
        self._interventions.apply(settings)

    async def stop(self) -> None:
        """End controllers, watches and connections."""
        await self._controllers.stop()
        await self._api.end_watches()
        await self._listener.close()

    def kubeconfig(self, server: str, user: str, groups: list[str]) -> str:
        """A kubeconfig with a client certificate for this user, for the API at `server` (a URL)."""
        return self._authority.kubeconfig(self.name, server, user, groups)

    def _renew_certificate(self, valid: timedelta) -> None:
        self._authority.renew_server(self._tls, self._names, valid)
