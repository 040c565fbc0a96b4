"""A site whose credentials are blocks: no clouds.yaml, no key file; and a credential that is tried out before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect.client.schemas.objects import State

from blocks.credentials import OpenStackCredentials
from blocks.ssh_key import SshKey
from flows import test_connection as flow_module
from tests.support.prefect_client import using_server
from tests.support.sandbox import Ran, Sandbox

WRONG = "not-the-password"


@pytest.fixture(scope="module")
def stored(
    running_sandbox: Sandbox, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sandbox]:
    """The sandbox, with credentials for it in blocks, good ones and bad ones, and its ssh key in another."""
    running_sandbox.reset()
    clouds_yaml = Path(running_sandbox.started["clouds_yaml"]).read_text()
    clouds = yaml.safe_load(clouds_yaml)["clouds"]
    password, restricted = clouds["sandbox"]["auth"], clouds["sandbox-appcred"]["auth"]
    identity = running_sandbox.connect()
    made = identity.identity.create_application_credential(
        identity.current_user_id, name="unrestricted", unrestricted=True
    )
    unrestricted = {"application_credential_id": made.id, "application_credential_secret": made.secret}
    key = Path(yaml.safe_load(running_sandbox.site("heat").read_text())["access"]["ssh_key"]).read_text()
    with using_server(prefect_server, tmp_path_factory.mktemp("client")):
        for name, credential in {
            "password": password,
            "restricted": restricted,
            "unrestricted": restricted | unrestricted,
            "pasted": {"clouds_yaml": clouds_yaml, "entry": "sandbox"},
            "wrong": password | {"password": WRONG},
            "mangled": {"clouds_yaml": " ".join(clouds_yaml.split())},
        }.items():
            OpenStackCredentials(credential=credential).save(name, overwrite=True)
        SshKey(private_key=key).save("sandbox", overwrite=True)
        yield running_sandbox


def in_blocks(sandbox: Sandbox, folder: Path, command: str, cloud: str, key: str = "sandbox") -> Ran:
    """The command for the site on a machine that has neither clouds.yaml nor the key."""
    site = sandbox.site_with(folder, {"cloud": f"block:{cloud}", "access": {"ssh_key": f"block:{key}"}})
    elsewhere = Sandbox(sandbox.started, sandbox.environment | {"OS_CLIENT_CONFIG_FILE": str(folder / "none.yaml")})
    return elsewhere.magnumhub(command, site, "--json")


@pytest.mark.parametrize("cloud", ["password", "pasted", "unrestricted"])
def test_a_plan_needs_no_file_of_this_machine(stored: Sandbox, tmp_path: Path, cloud: str) -> None:
    ran = in_blocks(stored, tmp_path, "plan", cloud)
    assert {change["action"] for change in ran.document["changes"]} == {"create"}, ran


@pytest.mark.parametrize(
    ("cloud", "said"),
    [
        ("restricted", "the application credential is restricted"),
        ("wrong", "logging in to cloud 'block:wrong' at http"),
        ("none", "cloud: block:none: Prefect has no such block"),
    ],
)
def test_what_is_wrong_with_a_credential_is_told(stored: Sandbox, tmp_path: Path, cloud: str, said: str) -> None:
    ran = in_blocks(stored, tmp_path, "provision", cloud)
    assert ran.exit_code == 1
    assert said in ran.told()
    assert stored.state()["clusters"] == []


def test_a_key_that_is_not_there_stops_before_anything_is_made(stored: Sandbox, tmp_path: Path) -> None:
    ran = in_blocks(stored, tmp_path, "provision", "password", key="none")
    assert ran.exit_code == 1
    assert "access.ssh_key: block:none: Prefect has no such block of type SSH Key" in ran.told()
    assert (stored.state()["clusters"], stored.state()["floating_ips"]) == ([], [])


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("password", "Healthy", "Sites can be made with it."),
        ("restricted", "Unhealthy", "the application credential is restricted"),
        ("wrong", "Refused", "logging in to cloud 'block:wrong' at "),
        ("mangled", "Refused", "block:mangled: clouds\\_yaml: it is one line: its line breaks were lost"),
    ],
)
def test_a_credential_is_tried_out(stored: Sandbox, prefect_server: str, name: str, state: str, said: str) -> None:
    ended: State[Any] = flow_module.test_connection(OpenStackCredentials.load(name), return_state=True)
    assert ended.name == state
    page = httpx.get(f"{prefect_server}/artifacts/connection-{name}/latest").raise_for_status().json()["data"]
    assert said in page
    run = httpx.get(f"{prefect_server}/flow_runs/{ended.state_details.flow_run_id}").raise_for_status().text
    assert f"test connection of {name}" in run
    assert WRONG not in run + page


def test_a_hub_from_blocks_alone(stored: Sandbox, tmp_path: Path) -> None:
    ran = in_blocks(stored, tmp_path, "provision", "unrestricted")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert ran.document["health"]["level"] == "Healthy"
    assert stored.state()["ssh_connections"] > 0
