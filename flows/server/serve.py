"""From nothing to a Prefect server with a worker on this machine: `magnumhub serve`.

It starts programs and watches over them, and so needs nothing of Prefect itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from flows.server import WORK_POOL, refuse_other_folder
from magnumhub.domain.errors import MagnumhubError, RefusedError, TransientError

_READY_S = 300
"""A server that makes its database takes 5 s, and minutes on a busy machine; one that gives up ends."""
_STOP_S = 30

_SERVER_SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}
_WORKER_SETTINGS = {
    "PREFECT_WORKER_QUERY_SECONDS": "2",  # by default it takes up to 10 s until a click does anything
}


def serve(*, sandbox: Path | None, port: int) -> None:
    """Serve until a signal comes: a Prefect server, all that it has to know, and a worker.

    Safe to repeat: a server that is there already, that of PREFECT_API_URL or else the one at `port`, gets one more
    worker; a sandbox that runs is left alone. At the first signal no new run is taken and those that run are awaited;
    at the second they are ended, and can be retried.

    Args:
        sandbox: the folder of a sandbox, which is started, and whose sites are served; None for deployments/sites.
        port: of the server on this machine; without meaning where PREFECT_API_URL is set.

    Raises:
        RefusedError: this is not magnumhub's folder, or the server does not start; says what its log says.
        TransientError: the server of PREFECT_API_URL does not answer.
        MagnumhubError: a program ended by itself.
    """
    refuse_other_folder()
    environment = {**os.environ, **(_sandbox(sandbox) if sandbox else {})}
    with _server(environment, port) as server:
        environment["PREFECT_API_URL"] = f"{server}/api"
        if subprocess.call([sys.executable, "-m", "flows.cli", "deploy"], env=environment):
            raise MagnumhubError("the server does not know all of magnumhub", "see above; then serve again")
        with _worker(environment):
            _say(f"\nPrefect's UI, with the flows under Deployments:  {server}\nCtrl-C ends it.\n")
            _until_one_ends()


def _sandbox(folder: Path) -> dict[str, str]:
    """Start a cloud on this machine, and say in variables where it and its sites are."""
    _say(f"A cloud on this machine, in {folder}")
    up = [sys.executable, "-m", "sandbox", "up", "--state", str(folder)]
    ran = subprocess.run(up, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if ran.returncode:
        raise RefusedError("the sandbox did not start", "see above")
    started = json.loads(ran.stdout)
    home = folder.resolve() / "prefect"  # no word of a sandbox in the runs of real sites
    return {
        "OS_CLIENT_CONFIG_FILE": started["clouds_yaml"],
        "MAGNUMHUB_SITES": str(Path(started["site"]).parent),
        "PREFECT_HOME": os.environ.get("PREFECT_HOME", str(home)),
    }


@contextmanager
def _server(environment: dict[str, str], port: int) -> Iterator[str]:
    """The address of a server that answers; one that is started here ends with the block."""
    if given := environment.get("PREFECT_API_URL"):
        if not _answers(given):
            raise TransientError(
                f"no Prefect server answers at {given}", "start it, or unset PREFECT_API_URL: then one is started here"
            )
        yield given.removesuffix("/").removesuffix("/api")
        return
    address = f"http://127.0.0.1:{port}"
    if _answers(f"{address}/api"):
        _say(f"The Prefect server at {address} is there already: it gets one more worker.")
        yield address
        return
    log = Path(environment.get("PREFECT_HOME") or Path.home() / ".prefect") / "server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    _say(f"A Prefect server; its log is {log}")
    settings = _SERVER_SETTINGS | {"PREFECT_UI_URL": address} | environment | {"PREFECT_SERVER_API_PORT": str(port)}
    with log.open("a") as output:
        process = _start("server", "start", environment=settings, output=output.fileno())
    try:
        _wait_until_ready(address, process, log)
        yield address
    finally:
        process.terminate()
        _wait_or_kill(process)


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_s = time.monotonic() + _READY_S
    while not _answers(f"{address}/api"):
        if process.poll() is not None:
            said = [line for line in log.read_text().splitlines() if line.strip()][-3:]
            raise RefusedError(
                "\n".join(["the Prefect server did not start:", *said]), f"its log is {log}; another port: --port N"
            )
        if time.monotonic() > give_up_s:
            raise RefusedError(f"no Prefect server answers at {address} after {_READY_S} s", f"its log is {log}")
        time.sleep(0.2)


def _answers(api: str) -> bool:
    try:
        return httpx.get(f"{api}/health", timeout=5).json() is True
    except (httpx.HTTPError, ValueError):
        return False


@contextmanager
def _worker(environment: dict[str, str]) -> Iterator[None]:
    name = f"{socket.gethostname()} {os.getpid()}"
    process = _start("worker", "start", "--pool", WORK_POOL, "--name", name, environment=_WORKER_SETTINGS | environment)
    try:
        yield
    finally:
        _stop_worker(process)


def _stop_worker(process: subprocess.Popen[bytes]) -> None:
    """Let it finish what it runs; at one more signal the runs end as well, which Prefect's worker would leave."""
    runs = _children(process)
    process.terminate()
    if runs:
        _say(f"No new run is taken; {len(runs)} going on. Once more ends them too: retry them later, nothing is lost.")
    try:
        process.wait()
    except KeyboardInterrupt:
        runs = _children(process)
        for run in runs:
            run.terminate()
        psutil.wait_procs(runs, timeout=_STOP_S)
        _wait_or_kill(process)


def _children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = psutil.Process(process.pid).children()
        return children
    except psutil.NoSuchProcess:
        return []


def _until_one_ends() -> None:
    """Return at a signal; a program of ours that ends by itself is an error.

    Raises:
        MagnumhubError: server or worker ended.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    except KeyboardInterrupt:
        return
    raise MagnumhubError("Prefect's server or worker ended by itself", "see above and the server's log; serve again")


def _start(*words: str, environment: dict[str, str], output: int | None = None) -> subprocess.Popen[bytes]:
    """One of Prefect's own programs, in a session of its own: what Ctrl-C does to it is decided here."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "prefect", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        # Prefect's worker ends at SIGINT, which whatever a shell started in the background ignores.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
