"""A real JupyterHub of the sandbox's images on loopback, without Kubernetes: its servers are processes here."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import images

CHECK_TOKEN = "check-service-token"
PASSWORD = "a dummy's password"

_CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.command = ["{proxy}/bin/configurable-http-proxy"]
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "{password}"
c.Authenticator.allow_all = True
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/home"
c.Spawner.cmd = ["{user}/bin/jupyterhub-singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {{
    "DASK_GATEWAY__ADDRESS": "http://127.0.0.1:{nobody}",
    "DASK_GATEWAY__AUTH__TYPE": "jupyterhub",
}}
c.JupyterHub.services = [{{"name": "magnumhub", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [{{"name": "magnumhub", "services": ["magnumhub"], "scopes": [
    scope + "!user=magnumhub-check" for scope in ("admin:users", "admin:servers", "access:servers", "list:users")]}}]


def no_room(spawner):
    if spawner.user.name == "unlucky":
        raise RuntimeError("no room for unlucky")


c.Spawner.pre_spawn_hook = no_room
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def running_hub(folder: Path, user_image: str = "pangeo-notebook-2026.10.02") -> Iterator[str]:
    """The hub's public URL while it runs; its notebooks know a gateway's address at which nobody answers."""
    hub, proxy, user = (
        images.build(images.FOLDER / f"{name}.txt")
        for name in ("k8s-hub-4.4.0", "configurable-http-proxy-0.4.0", user_image)
    )
    ports = {name: free_port() for name in ("public", "hub", "api", "nobody")}
    config = folder / "jupyterhub_config.py"
    config.write_text(
        _CONFIG.format(**ports, folder=folder, proxy=proxy, user=user, password=PASSWORD, token=CHECK_TOKEN)
    )
    (folder / "home").mkdir()
    with (folder / "hub.log").open("w") as log:
        process = subprocess.Popen(
            [str(hub / "bin" / "jupyterhub"), "-f", str(config)],
            cwd=folder,
            stdout=log,
            stderr=log,
            env={**os.environ, "HOME": str(folder / "home")},
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{ports['public']}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
