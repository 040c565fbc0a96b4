"""Faults strike as often as asked, and the ledger tells who changed what."""

from __future__ import annotations

import pytest
from keystoneauth1 import exceptions as auth_errors
from kubernetes.client import CoreV1Api
from kubernetes.config import new_client_from_config
from openstack import exceptions as errors
from urllib3.exceptions import HTTPError

from tests.sandbox.conftest import Sandbox, create, finished


class TestFaults:
    def test_a_status_strikes_as_often_as_asked(self, fresh: Sandbox) -> None:
        network = fresh.connect().network
        assert list(network.ips()) == []
        fresh.faults(service="neutron", path="/floatingips", status=503, times=2, after=1)
        list(network.ips())
        for _ in range(2):
            with pytest.raises(errors.HttpException):
                list(network.ips())
        assert list(network.ips()) == []

    @pytest.mark.parametrize(("action", "left"), [("drop", 0), ("drop-after-commit", 1)])
    def test_a_lost_answer(self, fresh: Sandbox, action: str, left: int) -> None:
        network = fresh.connect().network
        external = network.find_network("public", ignore_missing=False).id
        fresh.faults(service="neutron", method="POST", path="/floatingips$", times=1, action=action)
        with pytest.raises((errors.SDKException, auth_errors.ConnectFailure)):
            network.create_ip(floating_network_id=external)
        assert len(list(network.ips())) == left
        assert len(fresh.state()["mutations"]) == left

    def test_an_older_state_is_served(self, fresh: Sandbox) -> None:
        connection = fresh.connect()
        network = connection.network.find_network("public", ignore_missing=False)
        fresh.faults(service="neutron", method="GET", path="/floatingips$", action="stale", times=2)
        assert list(connection.network.ips()) == []
        connection.network.create_ip(floating_network_id=network.id)
        assert list(connection.network.ips()) == []
        assert len(list(connection.network.ips())) == 1

    def test_kubernetes_loses_answers_as_well(self, fresh: Sandbox) -> None:
        magnum = fresh.magnum()
        finished(magnum, create(magnum).uuid)
        kubeconfig = fresh.state()["clusters"][0]["kubeconfig"]
        core = CoreV1Api(new_client_from_config(kubeconfig))
        fresh.faults(service="kubernetes", method="POST", path="/namespaces$", times=1, action="drop-after-commit")
        with pytest.raises(HTTPError):
            core.create_namespace({"metadata": {"name": "made"}})
        assert core.read_namespace("made").status.phase == "Active"
        assert core.create_namespace({"metadata": {"name": "heard-of"}}).metadata.name == "heard-of"

    def test_an_unknown_field_or_scenario_is_told(self, running: Sandbox) -> None:
        with pytest.raises(Exception, match="400"):
            running.faults(service="neutron", colour="red")
        with pytest.raises(Exception, match="400"):
            running.faults(scenario="none-such")


class TestLedger:
    def test_changes_are_counted_with_who_made_them(self, fresh: Sandbox) -> None:
        magnum, network = fresh.magnum(), fresh.connect().network
        list(network.ips())
        uuid = finished(magnum, create(magnum).uuid).uuid
        magnum.clusters.delete(uuid)
        mine = [m for m in fresh.state()["mutations"] if m["by"] == "product"]
        assert mine == [
            {"service": "magnum", "method": "POST", "path": "/v1/clusters", "status": 202, "by": "product"},
            {"service": "magnum", "method": "DELETE", "path": f"/v1/clusters/{uuid}", "status": 204, "by": "product"},
        ]

    def test_reset_leaves_nothing(self, fresh: Sandbox) -> None:
        magnum = fresh.magnum()
        finished(magnum, create(magnum).uuid)
        fresh.reset()
        state = fresh.state()
        assert {key: len(value) for key, value in state.items() if isinstance(value, list)} == {
            "clusters": 0,
            "servers": 0,
            "floating_ips": 0,
            "load_balancers": 0,
            "volumes": 0,
            "releases": 0,
            "mutations": 0,
        }
