"""A master of the sandbox is a machine to log in to, behind its floating IP and the site's firewall."""

from __future__ import annotations

import asyncio
import http.client
import io
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from fabric import Connection
from paramiko.ssh_exception import AuthenticationException, NoValidConnectionsError, SSHException

from sandbox import addresses
from sandbox.cloud import Clock, Cloud
from sandbox.ssh import Machine
from tests.sandbox.conftest import Sandbox, wait_until

PORT = 2222
API = 6443


class Master:
    """The only master of a new cluster, and an address of ours to put on it."""

    def __init__(self, sandbox: Sandbox, template: str) -> None:
        self.sandbox = sandbox
        self.network = sandbox.connect().network
        magnum = sandbox.magnum()
        magnum.clusters.create(name="a", cluster_template_id=template, keypair="default")
        wait_until(lambda: magnum.clusters.get("a").status == "CREATE_COMPLETE")
        server = next(s for s in sandbox.connect().compute.servers() if s.name.endswith("-master-0"))
        self.port = next(self.network.ports(device_id=server.id))
        self.fixed_address = self.port.fixed_ips[0]["ip_address"]
        external = self.network.find_network("public", ignore_missing=False)
        self.ip = self.network.create_ip(floating_network_id=external.id)

    def associate(self) -> None:
        self.network.update_ip(self.ip, port_id=self.port.id)
        wait_until(self.banner)

    def banner(self) -> bytes:
        with socket.create_connection((self.ip.floating_ip_address, PORT), timeout=1) as connection:
            return connection.recv(7)

    def login(self, user: str = "core", host: str | None = None, key: str = "default.pem") -> Connection:
        options = {
            "key_filename": str(self.sandbox.folder / key),
            "look_for_keys": False,
            "allow_agent": False,
        }
        host = host or self.ip.floating_ip_address
        return Connection(host, user=user, port=PORT, connect_timeout=5, connect_kwargs=options)


@pytest.fixture(scope="module")
def master(running: Sandbox) -> Iterator[Master]:
    running.reset()
    master = Master(running, "kubernetes-v1.30.4")
    master.associate()
    yield master


@pytest.fixture
def shell(master: Master) -> Iterator[Connection]:
    with master.login() as connection:
        yield connection


def run(shell: Connection, command: str, **options: Any) -> Any:
    return shell.run(command, **{"hide": True, "warn": True, "in_stream": False} | options)


class TestCommands:
    def test_they_really_run_at_home(self, shell: Connection, master: Master) -> None:
        done = run(shell, "pwd; echo oh >&2; exit 3")
        assert done.stdout.strip().startswith(str(master.sandbox.folder / "servers"))
        assert (done.stderr, done.exited) == ("oh\n", 3)

    def test_input_and_much_output(self, shell: Connection) -> None:
        assert run(shell, "cat", in_stream=io.StringIO("asked")).stdout == "asked"
        assert len(run(shell, "head -c 300000 /dev/zero | tr '\\0' x").stdout) == 300_000

    def test_kubectl_is_there_and_helm_is_not(self, shell: Connection) -> None:
        assert "kubernetes" in run(shell, "kubectl get service -o name").stdout
        assert run(shell, "command -v helm").exited != 0

    def test_what_is_detached_survives_the_connection(self, master: Master) -> None:
        with master.login() as first:
            first.run("setsid nohup sh -c 'sleep 1; echo ok > late' >/dev/null 2>&1 </dev/null &", in_stream=False)
        with master.login() as second:
            wait_until(lambda: run(second, "cat late").stdout == "ok\n")

    def test_files_of_this_machine_only(self, shell: Connection) -> None:
        shell.put(io.BytesIO(b"values"), "values.yaml")
        assert run(shell, "cat ~/values.yaml").stdout == "values"
        home = run(shell, "pwd").stdout.strip()
        shell.put(io.BytesIO(b"again"), f"{home}/values.yaml")
        assert run(shell, "cat values.yaml").stdout == "again"
        with pytest.raises(PermissionError):
            shell.put(io.BytesIO(b"x"), "/tmp/x")


class TestWhoGetsIn:
    def test_logins_are_counted(self, master: Master) -> None:
        before = master.sandbox.state()["ssh_connections"]
        with master.login() as connection:
            run(connection, "true")
            run(connection, "true")
        assert master.sandbox.state()["ssh_connections"] == before + 1

    def test_another_user_is_refused(self, master: Master) -> None:
        with pytest.raises(AuthenticationException), master.login(user="root") as connection:
            connection.run("true")

    def test_another_key_is_refused(self, master: Master) -> None:
        (master.sandbox.folder / "other.pem").write_bytes(
            asyncssh.generate_private_key("ssh-ed25519").export_private_key("openssh")
        )
        with pytest.raises(AuthenticationException), master.login(key="other.pem") as connection:
            connection.run("true")

    def test_the_fixed_address_is_not_for_the_runner(self, master: Master) -> None:
        with pytest.raises(SSHException), master.login(host=master.fixed_address) as connection:
            connection.run("true")


class TestApi:
    def version(self, host: str, port: int) -> bytes:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(host, port, context=context, timeout=5)
        connection.request("GET", "/version")
        return connection.getresponse().read()

    def test_a_private_one_resets_the_runner(self, master: Master) -> None:
        with pytest.raises(ConnectionError):
            self.version(master.fixed_address, API)

    def test_it_is_reached_through_the_machine(self, shell: Connection) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        with shell.forward_local(port, API, "127.0.0.1"):
            # fabric returns before its tunnel listens
            assert b"v1.30.4" in wait_until(lambda: self.version("127.0.0.1", port))

    def test_it_is_reached_at_the_floating_ip(self, master: Master) -> None:
        assert b"v1.30.4" in self.version(master.ip.floating_ip_address, API)


class TestFloatingIp:
    def test_nobody_is_there_before_and_after(self, fresh: Sandbox) -> None:
        master = Master(fresh, "kubernetes-v1.31.1")
        with pytest.raises(NoValidConnectionsError):
            master.login().open()
        master.associate()
        master.network.update_ip(master.ip, port_id=None)
        with pytest.raises(NoValidConnectionsError):
            master.login().open()

    def test_a_closed_firewall_times_out(self, fresh: Sandbox) -> None:
        master = Master(fresh, "kubernetes-v1.31.1")
        master.associate()
        fresh.faults(scenario="firewall-closed")
        with pytest.raises(TimeoutError):
            master.banner()
        fresh.faults(scenario=None)
        assert wait_until(master.banner) == b"SSH-2.0"

    def test_each_machine_has_its_own_host_key(self, fresh: Sandbox) -> None:
        seen = set()
        for template in ("kubernetes-v1.31.1", "kubernetes-v1.30.4"):
            fresh.reset()
            master = Master(fresh, template)
            master.associate()
            with master.login() as connection:
                connection.open()
                seen.add(connection.transport.get_remote_server_key().get_base64())
        assert len(seen) == 2


def test_a_machine_switched_off_while_it_starts_leaves_no_listener(tmp_path: Path) -> None:
    async def start_and_stop(machine: Machine, after_s: float) -> None:
        starting = asyncio.create_task(machine.start())
        given_up_s = time.perf_counter() + after_s
        while time.perf_counter() < given_up_s and not starting.done():
            await asyncio.sleep(0)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await machine.stop()

    async def all_turns(machine: Machine) -> None:
        for turn in range(100):
            await start_and_stop(machine, after_s=turn * 3e-5)
            with socket.create_server((machine.address, PORT)):
                pass  # nobody listens there any more

    plan, claimed = addresses.claim()
    public_key = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()
    cloud = Cloud(plan, tmp_path, "http://nowhere", Clock(0), "test")
    with claimed:
        server = {"id": "server", "address": f"127.{plan.octet}.10.10", "public_key": public_key}
        asyncio.run(all_turns(Machine(cloud, server, "")))
