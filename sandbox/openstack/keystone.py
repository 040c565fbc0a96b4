"""Keystone: tokens for a password or an application credential, the catalog, and what a client asks about itself."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import JSONResponse

from sandbox.cloud import REGION, Cloud
from sandbox.openstack.service import Answer, ApiError, Call, Service
from sandbox.store import Resource

TOKEN_LIFETIME_S = 3600
DOMAIN = {"id": "default", "name": "Default"}
ROLES = [{"id": uuid.uuid5(uuid.NAMESPACE_DNS, role).hex, "name": role} for role in ("member", "reader")]
_CATALOG = [  # type, name, path of the endpoint below the sandbox's address
    ("identity", "keystone", "identity/v3"),
    ("container-infra", "magnum", "container-infra/v1"),
    ("network", "neutron", "network"),
    ("compute", "nova", "compute/v2.1"),
    ("image", "glance", "image"),
    ("load-balancer", "octavia", "load-balancer"),
    ("block-storage", "cinder", "volume/v3"),
]


def catalog(cloud: Cloud) -> list[dict[str, Any]]:
    return [
        {
            "id": uuid.uuid5(uuid.NAMESPACE_URL, kind).hex,
            "type": kind,
            "name": name,
            "endpoints": [
                {
                    "id": uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{interface}").hex,
                    "interface": interface,
                    "region": REGION,
                    "region_id": REGION,
                    "url": cloud.url(path),
                }
                for interface in ("public", "internal")
            ],
        }
        for kind, name, path in _CATALOG
    ]


def _version(call: Call) -> Answer:
    link = {"rel": "self", "href": call.cloud.url("identity/v3/")}
    return {"version": {"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z", "links": [link]}}


def _versions(call: Call) -> Answer:
    version = _version(call)["version"]  # type: ignore[index, call-overload]
    return 300, {"versions": {"values": [version]}}


def _issue(call: Call) -> Answer:
    auth = (call.body or {}).get("auth", {})
    identity = auth.get("identity", {})
    method = (identity.get("methods") or [""])[0]
    if method == "password":
        user = _by_password(call.cloud, identity["password"]["user"])
        project = _asked_project(call.cloud, auth.get("scope", {}).get("project"), user)
    elif method == "application_credential":
        credential = _by_secret(call.cloud, identity["application_credential"])
        user = call.cloud.store.get("user", credential["user_id"])
        project = call.cloud.store.get("project", credential["project_id"])
    elif method == "token":
        user = call.cloud.store.get("user", call.cloud.store.get("token", identity["token"]["id"])["user_id"])
        project = _asked_project(call.cloud, auth.get("scope", {}).get("project"), user)
    else:
        raise _refused()
    issued = datetime.now(UTC)
    token = call.cloud.store.create(
        "token",
        id=f"gAAAAA{uuid.uuid4().hex}{uuid.uuid4().hex}",
        methods=[method],
        user_id=user["id"],
        user_name=user["name"],
        project_id=project["id"] if project else None,
        issued_at=_stamp(issued),
        expires_at=_stamp(issued + timedelta(seconds=TOKEN_LIFETIME_S)),
        issued_monotonic_s=time.monotonic(),
        lifetime_s=TOKEN_LIFETIME_S,
    )
    return JSONResponse(_shown(call.cloud, token), 201, {"X-Subject-Token": token["id"]})


def _by_password(cloud: Cloud, given: dict[str, Any]) -> Resource:
    for user in cloud.store.list("user"):
        if given.get("id", user["id"]) == user["id"] and given.get("name", user["name"]) == user["name"]:
            if given.get("password") == user["password"]:
                return user
            break
    raise _refused()


def _by_secret(cloud: Cloud, given: dict[str, Any]) -> Resource:
    for credential in cloud.store.list("application_credential", id=given.get("id")):
        if given.get("secret") == credential["secret"]:
            return credential
    raise _refused()


def _asked_project(cloud: Cloud, asked: dict[str, Any] | None, user: Resource) -> Resource | None:
    if asked is None:
        return None
    for project in cloud.store.list("project"):
        if asked.get("id", project["id"]) == project["id"] and asked.get("name", project["name"]) == project["name"]:
            if project["id"] in user["project_ids"]:
                return project
            break
    raise _refused()


def _refused() -> ApiError:
    return ApiError(401, "The request you have made requires authentication.")


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _shown(cloud: Cloud, token: Resource) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "methods": token["methods"],
        "user": {"id": token["user_id"], "name": token["user_name"], "domain": DOMAIN, "password_expires_at": None},
        "audit_ids": [token["id"][-22:]],
        "issued_at": token["issued_at"],
        "expires_at": token["expires_at"],
    }
    if token["project_id"]:
        project = cloud.store.get("project", token["project_id"])
        scope = {"id": project["id"], "name": project["name"], "domain": DOMAIN}
        shown |= {"project": scope, "is_domain": False, "roles": ROLES, "catalog": catalog(cloud)}
    return {"token": shown}


def _validate(call: Call) -> Answer:
    token = call.cloud.store.get("token", call.request.headers.get("x-subject-token", ""))
    return JSONResponse(_shown(call.cloud, token), 200, {"X-Subject-Token": token["id"]})


def _projects(call: Call) -> Answer:
    user = call.cloud.store.get("user", call.request_token["user_id"])
    projects = [
        {"id": project["id"], "name": project["name"], "domain_id": "default", "enabled": True}
        for project in call.cloud.store.list("project", lambda project: project["id"] in user["project_ids"])
    ]
    return {"projects": projects, "links": {"next": None}}


def _application_credentials(call: Call) -> Answer:
    owned = call.cloud.store.list("application_credential", user_id=call.request_token["user_id"])
    return {
        "application_credentials": [{k: v for k, v in c.items() if k != "secret"} for c in owned],
        "links": {"next": None},
    }


def _application_credential(call: Call) -> Answer:
    credential = call.cloud.store.get("application_credential", call.path["credential_id"])
    return {"application_credential": {k: v for k, v in credential.items() if k != "secret"}}


def _render(error: ApiError) -> dict[str, Any]:
    title = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}.get(error.status, "Error")
    return {"error": {"code": error.status, "message": error.message, "title": title}}


SERVICE = Service(
    name="keystone",
    prefix="identity",
    routes=[
        ("GET", "/", _versions, (300,)),
        ("GET", "/v3", _version, (200,)),
        ("GET", "/v3/", _version, (200,)),
        ("POST", "/v3/auth/tokens", _issue, (201, 401)),
        ("GET", "/v3/auth/tokens", _validate, (200, 401, 404)),
        ("GET", "/v3/auth/projects", _projects, (200,)),
        ("GET", "/v3/auth/catalog", lambda call: {"catalog": catalog(call.cloud), "links": {}}, (200,)),
        ("GET", "/v3/users/{user_id}/application_credentials", _application_credentials, (200, 404)),
        ("GET", "/v3/users/{user_id}/application_credentials/{credential_id}", _application_credential, (200, 404)),
    ],
    render=_render,
    public=frozenset({"/", "/v3", "/v3/", "/v3/auth/tokens"}),
)
