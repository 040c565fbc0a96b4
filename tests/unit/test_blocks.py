"""What the blocks hold: which fields are secret, which entry of clouds.yaml comes out, what is said of wrong ones."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import blocks
from blocks.clouds_yaml import entry_of
from blocks.credentials import OpenStackCredentials
from blocks.loading import LOGOS, problems_of
from blocks.ssh_key import SshKey
from magnumhub.domain.errors import RefusedError

AUTH_URL = "https://keystone.example.org:5000/v3"
PASSWORD = {"auth_url": AUTH_URL, "username": "ops", "password": "s3cret", "project_name": "iris"}
APPLICATION_CREDENTIAL = {
    "auth_url": AUTH_URL,
    "application_credential_id": "21dced",
    "application_credential_secret": "s3cret",
}
HORIZON = f"""\
# This is a clouds.yaml file, which can be used by OpenStack tools
clouds:
  openstack:
    auth:
      auth_url: {AUTH_URL}
      application_credential_id: "21dced"
      application_credential_secret: "s3cret"
    region_name: "RegionOne"
    interface: "public"
    identity_api_version: 3
    auth_type: "v3applicationcredential"
"""
TWO = "clouds:\n  a: {auth: {auth_url: x, username: ops, password: s3cret}}\n  b: {}\n"


def test_both_are_found_by_whoever_registers_the_package() -> None:
    classes = {
        name
        for name, item in inspect.getmembers(blocks, inspect.isclass)
        if issubclass(item, blocks.SshKey | blocks.OpenStackCredentials)
    }
    assert classes == {"OpenStackCredentials", "SshKey"}


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        (
            OpenStackCredentials,
            ["credential.clouds_yaml", "credential.password", "credential.application_credential_secret"],
        ),
        (SshKey, ["private_key", "passphrase"]),
    ],
)
def test_what_is_secret(kind: Any, secret: list[str]) -> None:
    assert kind.model_json_schema()["secret_fields"] == secret


@pytest.mark.parametrize("kind", [OpenStackCredentials, SshKey])
def test_every_field_is_described_and_a_block_cannot_be_empty(kind: Any) -> None:
    schema = kind.model_json_schema()
    fields = [
        field for part in (schema, *schema.get("definitions", {}).values()) for field in part["properties"].values()
    ]
    assert [field for field in fields if not field.get("description")] == []
    assert schema["required"], "the server refuses a reference to a block all of whose fields have defaults"


@pytest.mark.parametrize("kind", [OpenStackCredentials, SshKey])
def test_what_the_catalog_shows_of_it(kind: Any) -> None:
    example = kind.get_code_example().strip("`").removeprefix("python")
    compile(example, "example", "exec")
    logo = str(kind._logo_url).removeprefix(LOGOS)
    assert Path(f"docs/images{logo}").is_file()


def test_the_tabs_of_the_form_are_the_kinds() -> None:
    schema = OpenStackCredentials.model_json_schema()
    tabs = [kind["$ref"].rpartition("/")[2] for kind in schema["properties"]["credential"]["anyOf"]]
    assert [schema["definitions"][tab]["title"] for tab in tabs] == [
        "clouds.yaml",
        "Password",
        "Application credential",
    ]


@pytest.mark.parametrize(
    ("given", "entry"),
    [
        (
            PASSWORD | {"region_name": "north", "cacert": "/etc/ca.pem"},
            {
                "auth_type": "password",
                "auth": {**PASSWORD, "user_domain_name": "Default", "project_domain_name": "Default"},
                "region_name": "north",
                "interface": "public",
                "cacert": "/etc/ca.pem",
            },
        ),
        (
            APPLICATION_CREDENTIAL,
            {"auth_type": "v3applicationcredential", "auth": APPLICATION_CREDENTIAL, "interface": "public"},
        ),
        (
            {"clouds_yaml": HORIZON},
            {
                "auth_type": "v3applicationcredential",
                "auth": APPLICATION_CREDENTIAL,
                "region_name": "RegionOne",
                "interface": "public",
                "identity_api_version": 3,
            },
        ),
    ],
)
def test_each_kind_is_an_entry_of_clouds_yaml(given: dict[str, str], entry: dict[str, Any]) -> None:
    block = OpenStackCredentials(credential=given)
    assert block.as_cloud() == entry
    assert "s3cret" not in f"{block!r} {block}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"password": "s3cret"}, "Password: auth_url: is missing; username: is missing; project_name: is missing"),
        (PASSWORD | {"auth_url": "keystone"}, "Password: auth_url: expected Keystone's address with its version"),
        (PASSWORD | {"interface": "s3cret"}, "Password: interface: Input should be 'public', 'internal' or 'admin'"),
        ({"application_credential_id": "s3cret"}, "Application credential: auth_url: is missing"),
    ],
)
def test_one_sentence_names_what_is_wrong_and_shows_no_secret(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        OpenStackCredentials(credential=given)
    assert said in problems_of(error.value)
    assert "s3cret" not in f"{problems_of(error.value)} {error.value} {error.value.__cause__} {error.value.__context__}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"clouds_yaml": "clouds: s3cret"}, "block:unsaved: clouds_yaml: it is one line: its line breaks were lost"),
        (
            {"clouds_yaml": HORIZON, "entry": "iris"},
            "block:unsaved: clouds_yaml: it has no entry iris; it has openstack",
        ),
    ],
)
def test_a_pasted_file_is_judged_when_it_is_used(given: dict[str, str], said: str) -> None:
    with pytest.raises(RefusedError, match=said) as error:
        OpenStackCredentials(credential=given).as_cloud()
    assert "s3cret" not in f"{error.value} {error.value.__cause__}"


def test_a_key_that_is_none_is_named_and_not_shown() -> None:
    with pytest.raises(ValidationError) as error:
        SshKey(private_key="-----BEGIN s3cret")
    assert "private_key: it is not a private key" in problems_of(error.value)
    assert "s3cret" not in f"{problems_of(error.value)} {error.value}"


@pytest.mark.parametrize(("name", "text"), [("", HORIZON), ("openstack", HORIZON), ("a", TWO)])
def test_the_entry_is_found(name: str, text: str) -> None:
    assert entry_of(text, name)["auth"]["auth_url"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("", TWO, "several entries: a, b"),
        ("b", TWO, "entry b has no `auth`"),
        ("", "clouds:\n  a: {auth: {auth_url: x, username: ops}}\n", "has no `password`; Horizon's file for a user"),
        (
            "",
            "clouds:\n  a: {auth_type: v3applicationcredential, auth: {auth_url: x}}\n",
            "application_credential_secret",
        ),
        ("", "clouds:\n  a: {auth: {username: x, password: s3cret}}\n", "has no `auth_url`"),
        ("", "other: 1\n# s3cret\n", "no entries under `clouds`"),
        ("", "clouds:\n  'a: s3cret\n", "it is not YAML, in line"),
    ],
)
def test_a_file_that_cannot_be_used_is_said(name: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        entry_of(text, name)
    assert "s3cret" not in str(error.value)
