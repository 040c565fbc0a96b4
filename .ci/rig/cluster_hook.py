#!/usr/bin/env python3
"""What a rig of real OpenStack services runs when Magnum has made, or is about to delete, a cluster's servers.

    cluster_hook.py --kube-up UP [--cloud CLOUD] UUID NAME MASTER_IP CA_CERT CA_KEY

Every cluster gets a real Kubernetes API (UP and the `down` beside it start and stop one), and of the sandbox a node for
each of its servers and a load balancer: ordinary clients of that API and of the rig's Neutron. The rest of what is
needed is in the environment, RIG_*. Prints the API's address.

Addresses: a real API refuses endpoints on loopback addresses. So servers keep the addresses that Neutron gave them, and
pods and Services have ranges of their own; all of them are routed to `lo` in the rig's network namespace.
"""

# ruff: noqa: S603, S607, T201  it starts programs on purpose, and what it prints is its answer

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import openstack
import yaml

ROOT = Path(__file__).resolve().parents[2]
PODS, SERVICES = ipaddress.IPv4Network("10.64.0.0/10"), ipaddress.IPv4Network("10.192.0.0/10")
_RANGE_BITS, _RANGES = 22, 4096  # PODS and SERVICES have room for so many ranges of /22
_STORAGE = ("PersistentVolumeClaim", "PersistentVolume")
_STOP_WITHIN_S = 10.0


@dataclass(frozen=True)
class Cluster:
    """What the rig says of the cluster at hand."""

    uuid: str
    ca_cert: str
    ca_key: str
    kube_up: Path
    cloud: str

    @property
    def folder(self) -> Path:
        return Path(os.environ["RIG_CLUSTER_DIR"])

    @property
    def pods_folder(self) -> Path:
        """Short, as pods have sockets in it, and the kernel takes no long names for these."""
        return Path(os.environ["RIG_OS_DIR"], "pods", self.uuid[:8])

    @property
    def master_address(self) -> str:
        return os.environ["RIG_MASTER_FIXED_IP"]

    @property
    def nodes(self) -> dict[str, str]:
        """Name -> address."""
        return dict(entry.split("=", 1) for entry in os.environ["RIG_NODES"].split())

    def forwards(self, of: str) -> Path:
        """A file in which the rig is told where floating IPs lead."""
        return Path(os.environ["RIG_OS_DIR"], "forward.d", f"{self.uuid}{of}.json")

    def part(self, whole: ipaddress.IPv4Network) -> str:
        """The cluster's own range of a larger one: another one for every master's address."""
        index = int(ipaddress.ip_address(self.master_address)) % _RANGES
        return f"{whole.network_address + (index << (32 - _RANGE_BITS))}/{_RANGE_BITS}"

    @property
    def routed(self) -> list[str]:
        """What has to be an address of this machine."""
        return [self.master_address, *self.nodes.values(), self.part(PODS), self.part(SERVICES)]


def create(cluster: Cluster) -> str:
    """Start all that runs on the cluster's servers; the API's address."""
    for addresses in cluster.routed:
        subprocess.run(["ip", "route", "replace", "local", addresses, "dev", "lo"], check=True)
    log = cluster.folder / "kubernetes.log"
    kubernetes = start_kubernetes(cluster, log)
    subnet_id, cpu, memory_gib = seen_in_cloud(cluster)
    printed = kubernetes.communicate()[0].strip()
    if kubernetes.returncode or not printed:
        said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        sys.exit(f"the Kubernetes API did not start ({kubernetes.returncode}): {'; '.join(said[-5:]) or 'no reason'}")
    kubeconfig = Path(printed.splitlines()[-1])
    port = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"].rpartition(":")[2]
    put_on_master(kubeconfig)
    cluster.forwards("").write_text(json.dumps({os.environ["RIG_MASTER_ID"]: {"6443": f"127.0.0.1:{port}"}}))
    first = next(iter(cluster.nodes.values()))
    nodes = cluster.folder / "nodes.json"
    nodes.write_text(json.dumps(cluster.nodes))
    start(
        cluster,
        "node",
        f"--kubeconfig={kubeconfig}",
        f"--nodes={nodes}",
        f"--source={first}",
        f"--cpu={cpu}",
        f"--memory-gib={memory_gib}",
        f"--pod-cidr={cluster.part(PODS)}",
        f"--service-cidr={cluster.part(SERVICES)}",
        f"--dir={cluster.pods_folder}",
    )
    start(
        cluster,
        "load_balancer",
        f"--kubeconfig={kubeconfig}",
        f"--cloud={cluster.cloud}",
        f"--cluster-uuid={cluster.uuid}",
        f"--vip-subnet-id={subnet_id}",
        f"--address={first}",
        f"--forwards-file={cluster.forwards('-services')}",
    )
    floating = os.environ["RIG_MASTER_FLOATING_IP"]
    return f"https://{floating}:6443" if floating else f"https://{cluster.master_address}:{port}"


def start_kubernetes(cluster: Cluster, log: Path) -> subprocess.Popen[str]:
    """Begin to start the API, for clients on the master's addresses too; prints its kubeconfig's path in the end.

    Args:
        log: for what it says of errors; a file, as the API may go on writing when the program that starts it has ended.
    """
    services = cluster.part(SERVICES)
    names = [cluster.master_address, os.environ["RIG_MASTER_FLOATING_IP"], str(ipaddress.ip_network(services)[1])]
    stages = cluster.folder / "stages.yaml"
    stages.write_text(storage_stages(cluster.kube_up.with_name("stages.yaml")))
    api_arguments = [
        "--bind-address=0.0.0.0",
        f"--advertise-address={cluster.master_address}",
        f"--service-cluster-ip-range={services}",
        "--kubelet-preferred-address-types=InternalIP",
    ]
    command = [
        str(cluster.kube_up),
        str(cluster.folder / "kube"),
        f"--ca-cert={cluster.ca_cert}",
        f"--ca-key={cluster.ca_key}",
        "--nodes=0",
        f"--stages={stages}",
        *(f"--san={name}" for name in names if name),
        *(f"--apiserver-arg={argument}" for argument in api_arguments),
    ]
    with log.open("wb") as errors:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)


def storage_stages(file: Path) -> str:
    """Of kwok's rules those that play the storage driver; nodes and pods are the sandbox's."""
    documents = yaml.safe_load_all(file.read_text())
    return yaml.safe_dump_all(rule for rule in documents if rule["spec"]["resourceRef"]["kind"] in _STORAGE)


def seen_in_cloud(cluster: Cluster) -> tuple[str, int, int]:
    """The subnet of the master; cores and GiB of memory of a node."""
    cloud = openstack.connect(cloud=cluster.cloud)
    (port,) = cloud.network.ports(device_id=os.environ["RIG_MASTER_ID"])
    node = next(server for server in cloud.compute.servers() if server.name in cluster.nodes)
    return port.fixed_ips[0]["subnet_id"], node.flavor.vcpus, node.flavor.ram // 1024


def put_on_master(kubeconfig: Path) -> None:
    """Where Magnum's images have it, for root alone."""
    target = Path(os.environ["RIG_MASTER_DIR"], "etc", "kubernetes", "admin.conf")
    target.touch(0o600)
    target.write_bytes(kubeconfig.read_bytes())


def start(cluster: Cluster, program: str, *arguments: str) -> None:
    """Start one of the sandbox's programs, unless it runs, and remember its pid."""
    pid_file = cluster.folder / f"{program}.pid"
    if running(pid_file):
        return
    with (cluster.folder / f"{program}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"sandbox.{program}", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    pid_file.write_text(str(process.pid))


def running(pid_file: Path) -> int | None:
    """The pid in a file, if that program of the sandbox is what has it."""
    try:
        pid = int(pid_file.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if f"sandbox.{pid_file.stem}".encode() in command else None


def delete(cluster: Cluster) -> None:
    """Stop all of it."""
    for program in ("load_balancer", "node"):
        stop(cluster.folder / f"{program}.pid")
    subprocess.run([cluster.kube_up.with_name("down"), cluster.folder / "kube"], check=True)
    shutil.rmtree(cluster.pods_folder, ignore_errors=True)
    for of in ("", "-services"):
        cluster.forwards(of).unlink(missing_ok=True)
    for addresses in cluster.routed:
        subprocess.run(["ip", "route", "del", "local", addresses, "dev", "lo"], check=False, stderr=subprocess.DEVNULL)


def stop(pid_file: Path) -> None:
    """Ask a program to end, insist after a while."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        give_up_s = time.monotonic() + _STOP_WITHIN_S
        if pid := running(pid_file):
            os.kill(pid, number)
        while running(pid_file) and time.monotonic() < give_up_s:
            time.sleep(0.05)
    pid_file.unlink(missing_ok=True)


def main() -> None:
    """Create, resume (the same again: what runs is left alone) or delete."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kube-up", type=Path, required=True, help="program that starts a Kubernetes API")
    parser.add_argument("--cloud", default="rig", help="entry of clouds.yaml whose user makes load balancers")
    parser.add_argument("rig_arguments", nargs=5, metavar="UUID NAME MASTER_IP CA_CERT CA_KEY")
    given = parser.parse_args()
    uuid, _, _, ca_cert, ca_key = given.rig_arguments
    cluster = Cluster(uuid, ca_cert, ca_key, given.kube_up, given.cloud)
    if os.environ["RIG_EVENT"] == "delete":
        delete(cluster)
    else:
        print(create(cluster))


if __name__ == "__main__":
    main()
