"""The node: what it concludes, and its processes; pods on an API are in test_pods."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.node import processes
from sandbox.node.addresses import AddressPool
from sandbox.node.environment import command_line, expand, mounts_of, pod_field, rewrite, service_variables
from sandbox.node.forward import Forwarder
from sandbox.node.guard import kill_marked
from sandbox.node.logs import Log, contents
from sandbox.node.services import names_table, targets, write_atomically
from sandbox.node.status import ContainerRecord, phase, pod_status

Object = dict[str, Any]
NOW, BEFORE = "2026-11-25T12:00:00Z", "2026-11-25T11:00:00Z"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$(A)-$(B)", "1-$(B)"),
        ("$$(A)", "$(A)"),
        ("$A ${A} $()", "$A ${A} $()"),
        ("http://$(A):8000", "http://1:8000"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text: str, result: str) -> None:
    assert expand(text, {"A": "1"}) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("/etc/dask/api-token", "/p/dask/api-token"),
        ("/etc/dask", "/p/dask"),
        ("--config=/etc/dask/x.py", "--config=/p/dask/x.py"),
        ("/etc/dask:/etc/hub", "/p/dask:/p/hub"),
        ("/etc/hub/secret/key", "/p/secret/key"),
        ("/etc/hub/secrets", "/p/hub/secrets"),
        ("/etc/dask-credentials", "/etc/dask-credentials"),
        ("/usr/etc/dask", "/usr/etc/dask"),
        ("sqlite:////srv/db.sqlite", "sqlite:////p/db/db.sqlite"),
        ("http://srv/x", "http://srv/x"),
        ("http:///srv", "http:///p/db"),
        ("open('/srv/x')", "open('/p/db/x')"),
    ],
)
def test_mount_paths_are_rewritten_as_whole_components(text: str, result: str) -> None:
    mounts = {"/etc/dask": "/p/dask", "/etc/hub": "/p/hub", "/etc/hub/secret": "/p/secret", "/srv": "/p/db"}
    assert rewrite(text, mounts) == result


def test_a_mount_is_its_volumes_folder_or_a_part_of_it() -> None:
    container = {
        "volumeMounts": [
            {"name": "home", "mountPath": "/home/jovyan/", "subPath": "ann"},
            {"name": "config", "mountPath": "/etc/x"},
        ]
    }
    mounts = mounts_of(container, {"home": "/d/v/pvc-1", "config": "/d/p/config"})
    assert mounts == {"/home/jovyan": "/d/v/pvc-1/ann", "/etc/x": "/d/p/config"}


def test_command_and_arguments_are_one_line_with_their_references_and_paths() -> None:
    container = {"command": ["traefik"], "args": ["--address=$(POD_IP):8000", "--file=/etc/t/$(NAME)"]}
    line = command_line(container, {"POD_IP": "127.9.16.1", "NAME": "a"}, {"/etc/t": "/p/t"})
    assert line == ["traefik", "--address=127.9.16.1:8000", "--file=/p/t/a"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "hub-1"),
        ("status.podIP", "127.9.16.1"),
        ("metadata.labels['app']", "hub"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['none']", ""),
        ("metadata.labels", 'app="hub"\ntier="web"'),
        ("spec.nodeName", ""),
    ],
)
def test_the_downward_api_names_fields_of_the_pod(path: str, value: str) -> None:
    pod = {
        "metadata": {"name": "hub-1", "labels": {"tier": "web", "app": "hub"}},
        "spec": {},
        "status": {"podIP": "127.9.16.1"},
    }
    assert pod_field(pod, path) == value


def service(name: str, address: str, *ports: Object, namespace: str = "jhub", **spec: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": address, "ports": list(ports), **spec},
    }


def endpoint_slice(of: str, port: Object, *endpoints: tuple[str, bool], namespace: str = "jhub") -> Object:
    return {
        "metadata": {
            "name": f"{of}-x",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": of},
        },
        "ports": [port],
        "endpoints": [{"addresses": [address], "conditions": {"ready": ready}} for address, ready in endpoints],
    }


def test_services_are_variables_of_their_namespaces_pods() -> None:
    services = [
        service("proxy-api", "10.0.0.1", {"name": "http-api", "port": 8001}, {"port": 9}),
        service("dask-1", "None", {"port": 8786}),
        service("portless", "10.0.0.2"),
    ]
    assert service_variables(services) == {
        "PROXY_API_SERVICE_HOST": "10.0.0.1",
        "PROXY_API_SERVICE_PORT": "8001",
        "PROXY_API_SERVICE_PORT_HTTP_API": "8001",
    }


def test_a_name_is_a_cluster_ip_or_a_headless_services_ready_endpoints() -> None:
    services = [
        service("hub", "10.0.0.1"),
        service("dask-1", "None"),
        service("peers", "None", publishNotReadyAddresses=True),
        service("elsewhere", "", type="ExternalName"),
    ]
    port = {"port": 1}
    slices = [
        endpoint_slice("dask-1", port, ("10.1.0.2", True), ("10.1.0.1", True), ("10.1.0.3", False)),
        endpoint_slice("dask-1", port, ("10.1.0.9", True), namespace="other"),
        endpoint_slice("peers", port, ("10.1.0.4", False)),
    ]
    assert names_table(services, slices) == {
        "hub.jhub": ["10.0.0.1"],
        "dask-1.jhub": ["10.1.0.1", "10.1.0.2"],
        "peers.jhub": ["10.1.0.4"],
    }


def test_each_service_port_goes_to_the_endpoints_port_of_its_name() -> None:
    web = service("proxy", "10.0.0.1", {"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"})
    slices = [
        endpoint_slice("proxy", {"name": "http", "port": 8000}, ("10.1.0.1", True), ("10.1.0.2", False)),
        endpoint_slice("proxy", {"name": "api", "port": 8001}, ("10.1.0.1", True)),
    ]
    assert targets(web, slices) == {80: [("10.1.0.1", 8000)]}
    assert targets(web, []) == {80: []}


def record(state: str, code: int = 0, *, ready: bool = False, restarted: bool = False) -> ContainerRecord:
    states: dict[str, Object] = {
        "waiting": {"reason": "X"},
        "running": {"startedAt": NOW},
        "terminated": {"exitCode": code},
    }
    last = {"terminated": {"exitCode": 1}} if restarted else {}
    return ContainerRecord("c", "i", {state: states[state]}, last_state=last, ready=ready)


@pytest.mark.parametrize(
    ("policy", "init", "main", "result"),
    [
        ("Always", [], [record("waiting")], "Pending"),
        ("Always", [], [record("running")], "Running"),
        ("Always", [], [record("waiting", restarted=True)], "Running"),
        ("Always", [], [record("terminated")], "Running"),
        ("Never", [], [record("terminated")], "Succeeded"),
        ("Never", [], [record("terminated", 137)], "Failed"),
        ("Never", [], [record("terminated", 1), record("running")], "Running"),
        ("OnFailure", [], [record("terminated", 1)], "Running"),
        ("OnFailure", [], [record("terminated")], "Succeeded"),
        ("Always", [record("running")], [record("waiting")], "Pending"),
        ("Always", [record("terminated", 1)], [record("waiting")], "Pending"),
        ("Never", [record("terminated", 1)], [record("waiting")], "Failed"),
        ("Always", [record("terminated")], [record("running")], "Running"),
    ],
)
def test_the_phase_of_a_pod(policy: str, init: list[ContainerRecord], main: list[ContainerRecord], result: str) -> None:
    assert phase(policy, init, main) == result


def status_of(main: list[ContainerRecord], conditions: list[Object] | None = None, policy: str = "Always") -> Object:
    pod = {"spec": {"restartPolicy": policy}, "status": {"conditions": conditions or []}}
    return pod_status(pod, [], main, pod_ip="10.1.0.1", host_ip="10.2.0.1", start_time=BEFORE, now=NOW)


def condition(status: Object, kind: str) -> Object:
    return next(item for item in status["conditions"] if item["type"] == kind)


def test_a_pod_is_ready_when_all_its_containers_are() -> None:
    assert condition(status_of([record("running", ready=True)]), "Ready")["status"] == "True"
    unready = condition(status_of([record("running", ready=True), record("running")]), "Ready")
    assert (unready["status"], unready["reason"]) == ("False", "ContainersNotReady")
    assert unready["message"] == "containers with unready status: [c]"


def test_a_pod_that_has_ended_is_not_ready_for_another_reason() -> None:
    ended = status_of([record("terminated")], policy="Never")
    assert ended["phase"] == "Succeeded"
    assert condition(ended, "Ready")["reason"] == "PodCompleted"


def test_a_condition_keeps_its_time_until_it_changes_and_others_conditions_stay() -> None:
    earlier = [
        {"type": "Ready", "status": "False", "lastTransitionTime": BEFORE},
        {"type": "Initialized", "status": "True", "lastTransitionTime": BEFORE},
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": BEFORE},
    ]
    status = status_of([record("running", ready=True)], earlier)
    assert condition(status, "Ready")["lastTransitionTime"] == NOW
    assert condition(status, "Initialized")["lastTransitionTime"] == BEFORE
    assert condition(status, "PodScheduled") == earlier[2]


def test_addresses_are_given_in_turn_and_again_only_when_released() -> None:
    pool = AddressPool("127.9.16.0/30")
    first = pool.take()
    pool.release(first)
    assert [first, pool.take(), pool.take()] == ["127.9.16.1", "127.9.16.2", "127.9.16.1"]
    with pytest.raises(LookupError):
        pool.take()


async def echo_server(word: bytes) -> tuple[str, int]:
    """A server that says its word and what it hears."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(word + await reader.read())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server.sockets[0].getsockname()


async def ask(port: int, text: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def test_a_forwarder_takes_turns_and_refuses_without_targets(free_port: int) -> None:
    async def scenario() -> None:
        forwarder = Forwarder("127.0.0.1", free_port)
        with pytest.raises(ConnectionRefusedError):
            await ask(free_port, b"")
        await forwarder.aim([await echo_server(b"a"), await echo_server(b"b")])
        assert {await ask(free_port, b"1"), await ask(free_port, b"1")} == {b"a1", b"b1"}
        await forwarder.aim([])
        with pytest.raises(ConnectionRefusedError):
            await ask(free_port, b"")
        forwarder.close()

    asyncio.run(scenario())


def test_a_forwarder_hangs_up_when_its_target_is_not_there(free_port: int) -> None:
    async def scenario() -> None:
        forwarder = Forwarder("127.0.0.1", free_port)
        host, gone = await echo_server(b"")
        await forwarder.aim([(host, gone + 1 if gone < 65535 else gone - 1)])
        assert await ask(free_port, b"1") == b""
        forwarder.close()

    asyncio.run(scenario())


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead but not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Any, within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_when_the_node_is_killed_all_it_started_ends_even_in_other_sessions(tmp_path: Path) -> None:
    node = textwrap.dedent(f"""
        import asyncio, os
        from pathlib import Path
        from sandbox.node import processes

        async def main():
            program = "setsid sleep 300 & echo $! > pid; sleep 300"
            folder = Path({str(tmp_path)!r})
            process = await processes.start(["sh", "-c", program], dict(os.environ), folder, folder / "log", "m:pod:")
            print(process.pid, flush=True)
            await process.wait()

        with processes.start_guard("m:"):
            asyncio.run(main())
    """)
    running = subprocess.Popen([sys.executable, "-c", node], stdout=subprocess.PIPE, text=True)
    assert running.stdout
    child = int(running.stdout.readline())
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
    grandchild = int((tmp_path / "pid").read_text())
    assert alive(child)
    assert alive(grandchild)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    wait_until(lambda: not alive(child) and not alive(grandchild))


def test_only_what_carries_the_mark_is_killed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def start(mark: str) -> asyncio.subprocess.Process:
            return await processes.start(["sleep", "300"], dict(os.environ), tmp_path, tmp_path / "log", mark)

        one, other = await start("node:pod-1:"), await start("node:pod-10:")
        kill_marked("node:pod-1:")
        assert await one.wait() == -signal.SIGKILL
        assert alive(other.pid)
        processes.terminate(other)
        assert await other.wait() == -signal.SIGTERM

    asyncio.run(scenario())


def test_a_probes_command_is_ended_at_its_timeout(tmp_path: Path) -> None:
    async def run(script: str) -> str:
        return await processes.run(["sh", "-c", script], dict(os.environ), tmp_path, 0.5, f"probe-{tmp_path}:")

    assert asyncio.run(run("exit 0")) == ""
    assert asyncio.run(run("echo no; exit 1")) == "no"
    assert asyncio.run(run("sleep 60")) == "command timed out after 0.5s"


def read(log: Log, tail: int | None = None, follow: bool = False) -> bytes:
    async def collect() -> bytes:
        return b"".join([part async for part in contents(log, tail, follow)])

    return asyncio.run(collect())


@pytest.mark.parametrize(
    ("tail", "result"), [(None, b"1\n2\n3\n"), (2, b"2\n3\n"), (9, b"1\n2\n3\n"), (0, b""), (1, b"3\n")]
)
def test_the_tail_of_a_log(tmp_path: Path, tail: int | None, result: bytes) -> None:
    log = Log(tmp_path, record("terminated"), 0)
    log.file.parent.mkdir(parents=True)
    log.file.write_bytes(b"1\n2\n3\n")
    assert read(log, tail) == result
    assert read(log, tail, follow=True) == result  # its run is over


def test_the_names_table_is_replaced_and_never_half_written(tmp_path: Path) -> None:
    table = tmp_path / "names.json"
    write_atomically(table, "one")
    with table.open() as reader:
        write_atomically(table, "two")
        assert reader.read() == "one"
    assert table.read_text() == "two"
    assert list(tmp_path.iterdir()) == [table]
