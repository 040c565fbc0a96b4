from __future__ import annotations

import errno
import socket

import pytest

from magnumhub.domain.errors import RefusedError
from magnumhub.domain.results import MagnumCluster, Master
from magnumhub.domain.spec import AccessSpec, HelmSpec
from magnumhub.remote.access import access_for
from magnumhub.remote.reachability import judge_connect_error

HELM = HelmSpec(version="4.1.4")
HEAT = MagnumCluster(
    uuid="u", name="hub", template="t", driver="heat", status="CREATE_COMPLETE", api_address="https://10.0.0.5:6443"
)
CAPI = HEAT.model_copy(update={"driver": "capi", "api_address": "https://203.0.113.9:6443"})
MASTER = Master(server_id="s1", name="hub-master-0", fixed_address="10.0.0.5", floating_address="203.0.113.4")
INSIDE = MASTER.model_copy(update={"floating_address": None})


def test_heat_goes_through_the_master() -> None:
    access = access_for(AccessSpec(ssh_port=2222, ssh_key="~/k"), HELM, HEAT, MASTER)
    assert access.ssh is not None
    assert (access.via, access.helm_on) == ("master", "master")
    assert (access.ssh.host, access.ssh.port, access.ssh.user, access.ssh.server_id) == (
        "203.0.113.4",
        2222,
        "core",
        "s1",
    )
    assert access.api_host_port == ("10.0.0.5", 6443)


def test_cluster_api_uses_no_ssh() -> None:
    access = access_for(AccessSpec(), HELM, CAPI, None)
    assert (access.via, access.ssh, access.helm_on) == ("kubeconfig", None, "runner")


def test_kubeconfig_uses_no_ssh_even_where_there_is_a_master() -> None:
    assert access_for(AccessSpec(via="kubeconfig"), HELM, HEAT, MASTER).ssh is None


def test_a_master_without_address_is_left_alone() -> None:
    assert access_for(AccessSpec(), HELM, HEAT, INSIDE).via == "kubeconfig"


def test_a_jump_host_reaches_the_fixed_address() -> None:
    access = access_for(AccessSpec(jump_host="me@jump:2022"), HELM, HEAT, INSIDE)
    assert access.ssh is not None
    assert (access.ssh.host, access.ssh.jump_host) == ("10.0.0.5", "me@jump:2022")


def test_helm_on_the_runner_may_be_asked_for() -> None:
    assert access_for(AccessSpec(), HelmSpec(version="4.1.4", run_on="runner"), HEAT, MASTER).helm_on == "runner"


@pytest.mark.parametrize(
    ("access", "helm", "cluster", "master", "words"),
    [
        (AccessSpec(via="master"), HELM, CAPI, None, "no master that ssh reaches"),
        (AccessSpec(via="master"), HELM, HEAT, INSIDE, "no master that ssh reaches"),
        (AccessSpec(), HelmSpec(version="4.1.4", run_on="master"), CAPI, None, "reached without ssh"),
        (AccessSpec(), HELM, HEAT.model_copy(update={"api_address": None}), MASTER, "no API address"),
    ],
)
def test_a_way_that_is_not_there_is_refused(
    access: AccessSpec, helm: HelmSpec, cluster: MagnumCluster, master: Master | None, words: str
) -> None:
    with pytest.raises(RefusedError, match=words):
        access_for(access, helm, cluster, master)


@pytest.mark.parametrize(
    ("error", "how"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "refused"),
        (TimeoutError("timed out"), "timeout"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "no_route"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "no_route"),
        (socket.gaierror(-2, "Name or service not known"), "unknown_name"),
    ],
)
def test_ways_not_to_answer_are_told_apart(error: OSError, how: str) -> None:
    assert judge_connect_error(error) == how
