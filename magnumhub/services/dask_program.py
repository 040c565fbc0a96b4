"""The computation that proves Dask: one program for the notebook's kernel and for the runner's own process.

Its text is sent to the kernel as it stands, so it imports nothing of magnumhub, and dask only inside functions. It must
run on whatever Python (3.9 or newer) and Dask an image has. Every call that can hang has a limit; what it started is
stopped in any case, an interrupt included. Nothing is judged here: the outcome is a dictionary of what was seen.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import platform
import threading
import time
from typing import Any, Callable, Iterator  # noqa: UP035  (the oldest Python that an image may have)

MARKER = "MAGNUMHUB-OUTCOME "
NAMED = "  Dask cluster "
CALL_LIMIT_S = 60.0
CLEAR_LIMIT_S = 60.0
LAST_LOOK_S = 10.0
UNLISTED = "not listed yet"
UNLISTED_LIMIT_S = 5.0
POLL_S = 0.3
TEXT_CHARACTERS = 500
PACKAGES = (
    *("dask", "distributed", "dask-gateway", "numpy", "pandas", "cloudpickle", "msgpack", "tornado", "toolz", "lz4"),
    "jupyterhub",
)


def within(limit_s: float, what: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function that may never return; TimeoutError after `limit_s`, and the call is left to a daemon thread."""
    outcome: list[tuple[Any, BaseException | None]] = []

    def call() -> None:
        try:
            outcome.append((function(*args, **kwargs), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(max(limit_s, 0.0))
    if not outcome:
        raise TimeoutError(f"{what}: no answer within {max(limit_s, 0):.0f} s")
    value, error = outcome[0]
    if error is not None:
        raise error
    return value


class Computation:
    """Submit, connect, scale, compute, stop; `outcome` holds what was seen up to wherever it ended.

    Args:
        params: address, proxy_address and token (None = as the environment says), workers, required, array_size, chunk,
            and the limits scheduler_s, workers_s, benchmark_s.
        say: takes a line of progress: the name of a phase as it begins, or a detail of it, which is indented.
    """

    def __init__(self, params: dict[str, Any], say: Callable[[str], Any]) -> None:
        self.params = params
        self.say = say
        self.outcome: dict[str, Any] = {"phases": {}, "versions": {}, "workers": 0, "swept": [], "cleared": False}
        self.names: dict[str, str] = {}
        self.gateway: Any = None
        self.dask_cluster: Any = None
        self.client: Any = None
        self.unlisted = False

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        self.say(name)
        try:
            yield
        except BaseException as error:
            # The first failure is the cause; what fails while tidying up after it is a consequence.
            self.outcome.setdefault("failed", described(name, error))
            raise
        finally:
            self.outcome["phases"][name] = round(time.monotonic() - started, 3)

    def run(self) -> dict[str, Any]:
        try:
            with self.phase("gateway"):
                self.outcome["versions"]["client"] = installed_versions()
                self.open_gateway()
            try:
                with self.phase("sweep"):
                    self.outcome["swept"] = self.clear()
                self.start()
                self.compute()
            finally:
                self.stop()
        except BaseException:
            # Told by its phase in the outcome; after an interrupt too the outcome must still be printed.
            self.say("  failed: {kind}: {text}".format(**self.outcome["failed"]))
        return self.outcome

    def open_gateway(self) -> None:
        from dask_gateway import Gateway
        from dask_gateway.auth import JupyterHubAuth

        token = self.params["token"]
        auth = JupyterHubAuth(api_token=token) if token else None
        where = {key: self.params[key] for key in ("address", "proxy_address")}
        self.gateway = within(CALL_LIMIT_S, "gateway", Gateway, **where, auth=auth)
        versions = within(CALL_LIMIT_S, "gateway version", self.gateway.get_versions)
        self.outcome["versions"]["gateway"] = versions["server"]["version"]

    def start(self) -> None:
        with self.phase("submit"):
            self.unlisted = True
            name = within(CALL_LIMIT_S, "submit", self.gateway.submit)
            self.say(NAMED + name)
        with self.phase("scheduler"):
            self.wait_for_scheduler(name)
        with self.phase("connect"):
            self.dask_cluster = within(CALL_LIMIT_S, "scheduler", self.gateway.connect, name)
            self.client = within(CALL_LIMIT_S, "scheduler", self.dask_cluster.get_client, set_as_default=False)
        with self.phase("workers"):
            within(CALL_LIMIT_S, "scale", self.dask_cluster.scale, self.params["workers"])
            self.wait_for_workers(name)
        with self.phase("versions"):
            self.outcome["versions"].update(self.dask_versions())

    def status(self, name: str) -> str:
        return str(within(CALL_LIMIT_S, "status", self.gateway.get_cluster, name).status.name)

    def first_status(self, name: str) -> str:
        try:
            status = self.status(name)
        except ValueError:
            # Its Kubernetes backend answers from a cache, which has a new Dask cluster a moment later.
            return UNLISTED
        self.unlisted = False
        return status

    def wait_for_scheduler(self, name: str) -> None:
        # new_cluster() would wait without an end.
        limit_s = self.params["scheduler_s"]
        end = time.monotonic() + limit_s
        while (status := self.first_status(name)) != "RUNNING":
            if status not in (UNLISTED, "PENDING"):
                raise RuntimeError(f"the gateway says {status}: the scheduler did not start")
            if time.monotonic() > end:
                raise TimeoutError(f"the scheduler is still {status} after {limit_s:.0f} s")
            time.sleep(POLL_S)

    def wait_for_workers(self, name: str) -> None:
        # Not wait_for_workers(): it goes on asking a Dask cluster that failed meanwhile.
        asked, required, limit_s = self.params["workers"], self.params["required"], self.params["workers_s"]
        end = time.monotonic() + limit_s
        seen = -1
        while True:
            count = len(within(CALL_LIMIT_S, "scheduler", self.client.nthreads))
            if count != seen:
                self.outcome["workers"] = seen = count
                self.say(f"  {count} of {asked} workers")
            if seen >= asked or time.monotonic() > end:
                break
            if (status := self.status(name)) != "RUNNING":
                raise RuntimeError(f"the gateway says {status} while workers were awaited; {seen} came")
            time.sleep(POLL_S)
        if seen < required:
            raise TimeoutError(f"{seen} of {asked} workers after {limit_s:.0f} s, at least {required} needed")

    def dask_versions(self) -> dict[str, Any]:
        self.names = self.workers_there()
        seen = within(CALL_LIMIT_S, "versions", self.client.get_versions, check=False)
        workers = {
            self.names.get(address, address): worker["packages"]
            for address, worker in seen["workers"].items()
            if isinstance(worker, dict)
        }
        return {"scheduler": seen["scheduler"]["packages"], "workers": workers}

    def workers_there(self, limit_s: float = CALL_LIMIT_S) -> dict[str, str]:
        """Workers' names, which are their pods', by address; one that dies comes back under another address."""
        # Not scheduler_info(): some versions of it tell of five workers only.
        seen = within(limit_s, "scheduler", self.client.sync, self.client.scheduler.identity)
        return {address: str(worker["name"]) for address, worker in seen["workers"].items()}

    def compute(self) -> None:
        try:
            self.compute_both()
        finally:
            with contextlib.suppress(Exception):
                there = self.workers_there(LAST_LOOK_S)
                self.outcome["lost"] = [name for address, name in self.names.items() if address not in there]

    def compute_both(self) -> None:
        end = time.monotonic() + self.params["benchmark_s"]
        size, chunk = self.params["array_size"], self.params["chunk"]
        with self.phase("compute"):
            import dask.array as da

            normal = da.random.normal(size=(size, size), chunks=(chunk, chunk))
            self.outcome["mean"] = float(self.result_of(normal.mean(), end))
        with self.phase("known sum"):
            count = size * chunk
            numbers = da.arange(count, chunks=chunk * chunk)
            self.outcome["sum"] = int(self.result_of(numbers.sum(), end))
            self.outcome["expected_sum"] = count * (count - 1) // 2

    def result_of(self, lazy: Any, end: float) -> Any:
        future = within(CALL_LIMIT_S, "sending the task graph", self.client.compute, lazy)
        left_s, limit_s = end - time.monotonic(), self.params["benchmark_s"]
        return within(left_s, f"limit of {limit_s:.0f} s for the computation", future.result)

    def stop(self) -> None:
        with self.phase("shutdown"):
            # First the way that needs nobody but the gateway: closing a client can hang when its scheduler is gone.
            self.clear()
            self.outcome["cleared"] = True
            for part in (self.client, self.dask_cluster):
                if part is not None:
                    with contextlib.suppress(Exception):
                        within(10, "close", part.close)

    def clear(self) -> list[str]:
        """Stop all Dask clusters of this user, which are ours by the user's name, and wait until they are gone."""
        end = time.monotonic() + CLEAR_LIMIT_S
        listed_by = time.monotonic() + (UNLISTED_LIMIT_S if self.unlisted else 0)
        stopped: list[str] = []
        active = ["pending", "running", "stopping"]
        while True:
            there = within(CALL_LIMIT_S, "list", self.gateway.list_clusters, status=active)
            for report in there:
                if report.name not in stopped:
                    within(CALL_LIMIT_S, "stop", self.gateway.stop_cluster, report.name)
                    stopped.append(report.name)
                    self.unlisted = False
            if not there and not (self.unlisted and time.monotonic() < listed_by):
                return stopped
            if time.monotonic() > end:
                names = ", ".join(report.name for report in there)
                raise TimeoutError(f"still there {CLEAR_LIMIT_S:.0f} s after the stop: {names}")
            time.sleep(POLL_S)


def described(phase: str, error: BaseException) -> dict[str, str]:
    """A failure as plain values, with its causes; `missing` names the package when that is what it is about."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    texts = [" ".join(str(link).split())[:TEXT_CHARACTERS] for link in chain]
    names = [link.name or "" for link in chain if isinstance(link, ModuleNotFoundError)]
    # Without a part of it a package is not missing: it is of another version than the one that names the part.
    missing = next((name for name in names if "." not in name), "")
    return {"phase": phase, "kind": type(error).__name__, "text": "; because: ".join(texts), "missing": missing}


def installed_versions() -> dict[str, str]:
    """Versions of what this interpreter has; what it has not is left out."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def main(params: dict[str, Any]) -> None:
    """Run the computation; print its progress, and its outcome as one line of JSON behind MARKER."""

    def say(line: str) -> None:
        # Nobody may be left to read, and the Dask clusters must still be stopped.
        with contextlib.suppress(OSError):
            print(line, flush=True)  # noqa: T201  (stdout is how kernel and process tell their progress)

    say(MARKER + json.dumps(Computation(params, say).run()))
