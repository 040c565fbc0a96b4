"""`python -m sandbox.node`: the nodes of one cluster, in one process."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import logging
import os
import shutil
import signal
from pathlib import Path

from sandbox import images
from sandbox.node import processes
from sandbox.node.addresses import AddressPool
from sandbox.node.forward import Forwarder
from sandbox.node.kube_api import KubeApi, KubeConfig
from sandbox.node.nodes import Nodes
from sandbox.node.pod import Machine
from sandbox.node.services import ServiceNetwork

_API_PORT = 6443  # Service `kubernetes` has 443, on which an ordinary user cannot listen


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.node", description="nodes that run pods as processes")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    nodes_help = "the nodes, a JSON object: name -> address; read again at each SIGHUP"
    parser.add_argument("--nodes", type=Path, required=True, metavar="FILE", help=nodes_help)
    parser.add_argument("--source", required=True, metavar="IP", help="the address that the API is spoken to from")
    parser.add_argument("--cpu", type=int, required=True, help="cores of each node")
    parser.add_argument("--memory-gib", type=int, required=True, help="memory of each node")
    parser.add_argument("--pod-cidr", required=True, help="addresses for pods; all must be this machine's")
    parser.add_argument("--service-cidr", required=True, help="the API's range of ClusterIPs; likewise")
    parser.add_argument("--dir", type=Path, required=True, help="where pods and volumes have their folders")
    parser.add_argument("--images", type=Path, default=images.FOLDER, help="folder of requirement files")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, mark: str) -> None:
    config = KubeConfig(arguments.kubeconfig)
    api = KubeApi(config, arguments.source)
    table = arguments.dir / "names.json"
    network = ServiceNetwork(api, table, arguments.source)
    in_cluster_api = str(ipaddress.ip_network(arguments.service_cidr)[1])
    machine = Machine(
        api=api,
        folder=arguments.dir,
        images=arguments.images,
        addresses=AddressPool(arguments.pod_cidr),
        network=network,
        api_address=f"{in_cluster_api}:{_API_PORT}",
        ranges=(arguments.pod_cidr, arguments.service_cidr),
        mark=mark,
    )
    nodes = Nodes(machine, arguments.nodes, cpu=arguments.cpu, memory_gib=arguments.memory_gib)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, nodes.look_again)
    api_forwarder = Forwarder(in_cluster_api, _API_PORT, arguments.source)
    await api_forwarder.aim([config.address])
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(network.run())
            group.create_task(nodes.run())
    finally:
        api_forwarder.close()


async def _until_told_to_stop(arguments: argparse.Namespace, mark: str) -> None:
    work = asyncio.create_task(_run(arguments, mark))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work


def main() -> None:
    """Run until told to stop; the pods' processes end with this one, even when it is killed."""
    arguments = _arguments()
    arguments.dir = arguments.dir.resolve()
    arguments.dir.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(arguments.dir / "pods", ignore_errors=True)  # what a killed node left: its pods are started afresh
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    mark = f"{arguments.dir}:{os.getpid()}:"
    with processes.start_guard(mark):
        asyncio.run(_until_told_to_stop(arguments, mark))


if __name__ == "__main__":
    main()
