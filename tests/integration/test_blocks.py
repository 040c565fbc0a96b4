"""Blocks on a real Prefect server that asks for a password: what it lets out to whom, what stands in its database."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, temporary_settings

from blocks.credentials import OpenStackCredentials
from blocks.loading import load_block
from blocks.registration import register_block_types
from blocks.ssh_key import SshKey, ssh_key_of
from magnumhub.domain.errors import AuthenticationError, RefusedError
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import load_site
from magnumhub.remote.ssh import SSHShell
from tests.support.prefect_client import using_server
from tests.support.prefect_server import prefect_server
from tests.support.sandbox import BIN
from tests.support.ssh import SandboxServer, target_of

ADMITTED = "admin:of-the-server"
SECRET = "a-secret-that-nobody-else-has"
CREDENTIAL = {
    "auth_url": "https://keystone.example.org:5000/v3",
    "application_credential_id": "21dced",
    "application_credential_secret": SECRET,
}


@dataclass(frozen=True)
class Server:
    """url: of its API; home: with its database."""

    url: str
    home: Path


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PREFECT_SERVER_API_AUTH_STRING", ADMITTED)
        with prefect_server(home) as url:
            yield Server(url, home)


@pytest.fixture
def outside(guarded: Server, tmp_path: Path) -> Iterator[Server]:
    """This process is a client that was told no password."""
    with using_server(guarded.url, tmp_path):
        yield guarded


@pytest.fixture
def server(outside: Server) -> Iterator[Server]:
    """This process is a client that knows the password."""
    with temporary_settings({PREFECT_API_AUTH_STRING: ADMITTED}):
        yield outside


def prefect(server: Server, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    asked = {"PREFECT_API_URL": server.url, "PREFECT_HOME": str(server.home), **environment}
    return subprocess.run([str(BIN / "prefect"), *arguments], env=os.environ | asked, capture_output=True, text=True)


def site_with_key(name: str) -> Site:
    site = load_site("deployments/example-site.yaml")
    return site.model_copy(update={"access": site.access.model_copy(update={"ssh_key": name})})


def test_without_the_password_nothing_is_handed_out(outside: Server) -> None:
    assert httpx.get(f"{outside.url}/block_types/slug/ssh-key").status_code == 401
    assert prefect(outside, "block", "register", "-m", "blocks").returncode != 0
    with pytest.raises(AuthenticationError, match="wants a password") as error:
        load_block(OpenStackCredentials, "iris", field="cloud")
    assert "PREFECT_API_AUTH_STRING" in error.value.hint


def test_registered_again_there_is_one_of_each(server: Server) -> None:
    register_block_types()
    ran = prefect(server, "block", "register", "-m", "blocks", PREFECT_API_AUTH_STRING=ADMITTED)
    assert ran.returncode == 0, ran.stderr
    register_block_types()
    with httpx.Client(base_url=server.url, auth=("admin", "of-the-server")) as client:
        types = {t["slug"]: t for t in client.post("/block_types/filter", json={}).json()}
        for slug in ("openstack-credentials", "ssh-key"):
            schemas = {"block_schemas": {"block_type_id": {"any_": [types[slug]["id"]]}}}
            assert len(client.post("/block_schemas/filter", json=schemas).json()) == 1
            assert types[slug]["logo_url"].endswith(f"{slug}.png")
            assert types[slug]["code_example"]


def test_secrets_come_back_and_are_in_no_file_of_the_server(server: Server) -> None:
    OpenStackCredentials(credential=CREDENTIAL).save("iris", overwrite=True)
    assert load_block(OpenStackCredentials, "iris", field="cloud").as_cloud()["auth"] == CREDENTIAL
    files = [path for path in server.home.rglob("*") if path.is_file()]
    assert any(path.name.startswith("prefect.db") for path in files)
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    with get_client(sync_client=True) as client:
        shown = client.read_block_document_by_name("iris", "openstack-credentials", include_secrets=False).data
    assert shown["credential"]["application_credential_id"] == CREDENTIAL["application_credential_id"]
    assert SECRET not in str(shown)


def test_a_block_that_is_not_there_is_named(server: Server) -> None:
    with pytest.raises(
        RefusedError, match="cloud: block:none: Prefect has no such block of type OpenStack Credentials"
    ):
        load_block(OpenStackCredentials, "none", field="cloud")


def test_what_the_server_takes_unchecked_is_told_by_field(server: Server) -> None:
    OpenStackCredentials(credential=CREDENTIAL).save("unchecked", overwrite=True)
    _overwrite("openstack-credentials", "unchecked", {"credential": {"auth_url": "keystone", "password": SECRET}})
    with pytest.raises(
        RefusedError, match=r"Password: auth_url: expected Keystone's address.*username: is missing"
    ) as e:
        load_block(OpenStackCredentials, "unchecked", field="cloud")
    assert SECRET not in str(e.value)


def test_ssh_with_a_key_from_a_block_also_through_a_jump_host(server: Server, machine: SandboxServer) -> None:
    key = serialization.load_ssh_private_key(machine.key_path.read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.BestAvailableEncryption(SECRET.encode()),
    )
    machine.key_path.unlink()
    SshKey(private_key=locked.decode(), passphrase=SECRET).save("iris", overwrite=True)

    for jump_host in (None, f"core@{machine.host}:{machine.port}"):
        target = target_of(machine, key_path=None, jump_host=jump_host, server_id=f"server-{jump_host is None}")
        with closing(SSHShell(target, key=ssh_key_of(site_with_key("block:iris")))) as shell:
            assert shell.run("echo inside", timeout_s=60).stdout == "inside\n"


def test_a_key_without_its_passphrase_is_told(server: Server) -> None:
    _overwrite("ssh-key", "iris", {"passphrase": ""}, merge=True)
    with pytest.raises(
        RefusedError, match=r"access.ssh_key: block:iris: private_key: it is encrypted, and its passphrase"
    ):
        ssh_key_of(site_with_key("block:iris"))


def _overwrite(kind: str, name: str, data: dict[str, Any], *, merge: bool = False) -> None:
    """Save what a form or another program sends: the server knows no more of it than its schema."""
    with get_client(sync_client=True) as client:
        block = client.read_block_document_by_name(name, kind, include_secrets=True)
        kept = block.data if merge else {}
        body = {"data": {**kept, **data}, "merge_existing_data": False, "block_schema_id": str(block.block_schema_id)}
        client._client.patch(f"/block_documents/{block.id}", json=body).raise_for_status()
