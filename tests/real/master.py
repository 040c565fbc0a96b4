"""A cluster without magnumhub: OpenSSH to the master, kubectl with the master's own kubeconfig."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from sandbox.tools import executable
from tests.support.sandbox import wait_until

_ADMIN = "/etc/kubernetes/admin.conf"


class Master:
    """The first master of a cluster.

    Args:
        address: its floating IP.
        key: private key; None: ssh's own.
        folder: for the kubeconfig and known hosts of these tests.
    """

    def __init__(self, address: str, key: str | None, folder: Path) -> None:
        options = ["StrictHostKeyChecking=accept-new", f"UserKnownHostsFile={folder / 'known_hosts'}", "BatchMode=yes"]
        self._ssh = ["ssh", *(["-i", key] if key else []), *(f"-o{option}" for option in options), f"core@{address}"]
        self._address, self._folder = address, folder

    def run(self, command: str) -> str:
        """A command on the master; what it printed."""
        return _run([*self._ssh, command])

    def software(self) -> str:
        """What its ssh server says that it is."""
        with socket.create_connection((self._address, 22), timeout=10) as connection:
            return connection.recv(256).decode().split()[0]

    @contextmanager
    def kubectl(self) -> Iterator[Kubectl]:
        """kubectl on this machine, through a tunnel to where the master finds its API."""
        config = yaml.safe_load(self.run(f"sudo cat {_ADMIN}"))
        cluster = config["clusters"][0]["cluster"]
        inside = urlsplit(cluster["server"])
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        cluster["server"] = f"https://127.0.0.1:{port}"
        path = self._folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        tunnel = subprocess.Popen([*self._ssh, "-N", "-L", f"127.0.0.1:{port}:{inside.hostname}:{inside.port}"])
        kubectl = Kubectl([str(executable("kubectl")), "--kubeconfig", str(path)])
        try:
            wait_until(kubectl.answers, 30, "the API answers through the tunnel")
            yield kubectl
        finally:
            tunnel.terminate()
            tunnel.wait(10)


class Kubectl:
    """The real kubectl with a kubeconfig."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)

    def answers(self) -> bool:
        """Whether the API does."""
        return subprocess.run([*self._command, "get", "--raw", "/readyz"], capture_output=True).returncode == 0

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """All of a kind, in all namespaces."""
        items: list[dict[str, Any]] = json.loads(_run([*self._command, "get", kind, "-A", "-o", "json"]))["items"]
        return items

    def server_version(self) -> str:
        """The API's."""
        return str(json.loads(_run([*self._command, "version", "-o", "json"]))["serverVersion"]["gitVersion"])

    def external_ips(self) -> dict[str, str]:
        """NAMESPACE_NAME of a Service -> its EXTERNAL-IP."""
        shown = {}
        for service in self.objects("service"):
            meta = service["metadata"]
            for ingress in service["status"]["loadBalancer"].get("ingress", ()):
                shown[f"{meta['namespace']}_{meta['name']}"] = ingress["ip"]
        return shown

    def running(self) -> dict[str, str]:
        """What a second run must leave alone: uid of each pod and release Secret -> its name."""
        kept = [
            item
            for item in [*self.objects("pod"), *self.objects("secret")]
            if item["kind"] == "Pod" or re.match(r"sh\.helm\.release", item["metadata"]["name"])
        ]
        return {item["metadata"]["uid"]: item["metadata"]["name"] for item in kept}


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout
