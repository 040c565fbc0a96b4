"""A real Kubernetes API for tests: started from a folder with its programs, or the one that the environment names.

KUBEBUILDER_ASSETS is the convention of Kubernetes' own test environment: a folder with etcd and kube-apiserver, and
here with kube-controller-manager and kube-scheduler where it has them. No program needs root.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.kube.certificates import Authority
from sandbox.openstack.certificates import make_ca
from tests.support.ports import free_port

HOST = "127.0.0.1"
SERVICE_CIDR = "10.254.0.0/16"
_STARTS_WITHIN_S, _STOPS_WITHIN_S = 60.0, 10.0
_CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
_MINE = "etcd.sock"  # relative to the folder it runs in: the names of such sockets have to be short


@dataclass(frozen=True)
class KubeAccess:
    """An API and its administrator's credentials.

    Args:
        authority: signs clients' certificates; None where the API is somebody else's.
        has_controllers: whether somebody reconciles what is stored there.
    """

    server: str
    ca: bytes
    kubeconfig: Path
    authority: Authority | None
    has_controllers: bool = True


def named(environment: Mapping[str, str]) -> bool:
    """Whether the environment names a real API or its programs."""
    return "MAGNUMHUB_TEST_KUBECONFIG" in environment or "KUBEBUILDER_ASSETS" in environment


@contextmanager
def real_api(environment: Mapping[str, str], folder: Path) -> Iterator[KubeAccess]:
    """The API that MAGNUMHUB_TEST_KUBECONFIG names, else a fresh one from KUBEBUILDER_ASSETS."""
    if path := environment.get("MAGNUMHUB_TEST_KUBECONFIG"):
        cluster = yaml.safe_load(Path(path).read_text())["clusters"][0]["cluster"]
        ca = base64.b64decode(cluster["certificate-authority-data"])
        yield KubeAccess(cluster["server"], ca, Path(path), None)
        return
    with _started(Path(environment["KUBEBUILDER_ASSETS"]), folder) as access:
        yield access


@contextmanager
def _started(programs: Path, folder: Path) -> Iterator[KubeAccess]:
    authority, port = Authority(*make_ca("contract")), free_port()
    server = f"https://{HOST}:{port}"
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(authority.kubeconfig("test", server, "admin", ["system:masters"]))
    _write_keys(authority, folder)
    access = KubeAccess(server, authority.certificate, kubeconfig, authority, _has_controllers(programs))
    with ExitStack() as running:
        etcd = running.enter_context(_program(folder, programs / "etcd", _etcd_arguments()))
        _until(lambda: _etcd_answers(folder), etcd)
        api = running.enter_context(_program(folder, programs / "kube-apiserver", _api_arguments(port)))
        client = running.enter_context(admin(access))
        _until(lambda: client.get("/readyz").status_code == 200, api)
        if access.has_controllers:
            for name in _CONTROLLERS:
                own = folder / f"{name}.kubeconfig"
                own.write_text(authority.kubeconfig("test", server, f"system:{name}", []))
                last = running.enter_context(_program(folder, programs / name, _controller_arguments(name)))
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            _until(lambda: client.get(account).status_code == 200, last)
        yield access


def admin(access: KubeAccess) -> httpx.Client:
    """A plain client with the administrator's certificate."""
    return httpx.Client(base_url=access.server, verify=admin_tls(access), timeout=60)


def admin_tls(access: KubeAccess) -> ssl.SSLContext:
    """TLS towards the API as its administrator."""
    user = yaml.safe_load(access.kubeconfig.read_text())["users"][0]["user"]
    pair = b"\n".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key"))
    return client_tls(access.ca, pair)


def client_tls(ca: bytes, pair: bytes | None) -> ssl.SSLContext:
    """TLS towards an API of that authority; `pair` is the client's certificate with its key."""
    context = ssl.create_default_context(cadata=ca.decode())
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Magnum's authorities lack the key identifier it demands
    if pair:
        with _pipe(pair) as path:
            context.load_cert_chain(path)
    return context


@contextmanager
def _pipe(content: bytes) -> Iterator[str]:
    """A path from which the content can be read once: the ssl module takes keys from files alone."""
    memory = os.memfd_create("pair")
    try:
        os.write(memory, content)
        yield f"/proc/self/fd/{memory}"
    finally:
        os.close(memory)


def _has_controllers(programs: Path) -> bool:
    return all((programs / name).exists() for name in _CONTROLLERS)


def _write_keys(authority: Authority, folder: Path) -> None:
    """What the programs read: the authority, the server's certificate, and the key of ServiceAccounts' tokens."""
    (folder / "ca.crt").write_bytes(authority.certificate)
    for name, sans in (("server", [HOST, "kubernetes.default.svc"]), ("kubelet-client", None)):
        certificate, key = authority.sign(f"kube-apiserver-{name}", ["system:masters"], sans)
        (folder / f"{name}.crt").write_bytes(certificate)
        (folder / f"{name}.key").write_bytes(key)
    tokens = ec.generate_private_key(ec.SECP256R1())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "tokens.key").write_bytes(
        tokens.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    )


def _etcd_arguments() -> list[str]:
    return [
        "--data-dir=etcd",
        f"--listen-client-urls=unix://{_MINE}",
        f"--advertise-client-urls=unix://{_MINE}:0",
        "--listen-peer-urls=unix://peer.sock:0",
        "--initial-advertise-peer-urls=unix://peer.sock:0",
        "--initial-cluster=default=unix://peer.sock:0",
        "--unsafe-no-fsync",
    ]


def _api_arguments(port: int) -> list[str]:
    return [
        f"--etcd-servers=unix://{_MINE}",
        "--etcd-compaction-interval=4s",  # so that a version can be too old within a test
        f"--bind-address={HOST}",
        f"--secure-port={port}",
        "--advertise-address=192.0.2.10",  # a loopback address is refused for the Endpoints of Service kubernetes
        "--tls-cert-file=server.crt",
        "--tls-private-key-file=server.key",
        "--client-ca-file=ca.crt",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        "--service-account-key-file=tokens.key",
        "--service-account-signing-key-file=tokens.key",
        "--kubelet-client-certificate=kubelet-client.crt",
        "--kubelet-client-key=kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def _controller_arguments(name: str) -> list[str]:
    common = [f"--kubeconfig={name}.kubeconfig", "--secure-port=0", "--leader-elect=false"]
    if name == "kube-scheduler":
        return common
    return [
        *common,
        "--use-service-account-credentials=true",
        "--service-account-private-key-file=tokens.key",
        "--root-ca-file=ca.crt",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


@contextmanager
def _program(folder: Path, path: Path, arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """One program in `folder`, with its log there."""
    environment = {key: value for key, value in os.environ.items() if key not in ("KUBECONFIG", "HTTPS_PROXY")}
    with (folder / f"{path.name}.log").open("wb") as log:
        process = subprocess.Popen([path, *arguments], cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOPS_WITHIN_S)
        process.kill()
        process.wait()


def _etcd_answers(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        here = os.open(folder, os.O_PATH)
        try:
            client.connect(f"/proc/self/fd/{here}/{_MINE}")
        finally:
            os.close(here)
    return True


def _until(holds: Callable[[], bool], program: subprocess.Popen[bytes]) -> None:
    """Wait until a program that was started does its work."""
    give_up_s = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < give_up_s and program.poll() is None:
        with suppress(OSError, httpx.TransportError):
            if holds():
                return
        time.sleep(0.05)
    raise RuntimeError(f"{program.args} does not work: it ended, or took longer than {_STARTS_WITHIN_S:.0f} s")
