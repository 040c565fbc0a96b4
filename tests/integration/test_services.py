"""Hub, notebook server and kernel as a user meets them: a real JupyterHub, real servers, real kernels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from magnumhub.domain.errors import AuthenticationError, FailedError
from magnumhub.domain.spec import GithubAuth, Site
from magnumhub.kube.client import KubeCredentials, kube_client
from magnumhub.services.benchmark import DaskRequest, run_in_notebook, run_on_runner
from magnumhub.services.hub import Hub, HubUser
from magnumhub.services.kernel import _connect, _Conversation, execute
from magnumhub.services.notebook_server import NotebookServer
from magnumhub.services.users import Front, HubAccess, Inside, check_as_user, check_as_user_twice
from magnumhub.services.verify import verify
from tests.integration.hub_rig import CHECK_TOKEN, PASSWORD, free_port, running_hub

USER = "magnumhub-check"
REQUEST = DaskRequest(workers=1, required=1, array_size=100, chunk=50, scheduler_s=20, workers_s=20, benchmark_s=20)
SITE = Site.model_validate(
    {
        "name": "loopback",
        "cloud": "none",
        "project": "none",
        "cluster": {"keypair": "none"},
        "helm": {"version": "4.1.4", "sha256": "0" * 64},
        "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
        "jupyterhub": {"auth": {"kind": "dummy", "password": {"env": "UNUSED"}, "allow": "all"}},
        "limits_s": {"notebook": 60, "load_balancer": 1},
    }
)
HASTY = SITE.model_copy(update={"limits_s": SITE.limits_s.model_copy(update={"notebook": 1})})


def quiet(line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def hub_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_hub(tmp_path_factory.mktemp("hub")) as url, Hub(url) as hub:
        hub.wait_healthy(deadline_s=60, report=quiet)
        yield url


@pytest.fixture(scope="module")
def hub(hub_url: str) -> Iterator[Hub]:
    with Hub(hub_url) as hub:
        yield hub


@pytest.fixture(scope="module")
def user(hub: Hub) -> Iterator[HubUser]:
    with hub.login(USER, PASSWORD, token_s=600, note="a test") as user:
        yield user


@pytest.fixture(scope="module")
def server(user: HubUser) -> Iterator[NotebookServer]:
    user.server.start(deadline_s=60, report=quiet)
    yield user.server
    user.server.stop(deadline_s=30)
    assert user.server.state() is None


def test_hub_tells_its_version_and_has_a_login_form(hub: Hub) -> None:
    assert hub.version() == "5.5.0"
    assert hub.login_page().kind == "form"


def test_a_wrong_password_is_refused_in_the_hubs_words(hub: Hub) -> None:
    with pytest.raises(AuthenticationError, match="Invalid username or password"):
        hub.login(USER, "wrong", token_s=60)


def test_the_token_ends_with_the_session_and_can_little(hub: Hub, hub_url: str) -> None:
    with hub.login("ann", PASSWORD, token_s=60) as ann:
        asked = httpx.get(f"{hub_url}/hub/api/user", headers={"Authorization": f"token {ann.token}"}).json()
        assert {scope.partition("!")[2] for scope in asked["scopes"]} == {"user=ann"}
        assert not [scope for scope in asked["scopes"] if scope.startswith(("admin", "tokens", "shares"))]
        assert ann.token not in repr(ann)
    after = httpx.get(f"{hub_url}/hub/api/user", headers={"Authorization": f"token {ann.token}"})
    assert after.status_code == 403


def test_the_token_of_a_killed_check_ends_with_the_next_one(hub: Hub, hub_url: str) -> None:
    killed = hub.login("bob", PASSWORD, token_s=60)
    others = hub.login("bob", PASSWORD, token_s=60, note="bob's own")
    with hub.login("bob", PASSWORD, token_s=60):
        for user, status in ((killed, 403), (others, 200)):
            headers = {"Authorization": f"token {user.token}"}
            assert httpx.get(f"{hub_url}/hub/api/user", headers=headers).status_code == status


def test_a_server_that_cannot_start_says_why(hub: Hub) -> None:
    with (
        hub.login("unlucky", PASSWORD, token_s=60) as unlucky,
        pytest.raises(FailedError, match="no room for unlucky"),
    ):
        unlucky.server.start(deadline_s=60, report=quiet)


def test_a_kernel_prints_and_fails_as_in_a_notebook(server: NotebookServer) -> None:
    assert server.version() == "5.5.0"
    lines: list[str] = []
    code = "print('one')\nprint('two')\n1/0"
    execution = execute(server, code, deadline_s=60, grace_s=5, report=lines.append)
    assert lines == ["one", "two"]
    assert execution.error == "ZeroDivisionError: division by zero"


def test_code_is_interrupted_at_its_deadline_and_can_tidy_up(server: NotebookServer) -> None:
    code = "import time\ntry:\n    time.sleep(60)\nfinally:\n    print('tidy')"
    execution = execute(server, code, deadline_s=1, grace_s=20, report=quiet)
    assert execution.interrupted
    assert execution.stdout == "tidy\n"


def test_code_can_tidy_up_when_this_process_is_told_to_stop(server: NotebookServer) -> None:
    told: list[str] = []

    def interrupted_once(line: str) -> None:
        told.append(line)
        if line == "begun":
            raise KeyboardInterrupt

    code = "import time\ntry:\n    print('begun')\n    time.sleep(60)\nfinally:\n    print('tidy')"
    with pytest.raises(KeyboardInterrupt):
        execute(server, code, deadline_s=60, grace_s=20, report=interrupted_once)
    assert told == ["begun", "tidy"]


def test_a_kernel_that_dies_is_told_from_one_that_is_slow(server: NotebookServer) -> None:
    with pytest.raises(FailedError, match="died"):
        execute(server, "import os; os.kill(os.getpid(), 9)", deadline_s=60, grace_s=5, report=quiet)


def test_a_channel_that_was_closed_before_the_code_was_sent_is_a_lost_connection(server: NotebookServer) -> None:
    kernel_id = server.create_kernel()
    try:
        with _connect(server, kernel_id) as channel:
            channel.close()
            with pytest.raises(FailedError, match="was lost"):
                _Conversation(server, kernel_id, channel, quiet).run("1 + 1", deadline_s=5, grace_s=1)
    finally:
        server.delete_kernel(kernel_id)


def test_a_gateway_that_does_not_answer_ends_the_computation(server: NotebookServer) -> None:
    told: list[str] = []
    outcome = run_in_notebook(server, REQUEST, report=told.append)
    assert outcome.failed and outcome.failed.phase == "gateway"
    assert told[0] == "gateway"
    assert outcome.versions.client["dask"] and not outcome.dask_cluster_came


def test_the_runners_process_leaves_nothing_when_its_gateway_does_not_answer() -> None:
    outcome = run_on_runner(REQUEST, address=f"http://127.0.0.1:{free_port()}", token="none", report=quiet)
    assert outcome.failed and outcome.failed.phase == "gateway"
    assert not outcome.cleared


def test_a_service_runs_the_checks_user_without_a_login(hub: Hub, server: NotebookServer) -> None:
    with hub.as_service(USER, CHECK_TOKEN) as user:
        state = user.server.state()
        assert state and state["ready"]
        assert user.server.version() == "5.5.0"
    with pytest.raises(AuthenticationError):
        hub.as_service("ann", CHECK_TOKEN)


def test_a_server_too_old_for_its_hub_is_ready_and_refuses_the_checks_service(tmp_path: Path) -> None:
    with running_hub(tmp_path, "pangeo-notebook-old-singleuser") as url, Hub(url) as hub:
        hub.wait_healthy(deadline_s=60, report=quiet)
        with hub.as_service(USER, CHECK_TOKEN) as user:
            user.server.start(deadline_s=60, report=quiet)
            assert user.server.version() == "1.1.0"
            with pytest.raises(AuthenticationError, match="403"):
                execute(user.server, "1 + 1", deadline_s=30, grace_s=1, report=quiet)
            user.server.stop(deadline_s=30)


def test_verify_names_the_hub_first_and_blames_nothing_else(hub_url: str) -> None:
    health = verify(
        SITE,
        hub_url=f"http://127.0.0.1:{free_port()}",
        gateway_url=None,
        gateway_ports={},
        access=HubAccess(USER, password=PASSWORD),
        releases={},
        full=True,
        report=quiet,
    )
    assert {check.name: check.level for check in health.checks} == {
        "hub": "Unhealthy",
        "gateway": "Skipped",
        "notebook": "Skipped",
        "dask_cluster": "Skipped",
        "versions": "Skipped",
        "benchmark": "Skipped",
    }
    assert [finding.check for finding in health.findings] == ["hub"]


def test_verify_stops_the_server_that_a_killed_check_left(hub_url: str, server: NotebookServer) -> None:
    health = verify(
        SITE,
        hub_url=hub_url,
        gateway_url=None,
        gateway_ports={},
        access=HubAccess(USER, password=PASSWORD),
        releases={},
        full=True,
        report=quiet,
    )
    levels = {check.name: check.level for check in health.checks}
    assert levels["hub"] == levels["notebook"] == "Healthy"
    assert levels["dask_cluster"] == "Unhealthy"
    assert levels["benchmark"] == "Skipped"
    assert server.state() is None


def test_the_token_of_the_hubs_service_is_not_shown_to_the_gateway(hub_url: str) -> None:
    auth = GithubAuth.model_validate({"kind": "github", "client_id": "hub", "client_secret": {"env": "UNUSED"}})
    site = HASTY.model_copy(update={"jupyterhub": SITE.jupyterhub.model_copy(update={"auth": auth})})
    told: list[str] = []
    front = Front(hub_url, "5.5.0", f"http://127.0.0.1:{free_port()}", "2026.3.0", {}, {})
    check_as_user(site, front, HubAccess(USER, service_token=CHECK_TOKEN), report=told.append)
    said = [line for line in told if line.startswith(("runner", "sweeping"))]
    assert len(said) == 1
    assert "the runner's own computation was skipped: only a person can log in to this hub" in said[0]


def test_what_was_waited_for_until_its_limit_is_not_waited_for_again(
    hub_url: str, credentials: KubeCredentials
) -> None:
    front, access = Front(hub_url, "5.5.0", None, None, {}, {}), HubAccess(USER, password=PASSWORD)
    told: list[str] = []
    with kube_client(credentials.at("https://127.0.0.1:1")) as away:
        inside = Inside(away, {})
        seen = check_as_user_twice(HASTY, front, access, inside=inside, before=None, report=told.append)
    assert seen.checks[0].check.level == "Unhealthy"
    assert "1 s" in seen.checks[0].check.summary
    assert [line.split(":")[0] for line in told if "once more" in line or line.startswith("sweeping")] == ["sweeping"]
