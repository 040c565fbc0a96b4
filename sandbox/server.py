"""The sandbox's server: one process with the OpenStack services, every cluster's Kubernetes, ssh and the data plane."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import asyncssh
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import addresses, chart_repository, control, processes, sites
from sandbox.cloud import Clock, Cloud
from sandbox.faults import HttpProtocol
from sandbox.floating import DataPlane
from sandbox.machines import Machines
from sandbox.openstack import cinder, glance, keystone, magnum, neutron, nova, octavia
from sandbox.openstack.clusters import Clusters
from sandbox.openstack.seed import Credentials, make_credentials, seed
from sandbox.openstack.service import application

_SHUTDOWN_S = 1


class ByPrefix:
    """The applications of this port by the first part of the path; the control API has the rest."""

    def __init__(self, apps: dict[str, ASGIApp], rest: ASGIApp) -> None:
        self._apps = apps
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = scope["path"].split("/")[1]
        app = self._apps.get(prefix)
        if app is None:
            await self._rest(scope, receive, send)
            return
        path = scope["path"] if scope["path"].count("/") > 1 else scope["path"] + "/"
        await app(scope | {"root_path": f"/{prefix}", "path": path}, receive, send)


class Sandbox:
    """Everything of one sandbox, from start to end."""

    def __init__(self, cloud: Cloud, credentials: Credentials) -> None:
        self.cloud = cloud
        self._credentials = credentials
        self._machines = Machines(cloud)
        self._clusters = cloud.clusters = Clusters(cloud, self._machines)
        self._data_plane = DataPlane(cloud)
        seed(cloud, credentials)

    def application(self) -> ASGIApp:
        cloud = self.cloud
        services = [keystone, magnum, neutron, nova, glance, octavia, cinder]
        apps: dict[str, ASGIApp] = {s.SERVICE.prefix: application(cloud, s.SERVICE) for s in services}
        apps["charts"] = chart_repository.create_app()
        return ByPrefix(apps, control.application(cloud, self._machines, self._data_plane, self.reset))

    async def reset(self) -> None:
        """As after `up`: nothing is left but what was there before anybody worked in the cloud."""
        await self.cloud.cancel_background()
        await self._clusters.forget(self.cloud.store.list("cluster"))
        self.cloud.store.clear()
        self.cloud.faults.clear()
        self.cloud.ledger.clear()
        seed(self.cloud, self._credentials)

    async def serve(self, listening: socket.socket, announce: Callable[[], None]) -> None:
        """Serve until SIGTERM, then end what runs in the sandbox.

        Args:
            announce: called once the sandbox answers.
        """
        data_plane = asyncio.create_task(self._data_plane.run())
        config = uvicorn.Config(
            self.application(),
            http=HttpProtocol,
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        listening.listen(128)  # from here on clients are served or wait in the queue
        announce()
        await uvicorn.Server(config).serve(sockets=[listening])
        await self.reset()
        data_plane.cancel()
        await asyncio.gather(data_plane, return_exceptions=True)


def _write_whole(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text)
    part.rename(path)


async def _main(given: argparse.Namespace) -> None:
    state_dir: Path = given.state
    plan, lock = addresses.claim()
    listening = socket.socket()
    listening.bind((plan.control, 0))
    base_url = f"http://{plan.control}:{listening.getsockname()[1]}"
    cloud = Cloud(plan, state_dir, base_url, Clock(given.time_scale), os.environ[processes.MARK])
    key = state_dir / "default.pem"
    public_key = _make_key(key)
    credentials = make_credentials(public_key)
    password = state_dir / "hub-password"
    password.touch(0o600)
    password.write_text(secrets.token_urlsafe(12))
    site_files = sites.write_sites(cloud, key, password)
    ready = {
        "clouds_yaml": str(sites.write_clouds(cloud, credentials)),
        "cloud": "sandbox",
        "site": str(site_files["heat"]),
        "sites": {kind: str(path) for kind, path in site_files.items()},
        "control_url": base_url,
        "pid": os.getpid(),
    }
    sandbox = Sandbox(cloud, credentials)
    for fault in json.loads(given.faults.read_text()) if given.faults else []:
        control.apply(cloud.faults, fault)
    with lock:
        await sandbox.serve(listening, lambda: _write_whole(given.ready, json.dumps(ready)))


def _make_key(path: Path) -> str:
    key = asyncssh.generate_private_key("ssh-ed25519", comment="default")
    path.touch(0o600)
    path.write_bytes(key.export_private_key("openssh"))
    return key.export_public_key("openssh").decode().strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--time-scale", type=float, required=True)
    parser.add_argument("--faults", type=Path)
    parser.add_argument("--ready", type=Path, required=True, help="written when the sandbox answers")
    asyncio.run(_main(parser.parse_args()))
