"""A Kubernetes API of the sandbox in this process, with a node whose pods are ready at once, and clients to ask it."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kubernetes import client, config, watch
from urllib3.exceptions import ProtocolError

from sandbox.kube import KubeCluster, VolumeHooks
from sandbox.kube.certificates import Authority
from sandbox.openstack.certificates import make_ca
from sandbox.tools import executable

HOST = "127.0.0.1"
_SOFTWARE = ("containerRuntimeVersion", "kernelVersion", "kubeProxyVersion", "operatingSystem", "osImage")
_MACHINE = ("architecture", "bootID", "machineID", "systemUUID")
CA = make_ca("test")


class Rig:
    """One cluster; coroutines run on its own thread's loop."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.cluster = self.call(self._start, settings)
        self.server = f"https://{HOST}:{self._port}"
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(self.cluster.kubeconfig(self.server, "admin", ["system:masters"]))
        self.api = config.new_client_from_config(str(self.kubeconfig))
        self.core = client.CoreV1Api(self.api)
        self.apps = client.AppsV1Api(self.api)

    async def _start(self, settings: dict[str, Any]) -> KubeCluster:
        base = {"name": "test", "version": "v1.31.1", "service_cidr": "127.99.20.0/22", "sans": [HOST]}
        cluster = KubeCluster(ca_cert=CA[0], ca_key=CA[1], **{**base, **settings})
        await cluster.start()
        self._port = await cluster.listen(HOST, 0)
        return cluster

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a coroutine function on the cluster's loop."""
        return asyncio.run_coroutine_threadsafe(function(*arguments), self._loop).result(30)

    def close(self) -> None:
        self.call(self.cluster.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, tool: str, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """helm or kubectl, whatever it exits with."""
        homes = {f"HELM_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        environment = {**os.environ, **homes, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder)}
        command = [str(executable(tool)), *arguments]
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, timeout=60)

    def out(self, tool: str, *arguments: str, stdin: str | None = None) -> str:
        """What helm or kubectl prints, which must succeed."""
        done = self.run(tool, *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout


class InstantNode:
    """A node that only says so: pods run and are ready at once, those to be run to their end have succeeded.

    An image named `fails` fails, one named `never-ready` stays unready. Logs are one line that names the container.
    """

    def __init__(self, rig: Rig, name: str = "node-0", cpu: str = "4", memory: str = "8Gi") -> None:
        self._core, self._name = client.CoreV1Api(rig.api), name
        self._logs = _log_server(rig.folder)
        capacity = {"cpu": cpu, "memory": memory, "pods": "110"}
        self._core.create_node(
            {
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
                "status": {
                    "capacity": capacity,
                    "allocatable": capacity,
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "addresses": [{"type": "InternalIP", "address": HOST}],
                    "daemonEndpoints": {"kubeletEndpoint": {"Port": self._logs.server_address[1]}},
                    "nodeInfo": {**dict.fromkeys(_MACHINE + _SOFTWARE, ""), "kubeletVersion": "v1.31.1"},
                },
            }
        )
        self._count = 0
        self._watch = watch.Watch()
        threading.Thread(target=self._follow, daemon=True).start()

    def close(self) -> None:
        self._watch.stop()
        self._logs.shutdown()
        self._logs.server_close()

    def _follow(self) -> None:
        mine = f"spec.nodeName={self._name}"
        with suppress(ProtocolError):  # `stop` of the client's watch cuts its own connection
            for event in self._watch.stream(self._core.list_pod_for_all_namespaces, field_selector=mine):
                if event["type"] != "DELETED":
                    with suppress(client.exceptions.NotFoundException):  # gone after an earlier event of it
                        self._act(event["raw_object"])

    def _act(self, pod: dict[str, Any]) -> None:
        meta = pod["metadata"]
        if "deletionTimestamp" in meta:
            certain = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
            self._core.delete_namespaced_pod(meta["name"], meta["namespace"], body=certain)
        elif pod["status"]["phase"] == "Pending":
            self._count += 1
            status = {"metadata": {"uid": meta["uid"]}, "status": _status(pod, f"127.99.0.{self._count}")}
            self._core.patch_namespaced_pod_status(meta["name"], meta["namespace"], status)


def _status(pod: dict[str, Any], address: str) -> dict[str, Any]:
    image = pod["spec"]["containers"][0]["image"]
    ready, fails = "never-ready" not in image, "fails" in image
    if pod["spec"]["restartPolicy"] == "Always":
        phase, state = "Running", {"running": {"startedAt": meta_time(pod)}}
    else:
        ended = {"exitCode": int(fails), "reason": "Error" if fails else "Completed", "finishedAt": meta_time(pod)}
        phase, state, ready = "Failed" if fails else "Succeeded", {"terminated": ended}, False
    containers = [
        {"name": c["name"], "image": c["image"], "imageID": "", "ready": ready, "restartCount": 0, "state": state}
        for c in pod["spec"]["containers"]
    ]
    conditions = [{"type": "Ready", "status": str(ready), "lastTransitionTime": meta_time(pod)}]
    addresses = {"podIP": address, "podIPs": [{"ip": address}]}
    return {"phase": phase, "conditions": conditions, "containerStatuses": containers, **addresses}


def meta_time(pod: dict[str, Any]) -> str:
    created: str = pod["metadata"]["creationTimestamp"]
    return created


def _log_server(folder: Path) -> ThreadingHTTPServer:
    """The kubelet's end of `kubectl logs`, which wants to see the cluster's certificate."""
    authority = Authority(*CA)
    pair = folder / "node.pem"
    pair.write_bytes(b"".join(authority.sign("system:node:node-0", ["system:nodes"], [HOST])))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=CA[0].decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.load_cert_chain(pair)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"log of {self.path.partition('?')[0]}\n".encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@contextmanager
def rig_with_node(folder: Path, volume_hooks: VolumeHooks | None = None, **settings: Any) -> Iterator[Rig]:
    """A cluster with one instant node."""
    with closing(Rig(folder, volume_hooks=volume_hooks, **settings)) as rig, closing(InstantNode(rig)):
        yield rig
