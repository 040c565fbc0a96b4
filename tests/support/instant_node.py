"""A node that only says so: the tests' own kubelet, an ordinary client of any Kubernetes API."""

from __future__ import annotations

import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kubernetes import client, watch
from urllib3.exceptions import HTTPError

from sandbox.kube.certificates import Authority

HOST = "127.0.0.1"
_SOFTWARE = ("containerRuntimeVersion", "kernelVersion", "kubeProxyVersion", "operatingSystem", "osImage")
_MACHINE = ("architecture", "bootID", "machineID", "systemUUID")
_LEASES, _LEASE_S = "kube-node-lease", 40
_NOT_READY = "node.kubernetes.io/not-ready"


class InstantNode:
    """Pods run and are ready at once; those to be run to their end have succeeded.

    An image named `fails` fails, one named `never-ready` stays unready. Logs are one line that names the container.
    """

    def __init__(
        self,
        api: client.ApiClient,
        folder: Path,
        authority: Authority,
        name: str = "node-0",
        cpu: str = "4",
        memory: str = "8Gi",
    ) -> None:
        self._core, self._leases, self.name = client.CoreV1Api(api), client.CoordinationV1Api(api), name
        self._logs = _log_server(folder, authority)
        capacity = {"cpu": cpu, "memory": memory, "pods": "110"}
        self._core.create_node(
            {
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
                "status": {
                    "capacity": capacity,
                    "allocatable": capacity,
                    "conditions": [_condition("Ready", "True", _now())],
                    "addresses": [{"type": "InternalIP", "address": HOST}],
                    "daemonEndpoints": {"kubeletEndpoint": {"Port": self._logs.server_address[1]}},
                    "nodeInfo": {**dict.fromkeys(_MACHINE + _SOFTWARE, ""), "kubeletVersion": "v1.31.1"},
                },
            }
        )
        self._count = 0
        self._begun: set[str] = set()
        self._watch = watch.Watch()
        self._ended = threading.Event()
        for target in (self._follow, self._renew):
            threading.Thread(target=target, daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        self._watch.stop()
        self._logs.shutdown()
        self._logs.server_close()

    def leave(self) -> None:
        """Take the node out of the API, too."""
        self._core.delete_node(self.name)
        self.close()

    def _renew(self) -> None:
        """Keep the lease by which the controllers of a real API tell that a node lives."""
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": _LEASE_S}
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        body = {"metadata": {"name": self.name}, "spec": {**spec, "renewTime": now}}
        self._leases.create_namespaced_lease(_LEASES, body)
        while not self._ended.wait(_LEASE_S / 4):
            now = datetime.now(UTC).isoformat(timespec="microseconds")
            with suppress(client.ApiException, HTTPError):
                self._leases.patch_namespaced_lease(self.name, _LEASES, {"spec": {"renewTime": now}})

    def _follow(self) -> None:
        mine = f"spec.nodeName={self.name}"
        with suppress(HTTPError):  # `stop` of the client's watch cuts its own connection
            for event in self._watch.stream(self._core.list_pod_for_all_namespaces, field_selector=mine):
                if event["type"] != "DELETED":
                    with suppress(client.ApiException):  # gone, or another one, after an earlier event of it
                        self._act(event["raw_object"])

    def _act(self, pod: dict[str, Any]) -> None:
        meta = pod["metadata"]
        if "deletionTimestamp" in meta:
            certain = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
            self._core.delete_namespaced_pod(meta["name"], meta["namespace"], body=certain)
        elif pod["status"]["phase"] == "Pending" and meta["uid"] not in self._begun:
            self._begun.add(meta["uid"])
            self._count += 1
            address = f"10.128.{self._count // 250}.{self._count % 250 + 1}"
            status = {"metadata": {"uid": meta["uid"]}, "status": _status(pod, address)}
            self._core.patch_namespaced_pod_status(meta["name"], meta["namespace"], status)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(kind: str, status: str, since: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "lastTransitionTime": since}


def _status(pod: dict[str, Any], address: str) -> dict[str, Any]:
    image, now = pod["spec"]["containers"][0]["image"], pod["metadata"]["creationTimestamp"]
    ready, fails = "never-ready" not in image, "fails" in image
    if pod["spec"]["restartPolicy"] == "Always":
        phase, state = "Running", {"running": {"startedAt": now}}
    else:
        ended = {
            "exitCode": int(fails),
            "reason": "Error" if fails else "Completed",
            "startedAt": now,
            "finishedAt": now,
        }
        phase, state, ready = "Failed" if fails else "Succeeded", {"terminated": ended}, False
    containers = [
        {"name": c["name"], "image": c["image"], "imageID": "", "ready": ready, "restartCount": 0, "state": state}
        for c in pod["spec"]["containers"]
    ]
    addresses = {"podIP": address, "podIPs": [{"ip": address}]}
    conditions = [{**_condition("Ready", str(ready), now), "lastProbeTime": None}]
    return {"phase": phase, "startTime": now, "conditions": conditions, "containerStatuses": containers, **addresses}


def _log_server(folder: Path, authority: Authority) -> ThreadingHTTPServer:
    """The kubelet's end of `kubectl logs`, which wants to see a certificate of the authority."""
    pair = folder / "node.pem"
    pair.write_bytes(b"".join(authority.sign("system:node:node-0", ["system:nodes"], [HOST])))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority.certificate.decode())
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
