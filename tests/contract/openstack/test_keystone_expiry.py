"""How a token ends by its age: with the application credential that it came from, which ends when one wants it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.openstack.cloud import Answer, Project, Told, poll
from tests.contract.openstack.test_keystone import CHALLENGE, LISTS, TOKENS, by_credential, comparable

LIFETIME_S = 5
NAME = "contract-ending"


def without_drawn(body: Any) -> Any:
    """A credential without its secret, with the roles that every cloud has."""
    if "application_credential" not in body:
        return body
    credential = body["application_credential"]
    roles = [role for role in credential["roles"] if role["name"] == "member"]
    return {"application_credential": credential | {"roles": roles, "secret": "<secret>"}}


@pytest.fixture
def path(project: Project) -> str:
    return f"/v3/users/{project.connection.current_user_id}/application_credentials"


@pytest.fixture
def make(told: Told, path: str) -> Iterator[Callable[..., Answer]]:
    """Ask for an application credential; what was made is taken away afterwards."""
    made: list[str] = []

    def create(**wanted: Any) -> Answer:
        body = {"application_credential": wanted}
        sent = body if "expires_at" not in wanted else {"application_credential": wanted | {"expires_at": "<soon>"}}
        answer = told.project.call("keystone", "POST", path, body)
        told.tell("keystone", f"POST {path}", answer, without_drawn, sent=sent)
        if answer.status == 201:
            made.append(answer.body["application_credential"]["id"])
        return answer

    yield create
    for ident in made:
        told.project.call("keystone", "DELETE", f"{path}/{ident}")


def test_a_token_ends_with_its_credential(told: Told, appcred: Project, make: Callable[..., Answer]) -> None:
    end = (datetime.now(UTC) + timedelta(seconds=LIFETIME_S)).replace(microsecond=0)
    answer = make(name=NAME, expires_at=end.strftime("%Y-%m-%dT%H:%M:%S"))
    assert answer.status == 201
    credential = answer.body["application_credential"]
    body = by_credential(appcred, id=credential["id"], secret=credential["secret"])
    issued = told.project.call("keystone", "POST", TOKENS, body, token="")
    told.tell("keystone", f"POST {TOKENS}", issued, comparable)
    assert datetime.fromisoformat(issued.body["token"]["expires_at"]) == end
    token = issued.headers["x-subject-token"]
    services = {"keystone": "/v3/auth/projects", **LISTS}
    for service, listed in services.items():
        assert told.project.call(service, "GET", listed, token=token).status == 200

    def refused() -> bool | None:
        return told.project.call("keystone", "GET", services["keystone"], token=token).status == 401 or None

    poll(refused, "the token ends", 4 * LIFETIME_S)
    assert datetime.now(UTC) >= end
    for service, listed in services.items():
        assert told.call(service, "GET", listed, token=token).status == 401
    meant = told.call("keystone", "GET", TOKENS, headers={"X-Subject-Token": token})
    assert (meant.status, meant.body["error"]["message"]) == (404, "Failed to validate token")
    again = told.project.call("keystone", "POST", TOKENS, body, token="")
    assert (again.status, again.body["error"]["message"]) == (401, CHALLENGE)


def test_a_token_goes_with_its_credential(told: Told, appcred: Project, make: Callable[..., Answer], path: str) -> None:
    credential = make(name=NAME).body["application_credential"]
    body = by_credential(appcred, id=credential["id"], secret=credential["secret"])
    token = told.project.call("keystone", "POST", TOKENS, body, token="").headers["x-subject-token"]
    for status in (204, 404):
        assert told.call("keystone", "DELETE", f"{path}/{credential['id']}").status == status

    assert told.call("neutron", "GET", LISTS["neutron"], token=token).status == 401


def test_refused(told: Told, make: Callable[..., Answer]) -> None:
    assert make(name=NAME).status == 201
    assert make(name=NAME).status == 409
    assert make(description="without a name").status == 400
    assert make(name="contract-past", expires_at="2020-01-01T00:00:00").status == 400
    assert make(name="contract-odd", expires_at="nonsense").status == 400


def test_not_by_a_restricted_credential(told: Told, appcred: Project, path: str) -> None:
    body = {"application_credential": {"name": NAME}}
    ident = appcred.connection.config.config["auth"]["application_credential_id"]
    assert told.call("keystone", "POST", path, body, of=appcred).status == 403
    assert told.call("keystone", "DELETE", f"{path}/{ident}", of=appcred).status == 403


def test_not_for_others(told: Told, other: Project) -> None:
    path = f"/v3/users/{other.connection.current_user_id}/application_credentials"
    body = {"application_credential": {"name": NAME}}
    assert told.call("keystone", "POST", path, body).status == 403
    assert told.call("keystone", "DELETE", f"{path}/contract-none").status == 403
