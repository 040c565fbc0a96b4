"""Where a person opens the firewall: a deployment's run is suspended with the request, and a command ends with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.deployed import DeployedRun, ask_prefect, deploy, worker, workplace
from tests.support.sandbox import Sandbox

ASK = {"network": {"ingress": {"approval": "ask", "request_to": "cloud-support@example.org"}}}


@pytest.fixture
def folder(tmp_path: Path, sandbox: Sandbox) -> Path:
    """An operator's checkout with two sites whose firewall a person opens."""
    (tmp_path / "sites").mkdir()
    asked = sandbox.site_with(tmp_path / "sites", ASK)
    other = asked.with_name("other.yaml")
    other.write_text(yaml.safe_dump({**yaml.safe_load(asked.read_text()), "name": "other"}))
    return workplace(tmp_path, asked, other)


def marks(sandbox: Sandbox, site: str) -> dict[str, set[str]]:
    """The tags of a site's addresses, by address."""
    return {
        ip["floating_ip_address"]: set(ip["tags"])
        for ip in sandbox.state()["floating_ips"]
        if f"magnumhub:site={site}" in ip["tags"]
    }


def in_lists(run: DeployedRun) -> tuple[str, set[str]]:
    """What lists of runs show of it."""
    shown = ask_prefect(run.url, "GET", f"/flow_runs/{run.id}")
    return shown["name"], set(shown["tags"])


def pages(run: DeployedRun, **of: dict[str, list[str]]) -> list[str]:
    """Artifacts on the run's server, oldest first."""
    found = ask_prefect(run.url, "POST", "/artifacts/filter", artifacts=of)
    return [artifact["data"] for artifact in sorted(found, key=lambda artifact: artifact["created"])]


@pytest.mark.timeout(400)
def test_a_deployments_run_waits_without_a_slot_and_ends_cleanly_when_it_is_refused(
    folder: Path, sandbox: Sandbox, prefect_server: str
) -> None:
    deploy(folder, sandbox.environment, "provision", slots=1)
    with worker(folder, sandbox.environment):
        run = DeployedRun(prefect_server, "provision/provision", site="heat")
        form = run.is_suspended_with(1, 90)
        addresses = marks(sandbox, "heat")
        assert len(addresses) == 3
        assert all("magnumhub:firewall=asked" in tags for tags in addresses.values())
        assert all(address in form for address in addresses)
        assert "To: cloud-support@example.org" in form
        assert [cluster["name"] for cluster in sandbox.state()["clusters"]] == ["heat"], "it is created meanwhile"

        assert in_lists(run) == ("provision heat (waits for approval)", {"magnumhub", "waits-for-approval"})
        assert pages(run, key={"any_": ["ingress-heat"]}) == [form]
        assert pages(run, key={"any_": ["plan-heat"]})[0].startswith("# Plan: heat\n\n7 to create.\n")

        # The pool has one slot: another site's run gets it, and is suspended as well.
        other = DeployedRun(prefect_server, "provision/provision", site="other")
        other.is_suspended_with(1, 90)
        assert run.state["name"] == "Suspended"

        before = sandbox.mutations()
        assert run.resume() == "REJECT"
        assert run.resume(granted="perhaps") == "REJECT"
        assert run.state["name"] == "Suspended"
        assert run.resume(granted=False, remark="ticket 4711: no") == "ACCEPT"
        message = run.reaches("Refused", 90)

    assert in_lists(run) == ("provision heat", {"magnumhub"})
    assert "ticket 4711: no" in message
    assert "magnumhub teardown heat" in message
    assert all(address in message for address in addresses)
    asked, answered = pages(run, key={"any_": ["ingress-heat"]})
    assert asked == form
    assert answered.startswith("# The firewall of heat: refused\n")
    assert "Remark: `ticket 4711: no`" in answered
    assert len(pages(run, flow_run_id={"any_": [str(run.id)]}, type={"any_": ["progress"]})) == 1, "it goes on with it"
    unasked = {address: tags - {"magnumhub:firewall=asked"} for address, tags in addresses.items()}
    assert marks(sandbox, "heat") == unasked, "whoever starts it again is asked again"
    assert {mutation["path"].rpartition("/")[2] for mutation in sandbox.mutations()[len(before) :]} == {"tags"}
    told = {"resource": {"id": ["magnumhub.site.heat"]}, "event": {"name": ["site.waiting"]}}
    assert len(ask_prefect(prefect_server, "POST", "/events/filter", filter=told)["events"]) == 1


def test_a_command_ends_with_the_request_and_goes_on_when_it_is_run_again(tmp_path: Path, sandbox: Sandbox) -> None:
    site = sandbox.site_with(tmp_path, ASK | {"limits_s": {"ssh": 3}})
    sandbox.fault(scenario="firewall-closed")
    first = sandbox.magnumhub("provision", site, "--json")
    assert first.exit_code == 4, first.stdout + first.stderr
    waiting = first.document["waiting"]
    assert set(waiting["addresses"].values()) == marks(sandbox, "heat").keys()
    assert all(address in waiting["request"] for address in waiting["addresses"].values())
    [magnum_cluster] = sandbox.state()["clusters"]

    closed = sandbox.magnumhub("provision", site)
    assert closed.exit_code == 4, closed.stdout + closed.stderr
    assert "its firewall is still closed" in closed.stderr
    assert waiting["request"] in closed.stderr

    sandbox.fault(scenario=None)
    done = sandbox.magnumhub("provision", site, "--json")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert done.document["addresses"] == waiting["addresses"]
    assert done.document["cluster"]["uuid"] == magnum_cluster["uuid"]
    assert all("magnumhub:firewall=open" in tags for tags in marks(sandbox, "heat").values())
