"""A run that waits for a person outlives all that carries it: others take it up, and nothing is done twice."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployed import DeployedRun, ask_prefect, deploy, worker, workplace
from tests.support.prefect_server import start_prefect_server
from tests.support.sandbox import Sandbox, running_sandbox, wait_until

PROVISION = "provision/provision"
_PROCESS_S = 240
"""For a worker to take a run, and for the run to come to its next question."""
_RUN_S = 300


@dataclass
class Operations:
    """One server and one worker at a time, killed and replaced by others on the same database."""

    home: Path
    folder: Path
    sandbox: Sandbox
    url: str
    _running: ExitStack

    def replace(self) -> None:
        self._running.close()
        self.start()

    def start(self) -> None:
        server = start_prefect_server(self.home / "server")
        self._running.callback(server.kill)
        self.url = server.url
        self.sandbox.environment["PREFECT_API_URL"] = self.url

    def work(self) -> None:
        self._running.enter_context(worker(self.folder, self.sandbox.environment))


@pytest.fixture
def operations(tmp_path: Path) -> Iterator[Operations]:
    environment = os.environ | {"PREFECT_HOME": str(tmp_path / "prefect"), "XDG_STATE_HOME": str(tmp_path / "state")}
    with running_sandbox(tmp_path / "sandbox", environment) as sandbox, ExitStack() as running:
        ask = {"approval": "ask", "request_to": "cloud-support@example.org"}
        asking = {"network": {"ingress": ask}, "limits_s": {"ssh": 3, "load_balancer": 60}}
        folder = workplace(tmp_path, sandbox.site_with(tmp_path, asking))
        made = Operations(tmp_path, folder, sandbox, "", running)
        made.start()
        deploy(folder, sandbox.environment, "provision", slots=1)
        yield made


@pytest.mark.timeout(1800)
def test_answered_after_server_and_worker_were_replaced_and_every_token_has_expired(operations: Operations) -> None:
    sandbox = operations.sandbox
    sandbox.fault(scenario="firewall-closed")
    sandbox.fault(scenario="token-expiry")
    operations.work()
    run = DeployedRun(operations.url, PROVISION, site="heat")
    run.is_suspended_with(1, _PROCESS_S)
    addresses = [ip["floating_ip_address"] for ip in sandbox.state()["floating_ips"]]
    asked = sandbox.mutations()

    # Granted by mistake: nothing is open. The next process finds out, and asks for the address that it found closed.
    replaced(operations, run)
    assert run.resume(granted=True) == "ACCEPT"
    form = run.is_suspended_with(2, _PROCESS_S)
    assert "its firewall is still closed" in form
    assert all(address in form for address in addresses)
    associated = sandbox.mutations()[len(asked) :]
    assert [(mutation["method"], mutation["path"].rpartition("/")[0]) for mutation in associated] == [
        ("PUT", "/v2.0/floatingips")  # the master has its address now
    ]

    # Taken up without an answer: that is none. No worker's results are left by now.
    replaced(operations, run)
    shutil.rmtree(operations.home / "prefect/storage")
    begin_again(run)
    form = run.is_suspended_with(3, _PROCESS_S)
    assert "the last answer was not accepted (granted: Field required)" in form
    assert sandbox.mutations()[len(asked) :] == associated

    # All but the hub's address is open: that is found out while the site is held, and asked when it is held no more.
    replaced(operations, run)
    [hub] = [
        ip["floating_ip_address"] for ip in sandbox.state()["floating_ips"] if "role=jupyterhub" in str(ip["tags"])
    ]
    sandbox.fault(scenario=None)
    sandbox.fault(scenario="token-expiry")
    sandbox.fault(service="firewall", method="TCP", path=f"^/{hub}/", action="drop")
    assert run.resume(granted=True) == "ACCEPT"
    form = run.is_suspended_with(4, _RUN_S)
    assert [address for address in addresses if address in form] == [hub]
    assert not holder_of_the_site(sandbox)
    revisions = {release["name"]: release["revision"] for release in sandbox.state()["releases"]}

    replaced(operations, run)
    sandbox.fault(scenario=None)
    sandbox.fault(scenario="token-expiry")
    assert run.resume(granted=True, remark="ticket 4711") == "ACCEPT"
    run.reaches("Healthy", _RUN_S)

    assert made_of_openstack(sandbox) == {
        "POST /v1/clusters": 1,
        "POST /v2.0/floatingips": 3,
        "PUT /v2.0/floatingips/ID": 1,  # on the master
        "PUT /v2.0/floatingips/ID/tags": 9,  # each address: whose it is, asked, open
    }
    assert {release["name"]: release["revision"] for release in sandbox.state()["releases"]} == revisions
    assert revisions == {"jupyterhub": 1, "dask-gateway": 1}
    assert all("magnumhub:firewall=open" in ip["tags"] for ip in sandbox.state()["floating_ips"])
    assert len(told(run.url)) == 4

    before = sandbox.mutations()
    again = sandbox.magnumhub("provision", operations.folder / "deployments/sites/heat.yaml", "--json")
    assert again.exit_code == 0, again.stdout + again.stderr
    assert sandbox.mutations() == before


@pytest.mark.timeout(900)
def test_a_refused_run_asks_anew_when_it_is_retried_and_another_one_meanwhile_does_not(operations: Operations) -> None:
    sandbox = operations.sandbox
    operations.work()
    run = DeployedRun(operations.url, PROVISION, site="heat")
    first = run.is_suspended_with(1, _PROCESS_S)
    assert run.resume(granted=False) == "ACCEPT"
    run.reaches("Refused", _PROCESS_S)
    begin_again(run)
    wait_until(lambda: len(run.forms()) == 2, _PROCESS_S, "it asks anew")
    assert run.is_suspended_with(2, 10) == first

    other = DeployedRun(operations.url, PROVISION, site="heat")
    other.reaches("Healthy", _RUN_S)
    before = sandbox.mutations()
    assert run.resume(granted=True) == "ACCEPT"
    run.reaches("Healthy", _RUN_S)
    assert sandbox.mutations() == before
    assert len(told(run.url)) == 2


def begin_again(run: DeployedRun) -> None:
    """What Prefect's UI does where somebody retries a run, or takes a suspended one up without an answer."""
    ask_prefect(run.url, "POST", f"/flow_runs/{run.id}/set_state", state={"type": "SCHEDULED", "name": "Scheduled"})


def replaced(operations: Operations, run: DeployedRun) -> None:
    # A server keeps events in memory for some seconds before they are in its database.
    wait_until(lambda: len(told(run.url)) == len(run.forms()), 60, "each question is told once")
    operations.replace()
    operations.work()
    run.url = operations.url
    assert run.state["name"] == "Suspended"


def holder_of_the_site(sandbox: Sandbox) -> str:
    shown = sandbox.kubectl("get", "lease", "-A", "-o", "json")
    leases = {lease["metadata"]["name"]: lease["spec"] for lease in json.loads(shown)["items"]}
    return str(leases["magnumhub-heat"].get("holderIdentity") or "")


def told(url: str) -> list[dict[str, Any]]:
    waiting = {"resource": {"id": ["magnumhub.site.heat"]}, "event": {"name": ["site.waiting"]}}
    found: list[dict[str, Any]] = ask_prefect(url, "POST", "/events/filter", filter=waiting)["events"]
    return found


def made_of_openstack(sandbox: Sandbox) -> dict[str, int]:
    """What the product changed outside of Kubernetes, and how often, whichever address it was."""
    ids = {ip["id"] for ip in sandbox.state()["floating_ips"]}
    return Counter(
        f"{mutation['method']} {'/'.join('ID' if part in ids else part for part in mutation['path'].split('/'))}"
        for mutation in sandbox.mutations()
        if mutation["service"] in ("magnum", "neutron")
    )
