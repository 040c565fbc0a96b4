"""Outages are measured as users have them, by a process of its own that does not outlive the run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from magnumhub.services.outage import watching
from tests.support.sandbox import wait_until

# Probes are 50 ms apart; the rest is for a machine that is busy.
_RESOLUTION_S = 0.3

# 3.4 % measured, for two parts that both move.
_OF_A_CORE = 0.08


class Answers(BaseHTTPRequestHandler):
    """A part whose proxy finds nobody behind it at /away, and who knows of no other page than that and /health."""

    def do_GET(self) -> None:
        self.send_response({"/health": 200, "/away": 503, "/redirected": 302}.get(self.path, 404))
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(port: int = 0) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", port), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/health"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def vacant() -> str:
    """An address where nobody answers."""
    with serving() as url:
        return url


def port_of(url: str) -> int:
    return int(url.removesuffix("/health").rpartition(":")[2])


def test_no_outage_while_one_of_both_addresses_answers(vacant: str) -> None:
    with serving() as old, watching({"jupyterhub": (old, vacant), "dask_gateway": (vacant, old)}) as watch:
        time.sleep(0.3)
        with serving(port_of(vacant)):
            time.sleep(0.2)
        time.sleep(0.2)
    assert watch.outage_s() == {"jupyterhub": 0.0, "dask_gateway": 0.0}


def test_a_part_that_moves_was_away_until_its_new_address_answered(vacant: str) -> None:
    with serving() as steady, ExitStack() as stack:
        old = stack.enter_context(serving())
        with watching({"jupyterhub": (old, vacant), "dask_gateway": (steady, steady)}) as watch:
            time.sleep(0.2)
            stack.close()
            went_s = time.monotonic()
            time.sleep(1)
            with serving(port_of(vacant)):
                away_s = time.monotonic() - went_s
                time.sleep(0.3)
                so_far = watch.outage_s()
    assert so_far["jupyterhub"] == pytest.approx(away_s, abs=_RESOLUTION_S)
    assert watch.outage_s() == so_far  # after the block it stays, although nobody answers any more
    assert so_far["dask_gateway"] == 0.0


def test_a_part_that_did_not_come_back_is_away_until_the_end(vacant: str) -> None:
    with watching({"jupyterhub": (vacant, vacant)}) as watch:
        time.sleep(0.5)
    assert watch.outage_s()["jupyterhub"] == pytest.approx(0.5, abs=_RESOLUTION_S)


@pytest.mark.parametrize(("page", "is_away"), [("/away", False), ("/redirected", True), ("/of-another-part", True)])
def test_only_the_part_itself_answers(page: str, is_away: bool) -> None:
    with serving() as url, watching({"jupyterhub": (url.replace("/health", page),) * 2}) as watch:
        time.sleep(0.5)
    assert (watch.outage_s()["jupyterhub"] > 0) is is_away


def test_who_accepts_and_says_nothing_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with watching({"jupyterhub": (url, url)}) as watch:
            time.sleep(0.5)
    assert watch.outage_s()["jupyterhub"] == pytest.approx(0.5, abs=_RESOLUTION_S)


def test_it_costs_little(vacant: str) -> None:
    with serving() as old, watching({"jupyterhub": (old, vacant), "dask_gateway": (vacant, old)}) as watch:
        before, started_s = cpu_s(watch.pid), time.monotonic()
        time.sleep(4)
        assert (cpu_s(watch.pid) - before) / (time.monotonic() - started_s) < _OF_A_CORE


def test_it_ends_with_the_run_that_started_it() -> None:
    program = (
        "import sys, time\n"
        "from magnumhub.services.outage import watching\n"
        "with watching({'jupyterhub': ('http://127.0.0.1:9', 'http://127.0.0.1:9')}) as watch:\n"
        "    print(watch.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    pid = int(run.stdout.readline())
    assert is_running(pid)
    run.kill()
    run.communicate()
    wait_until(lambda: not is_running(pid), 5, "the end of the process that watches")


def test_it_ends_in_order_when_it_is_told_to_and_the_run_goes_on(vacant: str) -> None:
    with watching({"jupyterhub": (vacant, vacant)}) as watch:
        time.sleep(0.3)
        before = watch.outage_s()
        os.kill(watch.pid, signal.SIGTERM)
        wait_until(lambda: not is_running(watch.pid), 5, "the end of the process that watches")
        assert watch.outage_s() == before


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
