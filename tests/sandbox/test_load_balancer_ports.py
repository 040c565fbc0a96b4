"""Load balancers of a cloud without Octavia: plain ports hold the VIPs, and a file says where their traffic goes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import yaml
from openstack.connection import Connection

from sandbox.load_balancer.balancers import Balancer, Balancers
from sandbox.load_balancer.openstack import OpenStack
from sandbox.load_balancer.ports import PortVips
from sandbox.load_balancer.traffic import ToldInFile
from tests.sandbox.conftest import Sandbox

NAME = "kube_service_uuid_default_web"
VIP = Balancer("a-port", "10.0.0.9", "a-port")


def a_service(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web", "namespace": "default"}, "spec": {"ports": [{"port": 80}], **spec}}


class Project:
    """The sandbox's project, and the rules under test in it."""

    def __init__(self, sandbox: Sandbox) -> None:
        entry = yaml.safe_load(Path(sandbox.started["clouds_yaml"]).read_text())["clouds"]["sandbox"]
        self.seen: Connection = sandbox.connect()
        cloud = OpenStack(entry)
        subnet = next(self.seen.network.subnets(network_id=self.seen.network.find_network("internal").id))
        self.balancers = Balancers(cloud, PortVips(cloud, subnet.id), "uuid")

    def ports(self) -> list[Any]:
        return list(self.seen.network.ports(name=NAME))

    def reserve(self) -> Any:
        network = next(self.seen.network.networks(is_router_external=True))
        return self.seen.network.create_ip(floating_network_id=network.id, description="reserved")


@pytest.fixture
def project(fresh: Sandbox) -> Project:
    return Project(fresh)


def test_a_reserved_address_is_put_on_one_port_and_outlives_it(project: Project) -> None:
    reserved = project.reserve()
    service = a_service(loadBalancerIP=reserved.floating_ip_address)

    async def twice_and_away() -> None:
        for _ in range(2):
            balancer = await project.balancers.ensure(service)
            assert await project.balancers.floating_ip(service, balancer) == reserved.floating_ip_address
        (port,) = project.ports()
        assert project.seen.network.get_ip(reserved).port_id == port.id == balancer.vip_port_id
        assert port.fixed_ips[0]["ip_address"] == balancer.vip_address
        await project.balancers.delete(service)

    asyncio.run(twice_and_away())
    assert project.ports() == []
    assert project.seen.network.get_ip(reserved).port_id is None


def test_an_address_of_its_own_goes_with_the_port(project: Project) -> None:
    service = a_service()

    async def there_and_away() -> None:
        address = await project.balancers.floating_ip(service, await project.balancers.ensure(service))
        assert [ip.floating_ip_address for ip in project.seen.network.ips()] == [address]
        await project.balancers.delete(service)

    asyncio.run(there_and_away())
    assert list(project.seen.network.ips()) == []


class _Pod(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a pod")

    def log_message(self, *arguments: Any) -> None:
        """Not to the tests' output."""


@pytest.fixture
def pod() -> Iterator[tuple[str, int]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pod)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[0], server.server_address[1]
    server.shutdown()


def test_file_says_where_traffic_goes_for_as_long_as_pods_are_ready(pod: tuple[str, int], tmp_path: Path) -> None:
    file = tmp_path / "forwards.json"

    async def ready_and_gone() -> None:
        traffic = ToldInFile(file, "127.0.0.1")
        await traffic.apply({(VIP, 80): [pod]})
        ((port_id, leads),) = json.loads(file.read_text()).items()
        assert (port_id, list(leads)) == (VIP.vip_port_id, ["80"])
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{leads['80']}/")).text == "a pod"
            await traffic.apply({(VIP, 80): []})
            assert json.loads(file.read_text()) == {}
            with pytest.raises(httpx.ConnectError):
                async with httpx.AsyncClient() as other:
                    await other.get(f"http://{leads['80']}/")

    asyncio.run(ready_and_gone())


def test_file_forgets_a_service_that_is_gone(pod: tuple[str, int], tmp_path: Path) -> None:
    file = tmp_path / "forwards.json"

    async def gone() -> None:
        traffic = ToldInFile(file, "127.0.0.1")
        await traffic.apply({(VIP, 80): [pod], (VIP, 81): [pod]})
        assert set(json.loads(file.read_text())[VIP.vip_port_id]) == {"80", "81"}
        await traffic.apply({(VIP, 81): [pod]})
        assert set(json.loads(file.read_text())[VIP.vip_port_id]) == {"81"}

    asyncio.run(gone())


def test_a_file_of_an_earlier_run_leads_nowhere_any_more(tmp_path: Path) -> None:
    file = tmp_path / "forwards.json"
    file.write_text('{"a-port": {"80": "127.0.0.1:1"}}')

    asyncio.run(ToldInFile(file, "127.0.0.1").apply({}))

    assert json.loads(file.read_text()) == {}
