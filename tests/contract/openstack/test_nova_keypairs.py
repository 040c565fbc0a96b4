"""Keypairs: given or generated, at the oldest version and at openstacksdk's; refused, listed, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.openstack.cloud import Project, Told

KEYPAIRS = "/v2.1/os-keypairs"
GIVEN, GENERATED = "contract-given", "contract-generated"
SDK = {"OpenStack-API-Version": "compute 2.10"}
NO_GENERATING = {"OpenStack-API-Version": "compute 2.92"}
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF68QGeijkUM4WTKgRP2wWr19lKxKBGM77H95lfzvZq3 contract"


@pytest.fixture(autouse=True)
def taken_away(project: Project) -> Iterator[None]:
    yield
    for name in (GIVEN, GENERATED):
        assert project.call("nova", "DELETE", f"{KEYPAIRS}/{name}").status in (202, 404)


def create(told: Told, keypair: Any, **options: Any) -> Any:
    return told.call("nova", "POST", KEYPAIRS, {"keypair": keypair}, **options)


def listed(told: Told, **options: Any) -> list[str]:
    """All names; the transcript has the one that this test made."""

    def only_ours(body: Any) -> Any:
        return {"keypairs": [entry for entry in body["keypairs"] if entry["keypair"]["name"] == GIVEN]}

    answer = told.call("nova", "GET", KEYPAIRS, comparable=only_ours, **options)
    return [entry["keypair"]["name"] for entry in answer.body["keypairs"]]


def without_number(body: Any) -> Any:
    return {"keypair": body["keypair"] | {"id": "<number>"}}


@pytest.mark.parametrize(("headers", "made", "deleted"), [({}, 200, 202), (SDK, 201, 204)], ids=["oldest", "sdk"])
def test_life(told: Told, headers: dict[str, str], made: int, deleted: int) -> None:
    path = f"{KEYPAIRS}/{GIVEN}"
    answer = create(told, {"name": GIVEN, "public_key": PUBLIC_KEY}, headers=headers)
    assert (answer.status, answer.body["keypair"]["public_key"]) == (made, PUBLIC_KEY)
    shown = told.call("nova", "GET", path, headers=headers, comparable=without_number).body["keypair"]
    assert (shown["name"], shown["deleted"], shown["updated_at"]) == (GIVEN, False, None)
    names = listed(told, headers=headers)
    assert GIVEN in names
    assert names == sorted(names)
    assert told.call("nova", "DELETE", path, headers=headers).status == deleted
    assert told.call("nova", "GET", path, headers=headers).status == 404
    assert GIVEN not in listed(told, headers=headers)


def test_generated(told: Told) -> None:
    def kinds(body: Any) -> Any:
        return {"keypair": {**body["keypair"], **dict.fromkeys(("public_key", "private_key", "fingerprint"), "<text>")}}

    made = create(told, {"name": GENERATED}, comparable=kinds).body["keypair"]
    assert made["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert made["public_key"].startswith("ssh-rsa ")
    assert made["public_key"].endswith(" Generated-by-Nova")
    refused = create(told, {"name": GENERATED}, headers=NO_GENERATING)
    assert refused.status == 400


def test_twice(told: Told) -> None:
    keypair = {"name": GIVEN, "public_key": PUBLIC_KEY}
    create(told, keypair)
    assert create(told, keypair).status == 409
    assert create(told, keypair, headers=SDK).status == 409


def test_refused(told: Told) -> None:
    refused: list[dict[str, Any]] = [
        {"name": GIVEN, "public_key": "nonsense"},
        {"name": GIVEN, "public_key": "ssh-rsa xxx"},
        {"name": GIVEN, "public_key": ""},
        {"name": "contract/given", "public_key": PUBLIC_KEY},
        {"name": GIVEN, "public_key": PUBLIC_KEY, "type": "ssh"},
        {"public_key": PUBLIC_KEY},
    ]
    for keypair in refused:
        assert create(told, keypair).status == 400
    assert told.call("nova", "POST", KEYPAIRS, {}).status == 400
    assert told.call("nova", "POST", KEYPAIRS, b"{").status == 400
    assert told.project.call("nova", "GET", f"{KEYPAIRS}/{GIVEN}").status == 404


def test_missing(told: Told) -> None:
    for method in ("GET", "DELETE"):
        assert told.call("nova", method, f"{KEYPAIRS}/contract-none").status == 404


def test_of_others(told: Told, other: Project) -> None:
    create(told, {"name": GIVEN, "public_key": PUBLIC_KEY})
    for method in ("GET", "DELETE"):
        assert told.call("nova", method, f"{KEYPAIRS}/{GIVEN}", of=other).status == 404
