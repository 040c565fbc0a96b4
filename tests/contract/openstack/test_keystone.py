"""Keystone: who gets a token, what it tells, what it is good for, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from openstack.connection import Connection

from tests.contract.openstack.cloud import TYPES, Answer, Project, Told, poll

TOKENS = "/v3/auth/tokens"
CHALLENGE = "The request you have made requires authentication."


def by_password(project: Project, **wrong: Any) -> dict[str, Any]:
    """A request for a token as keystoneauth writes it; `wrong` replaces what is in clouds.yaml."""
    auth = project.connection.config.config["auth"] | wrong
    domain = {"name": auth.get("user_domain_name", "Default")}
    user = {"name": auth["username"], "password": auth["password"], "domain": domain}
    project_domain = {"name": auth.get("project_domain_name", "Default")}
    scope = {"project": {"name": auth["project_name"], "domain": project_domain}}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}


def by_credential(appcred: Project, **wrong: str) -> dict[str, Any]:
    auth = appcred.connection.config.config["auth"]
    credential = {"id": auth["application_credential_id"], "secret": auth["application_credential_secret"]} | wrong
    return {"auth": {"identity": {"methods": ["application_credential"], "application_credential": credential}}}


def comparable(body: Any) -> Any:
    """A token without what is drawn anew for each, other services than ours, other roles than `member`."""
    if "token" not in body:
        return body
    # Keystone writes the methods out of a set: their order is luck.
    drawn = {"audit_ids": len(body["token"]["audit_ids"]), "methods": sorted(body["token"]["methods"])}
    token = body["token"] | drawn
    if "catalog" in token:
        token["catalog"] = _ours(token["catalog"])
    if "roles" in token:
        token["roles"] = [role for role in token["roles"] if role["name"] == "member"]
    return {"token": token}


def _ours(catalog: list[dict[str, Any]]) -> list[dict[str, Any]]:
    entries = [entry for entry in catalog if entry["type"] in TYPES.values()]
    return [
        {**entry, "endpoints": sorted(entry["endpoints"], key=lambda endpoint: endpoint["interface"])}
        for entry in sorted(entries, key=lambda entry: entry["type"])
    ]


@pytest.fixture
def issue(told: Told) -> Callable[[dict[str, Any]], Answer]:
    """Ask for a token."""
    return lambda body: told.call("keystone", "POST", TOKENS, body, token="", comparable=comparable)


@pytest.fixture
def names(names: dict[str, str], appcred: Project) -> dict[str, str]:
    own = appcred.call("keystone", "GET", TOKENS, headers={"X-Subject-Token": appcred.token}).body["token"]
    return names | {own["application_credential"]["name"]: "<application credential>"}


def test_versions(told: Told) -> None:
    for path, status in (("/", 300), ("/v3", 200), ("/v3/", 200)):
        assert told.call("keystone", "GET", path, token="").status == status


def test_password(project: Project, issue: Callable[..., Answer]) -> None:
    answer = issue(by_password(project))
    assert (answer.status, answer.body["token"]["methods"]) == (201, ["password"])
    assert answer.body["token"]["project"]["id"] == project.project_id
    assert project.call("keystone", "GET", "/v3/auth/projects", token=answer.headers["x-subject-token"]).status == 200
    lifetime = datetime.fromisoformat(answer.body["token"]["expires_at"]) - datetime.fromisoformat(
        answer.body["token"]["issued_at"]
    )
    assert lifetime > timedelta(minutes=1)


def test_unscoped(project: Project, issue: Callable[..., Answer]) -> None:
    body = by_password(project)
    body["auth"]["scope"] = "unscoped"
    answer = issue(body)
    assert answer.status == 201
    assert not {"project", "catalog", "roles"} & set(answer.body["token"])


def test_application_credential(appcred: Project, project: Project, issue: Callable[..., Answer]) -> None:
    answer = issue(by_credential(appcred))
    assert (answer.status, answer.body["token"]["methods"]) == (201, ["application_credential"])
    assert answer.body["token"]["project"]["id"] == project.project_id
    assert answer.body["token"]["application_credential"]["restricted"] is True


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"password": "contract-wrong"}, id="password"),
        pytest.param({"username": "contract-nobody"}, id="user"),
        pytest.param({"user_domain_name": "contract-nowhere"}, id="domain"),
        pytest.param({"project_name": "contract-none"}, id="project"),
    ],
)
def test_password_refused(project: Project, issue: Callable[..., Answer], wrong: dict[str, str]) -> None:
    answer = issue(by_password(project, **wrong))
    assert (answer.status, answer.body["error"]["message"]) == (401, CHALLENGE)
    assert answer.headers["www-authenticate"].startswith('Keystone uri="')


def test_project_of_others(project: Project, other: Project, issue: Callable[..., Answer]) -> None:
    theirs = other.connection.config.config["auth"]["project_name"]
    assert issue(by_password(project, project_name=theirs)).status == 401


def test_application_credential_refused(appcred: Project, issue: Callable[..., Answer]) -> None:
    assert issue(by_credential(appcred, secret="contract-wrong")).status == 401
    unknown = issue(by_credential(appcred, id="contract-none"))
    assert (unknown.status, unknown.body["error"]["title"]) == (404, "Not Found")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="none"),
        pytest.param(b"{x", id="no-json"),
        pytest.param({}, id="empty"),
        pytest.param({"auth": {"identity": {"methods": ["password"]}}}, id="no-password"),
        pytest.param({"auth": {"identity": {"methods": ["password"], "password": {}}}}, id="no-user"),
        pytest.param({"auth": {"identity": {"methods": ["application_credential"]}}}, id="no-credential"),
    ],
)
def test_malformed(told: Told, body: Any) -> None:
    headers = {"Content-Type": "application/json"}
    answer = told.call("keystone", "POST", TOKENS, body, token="", headers=headers)
    assert (answer.status, answer.body["error"]["title"]) == (400, "Bad Request")


def test_project_without_domain(project: Project, issue: Callable[..., Answer]) -> None:
    body = by_password(project)
    del body["auth"]["scope"]["project"]["domain"]
    answer = issue(body)
    assert (answer.status, answer.body["error"]["title"]) == (400, "Bad Request")


def test_token_from_token(project: Project, appcred: Project, issue: Callable[..., Answer]) -> None:
    identity = {"methods": ["token"], "token": {"id": project.token}}
    answer = issue({"auth": {"identity": identity}})
    assert (answer.status, set(answer.body["token"]["methods"])) == (201, {"password", "token"})
    identity = {"methods": ["token"], "token": {"id": appcred.token}}
    assert issue({"auth": {"identity": identity}}).status == 403
    identity = {"methods": ["token"], "token": {"id": "contract-none"}}
    assert issue({"auth": {"identity": identity}}).status == 404


def test_validate(told: Told, project: Project) -> None:
    answer = told.call("keystone", "GET", TOKENS, headers={"X-Subject-Token": project.token}, comparable=comparable)
    assert answer.body["token"]["user"]["id"] == project.connection.current_user_id
    assert answer.headers["x-subject-token"] == project.token
    assert told.call("keystone", "GET", TOKENS, headers={"X-Subject-Token": "contract-none"}).status == 404
    assert told.call("keystone", "GET", TOKENS).status == 403
    assert told.call("keystone", "GET", TOKENS, token="contract-none").status == 401


def fresh_token(project: Project) -> str:
    """One that no service has seen: they keep for a while what they once validated."""
    answer = project.call("keystone", "POST", TOKENS, by_password(project), token="")
    return str(answer.headers["x-subject-token"])


def until_refused(project: Project, token: str) -> None:
    """Keystone's processes hear of a revoked token one after the other, within a second."""

    def refused() -> bool | None:
        return project.call("keystone", "GET", "/v3/auth/projects", token=token).status == 401 or None

    poll(refused, "a revoked token is refused")


def until_services_refuse(project: Project, token: str) -> None:
    """The others keep for some seconds what they once validated."""

    def refused() -> bool | None:
        seen = {project.call(service, "GET", path, token=token).status for service, path in LISTS.items()}
        return seen == {401} or None

    poll(refused, "the services refuse a revoked token")


def test_revoke(told: Told, project: Project) -> None:
    token = fresh_token(project)
    assert told.call("keystone", "DELETE", TOKENS, headers={"X-Subject-Token": token}).status == 204
    until_refused(project, token)
    assert told.call("keystone", "GET", TOKENS, headers={"X-Subject-Token": token}).status == 404
    assert told.call("keystone", "DELETE", TOKENS, headers={"X-Subject-Token": "contract-none"}).status == 404
    assert told.call("keystone", "DELETE", TOKENS).status == 403
    assert told.call("keystone", "DELETE", TOKENS, token="").status == 401


def test_a_session_whose_token_ended_signs_in_again(project: Project) -> None:
    connection = Connection(session=project.watched(), config=None)
    first = connection.session.get_token()
    assert project.call("keystone", "DELETE", TOKENS, headers={"X-Subject-Token": first}).status == 204
    until_services_refuse(project, first)
    answers = [connection.session.get(f"{project.roots[service]}{path}") for service, path in LISTS.items()]
    assert {answer.status_code for answer in answers} == {200}
    assert connection.session.get_token() != first


LISTS = {
    "magnum": "/v1/clusters",
    "neutron": "/v2.0/networks",
    "nova": "/v2.1/servers",
    "glance": "/v2/images",
}


@pytest.mark.parametrize("service", LISTS)
def test_ended_token(told: Told, project: Project, service: str) -> None:
    token = fresh_token(project)
    assert project.call("keystone", "DELETE", TOKENS, headers={"X-Subject-Token": token}).status == 204
    until_refused(project, token)
    answer = told.call(service, "GET", LISTS[service], token=token)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith('Keystone uri="')


def test_catalog(told: Told, project: Project) -> None:
    answer = told.call(
        "keystone", "GET", "/v3/auth/catalog", comparable=lambda body: body | {"catalog": _ours(body["catalog"])}
    )
    found = {entry["type"]: entry["endpoints"] for entry in answer.body["catalog"]}
    assert set(TYPES.values()) <= set(found)
    for service, kind in TYPES.items():
        public = [endpoint["url"] for endpoint in found[kind] if endpoint["interface"] == "public"]
        assert any(url.startswith(project.roots[service]) for url in public)


def test_projects(told: Told, project: Project) -> None:
    def own(body: Any) -> Any:
        return body | {"projects": [entry for entry in body["projects"] if entry["id"] == project.project_id]}

    answer = told.call("keystone", "GET", "/v3/auth/projects", comparable=own)
    assert len(own(answer.body)["projects"]) == 1


def test_application_credentials(told: Told, appcred: Project) -> None:
    credential_id = appcred.connection.config.config["auth"]["application_credential_id"]
    path = f"/v3/users/{appcred.connection.current_user_id}/application_credentials"

    def shown(credential: dict[str, Any]) -> dict[str, Any]:
        return credential | {"roles": [role for role in credential["roles"] if role["name"] == "member"]}

    def own(body: Any) -> Any:
        listed = [shown(entry) for entry in body["application_credentials"] if entry["id"] == credential_id]
        return body | {"application_credentials": listed}

    listed = told.call("keystone", "GET", path, of=appcred, comparable=own)
    one = told.call(
        "keystone",
        "GET",
        f"{path}/{credential_id}",
        of=appcred,
        comparable=lambda body: {"application_credential": shown(body["application_credential"])},
    )
    assert one.body["application_credential"]["unrestricted"] is False
    assert one.body["application_credential"] in listed.body["application_credentials"]
    assert "secret" not in one.body["application_credential"]
    assert told.call("keystone", "GET", f"{path}/contract-none", of=appcred).status == 404


def test_application_credentials_of_others(told: Told, other: Project) -> None:
    path = f"/v3/users/{other.connection.current_user_id}/application_credentials"
    assert told.call("keystone", "GET", path).status == 403
    assert told.call("keystone", "GET", f"{path}/contract-none").status == 403


def wanted_trust(user_id: str, project_id: str) -> dict[str, Any]:
    users = {"trustor_user_id": user_id, "trustee_user_id": user_id}
    return {"trust": {**users, "project_id": project_id, "impersonation": True, "roles": [{"name": "member"}]}}


def test_trust_by_password_only(told: Told, project: Project, appcred: Project) -> None:
    """What Magnum's Heat driver does for each cluster."""
    wanted = wanted_trust(project.connection.current_user_id, project.project_id)
    path = "/v3/OS-TRUST/trusts"
    made = told.call("keystone", "POST", path, wanted)
    assert made.status == 201
    assert told.call("keystone", "DELETE", f"{path}/{made.body['trust']['id']}").status == 204
    assert told.call("keystone", "DELETE", f"{path}/{made.body['trust']['id']}").status == 404
    refused = told.call("keystone", "POST", path, wanted, of=appcred)
    assert (refused.status, refused.body["error"]["title"]) == (403, "Forbidden")
