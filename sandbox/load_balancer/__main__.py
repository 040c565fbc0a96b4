"""`python -m sandbox.load_balancer`: the load balancers of one cluster, in one process."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from pathlib import Path

from sandbox.load_balancer.balancers import Balancers, Vips
from sandbox.load_balancer.controller import Controller
from sandbox.load_balancer.octavia import OctaviaVips
from sandbox.load_balancer.openstack import OpenStack, cloud_config
from sandbox.load_balancer.ports import PortVips
from sandbox.load_balancer.traffic import AtVips, ToldInFile, Traffic
from sandbox.node.kube_api import KubeApi, KubeConfig


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.load_balancer", description="load balancers for Services")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--cloud", required=True, help="entry of the clouds.yaml in OS_CLIENT_CONFIG_FILE")
    parser.add_argument("--cluster-uuid", required=True, help="Magnum's; part of the load balancers' names")
    parser.add_argument("--vip-subnet-id", required=True, help="where the VIPs are")
    parser.add_argument("--address", required=True, help="a machine of the cluster; connections come from it")
    parser.add_argument(
        "--forwards-file",
        type=Path,
        metavar="FILE",
        help="for a cloud without Octavia: VIPs are plain ports, and FILE says where each one's traffic is to go",
    )
    parser.add_argument("--time-scale", type=float, default=1.0, help="multiplies its delays")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    api = KubeApi(KubeConfig(arguments.kubeconfig), arguments.address)
    cloud = OpenStack(cloud_config(arguments.cloud))
    vips, traffic = _ways(arguments, cloud)
    balancers = Balancers(cloud, vips, arguments.cluster_uuid)
    work = asyncio.create_task(Controller(api, balancers, traffic, arguments.time_scale).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work


def _ways(arguments: argparse.Namespace, cloud: OpenStack) -> tuple[Vips, Traffic]:
    """How VIPs come about and how their traffic is led on, with and without Octavia."""
    subnet_id, source = arguments.vip_subnet_id, arguments.address
    if arguments.forwards_file:
        return PortVips(cloud, subnet_id), ToldInFile(arguments.forwards_file, source)
    return OctaviaVips(cloud, subnet_id, arguments.time_scale), AtVips(source)


def main() -> None:
    """Run until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(_run(_arguments()))


if __name__ == "__main__":
    main()
