"""Keystone: tokens for a password or an application credential, the catalog, and what a client asks about itself."""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import JSONResponse

from sandbox.cloud import REGION, Cloud
from sandbox.openstack import application_credentials
from sandbox.openstack.keystone_words import MALFORMED, ROLES, elsewhere, forbidden, list_links, refused
from sandbox.openstack.service import Answer, ApiError, Call, Routes, Service, is_accepted
from sandbox.store import NotFoundError, Resource

TOKEN_LIFETIME_S = 3600
DOMAIN = {"id": "default", "name": "Default"}
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
                for interface in ("public", "internal", "admin")
            ],
        }
        for kind, name, path in _CATALOG
    ]


def _version(call: Call) -> Answer:
    link = {"rel": "self", "href": call.cloud.url("identity/v3/")}
    media = {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}
    version = {"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z"}
    return {"version": {**version, "links": [link], "media-types": [media]}}


def _versions(call: Call) -> Answer:
    version = _version(call)["version"]  # type: ignore[index, call-overload]
    return 300, {"versions": {"values": [version]}}


def _issue(call: Call) -> Answer:
    auth = _part(call.body, "auth", "request body")
    identity = _part(auth, "identity", "auth")
    method = (identity.get("methods") or [""])[0]
    asked = auth.get("scope", {}).get("project") if auth.get("scope") != "unscoped" else None
    fields: dict[str, Any] = {"methods": [method], "audit_ids": [_audit_id()]}
    if method == "password":
        user = _by_password(call.cloud, _part(_part(identity, method, "identity"), "user", "None"))
        project = _asked_project(call.cloud, asked, user)
    elif method == "application_credential":
        credential = _by_secret(call.cloud, _part(identity, method, "identity"))
        fields["application_credential_id"] = credential["id"]
        user = call.cloud.store.get("user", credential["user_id"])
        project = call.cloud.store.get("project", credential["project_id"])
        fields |= _no_longer_than(credential)
    elif method == "token":
        parent = _good_token(call.cloud, _part(identity, method, "identity").get("id", ""))
        if parent.get("application_credential_id"):
            raise forbidden("Using a delegated token to create another token is not allowed.")
        inherited = {"methods": [*parent["methods"], "token"], "expires_at": parent["expires_at"]}
        fields |= inherited | {"audit_ids": [_audit_id(), parent["audit_ids"][-1]]}
        user = call.cloud.store.get("user", parent["user_id"])
        project = _asked_project(call.cloud, asked, user)
        project = call.cloud.store.get("project", parent["project_id"]) if project is None else project
    else:
        raise refused()
    token = _create_token(call.cloud, user, project, fields)
    return JSONResponse(_shown(call.cloud, token), 201, {"X-Subject-Token": token["id"]})


def _no_longer_than(credential: Resource) -> dict[str, Any]:
    """A token of a credential that ends, ends with it at the latest."""
    if credential["expires_at"] is None:
        return {}
    rest_s = application_credentials.rest_s(credential)
    if rest_s >= TOKEN_LIFETIME_S:
        return {}
    return {"expires_at": f"{credential['expires_at']}Z", "lifetime_s": rest_s}


def _create_token(cloud: Cloud, user: Resource, project: Resource | None, fields: dict[str, Any]) -> Resource:
    issued = datetime.now(UTC)
    usual = {
        "id": f"gAAAAA{uuid.uuid4().hex}{uuid.uuid4().hex}",
        "user_id": user["id"],
        "user_name": user["name"],
        "project_id": project["id"] if project else None,
        "application_credential_id": None,
        "issued_at": _stamp(issued),
        "expires_at": _stamp(issued + timedelta(seconds=TOKEN_LIFETIME_S)),
        "issued_monotonic_s": time.monotonic(),
        "lifetime_s": TOKEN_LIFETIME_S,
    }
    return cloud.store.create("token", **usual | fields)


def _part(whole: Any, key: str, where: str) -> dict[str, Any]:
    """One object of a request to authenticate.

    Raises:
        ApiError: 400, it is not there.
    """
    if not isinstance(whole, dict) or not isinstance(whole.get(key), dict):
        raise ApiError(400, f"Expecting to find {key} in {where}. {MALFORMED}")
    return dict(whole[key])


def _audit_id() -> str:
    return secrets.token_urlsafe(16)


def _by_password(cloud: Cloud, given: dict[str, Any]) -> Resource:
    if "name" in given:
        _check_domain(_part(given, "domain", "user"))
    for user in cloud.store.list("user"):
        if given.get("id", user["id"]) == user["id"] and given.get("name", user["name"]) == user["name"]:
            if given.get("password") == user["password"]:
                return user
            break
    raise refused()


def _by_secret(cloud: Cloud, given: dict[str, Any]) -> Resource:
    credential = cloud.store.get("application_credential", str(given.get("id")))
    if given.get("secret") != credential["secret"] or application_credentials.has_ended(credential):
        raise refused()
    return credential


def _asked_project(cloud: Cloud, asked: dict[str, Any] | None, user: Resource) -> Resource | None:
    if asked is None:
        return None
    if "name" in asked:
        _check_domain(_part(asked, "domain", "project"))
    for project in cloud.store.list("project"):
        if asked.get("id", project["id"]) == project["id"] and asked.get("name", project["name"]) == project["name"]:
            if project["id"] in user["project_ids"]:
                return project
            break
    raise refused()


def _check_domain(given: dict[str, Any]) -> None:
    if given.get("id", DOMAIN["id"]) != DOMAIN["id"] or given.get("name", DOMAIN["name"]) != DOMAIN["name"]:
        raise refused()


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def _shown(cloud: Cloud, token: Resource) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "methods": token["methods"],
        "user": {"id": token["user_id"], "name": token["user_name"], "domain": DOMAIN, "password_expires_at": None},
        "audit_ids": token["audit_ids"],
        "issued_at": token["issued_at"],
        "expires_at": token["expires_at"],
    }
    if token["project_id"]:
        project = cloud.store.get("project", token["project_id"])
        scope = {"id": project["id"], "name": project["name"], "domain": DOMAIN}
        roles = [{"id": role["id"], "name": role["name"]} for role in ROLES]
        shown |= {"project": scope, "is_domain": False, "roles": roles, "catalog": catalog(cloud)}
    if token["application_credential_id"]:
        credential = cloud.store.get("application_credential", token["application_credential_id"])
        told = {"id": credential["id"], "name": credential["name"], "restricted": not credential["unrestricted"]}
        shown["application_credential"] = told
    return {"token": shown}


def _good_token(cloud: Cloud, token_id: str) -> Resource:
    """A token that is meant, not used.

    Raises:
        ApiError: 404, it never was one, or is none any more.
    """
    try:
        token = cloud.store.get("token", token_id)
    except NotFoundError as error:
        raise ApiError(404, "Could not recognize Fernet token") from error
    if not is_accepted(cloud, token):
        raise ApiError(404, "Failed to validate token")
    return token


def _meant_token(call: Call, action: str) -> Resource:
    if call.token is None:
        raise refused()
    token_id = call.request.headers.get("x-subject-token")
    if not token_id:
        raise forbidden(f"identity:{action}_token")
    return _good_token(call.cloud, token_id)


def _validate(call: Call) -> Answer:
    token = _meant_token(call, "validate")
    return JSONResponse(_shown(call.cloud, token), 200, {"X-Subject-Token": token["id"]})


def _revoke(call: Call) -> Answer:
    _meant_token(call, "revoke")["revoked"] = True
    return 204, None


def _projects(call: Call) -> Answer:
    user = call.cloud.store.get("user", call.request_token["user_id"])
    usual = {"description": "", "parent_id": "default", "is_domain": False, "tags": [], "options": {}}
    projects = [
        {
            "id": project["id"],
            "name": project["name"],
            "domain_id": "default",
            "enabled": True,
            **usual,
            "links": {"self": call.cloud.url(f"identity/v3/projects/{project['id']}")},
        }
        for project in call.cloud.store.list("project", lambda project: project["id"] in user["project_ids"])
    ]
    return {"projects": projects, "links": list_links(call)}


def _catalog(call: Call) -> Answer:
    return {"catalog": catalog(call.cloud), "links": {"self": call.cloud.url("identity/v3/auth/catalog")}}


def may_delegate(cloud: Cloud, token: Resource) -> bool:
    """Whether a trust can be made with this token, as Magnum's Heat driver does for each cluster."""
    credential_id = token["application_credential_id"]
    return credential_id is None or bool(cloud.store.get("application_credential", credential_id)["unrestricted"])


def _trust(call: Call) -> Answer:
    if not may_delegate(call.cloud, call.request_token):
        raise forbidden("Delegated tokens cannot manage trusts.")
    wanted = call.wanted("trust")
    kept = ("trustor_user_id", "trustee_user_id", "project_id", "impersonation")
    empty = dict.fromkeys(("expires_at", "remaining_uses", "deleted_at", "redelegated_trust_id"))
    trust = call.cloud.store.create("trust", **{field: wanted[field] for field in kept}, **empty)
    asked = {role["name"] for role in wanted["roles"]}
    roles = [
        {**role, "links": {"self": call.cloud.url(f"identity/v3/roles/{role['id']}")}}
        for role in ROLES
        if role["name"] in asked
    ]
    links = {"self": call.cloud.url(f"identity/v3/OS-TRUST/trusts/{trust['id']}")}
    shown = {field: trust[field] for field in ("id", *kept, *empty)}
    roles_links = {"self": call.cloud.url(f"identity/v3/{trust['id']}/roles"), "next": None, "previous": None}
    return 201, {
        "trust": {**shown, "redelegation_count": 0, "roles": roles, "roles_links": roles_links, "links": links}
    }


def _end_trust(call: Call) -> Answer:
    call.cloud.store.get("trust", call.path["trust_id"])
    call.cloud.store.delete("trust", call.path["trust_id"])
    return 204, None


_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}


def _render(error: ApiError) -> dict[str, Any]:
    title = _TITLES.get(error.status, "Error")
    return {"error": {"code": error.status, "message": error.message, "title": title}}


_ROUTES: Routes = [
    ("GET", "/", _versions, (300,)),
    ("GET", "/v3", _version, (200,)),
    ("GET", "/v3/", _version, (200,)),
    ("POST", "/v3/auth/tokens", _issue, (201, 400, 401, 403, 404)),
    ("GET", "/v3/auth/tokens", _validate, (200, 401, 403, 404)),
    ("DELETE", "/v3/auth/tokens", _revoke, (204, 401, 403, 404)),
    ("GET", "/v3/auth/projects", _projects, (200,)),
    ("GET", "/v3/auth/catalog", _catalog, (200,)),
    *application_credentials.ROUTES,
    ("POST", "/v3/OS-TRUST/trusts", _trust, (201, 403)),
    ("DELETE", "/v3/OS-TRUST/trusts/{trust_id}", _end_trust, (204, 404)),
]

SERVICE = Service(
    name="keystone",
    prefix="identity",
    routes=_ROUTES,
    render=_render,
    public=frozenset({"/", "/v3", "/v3/", "/v3/auth/tokens"}),
    heads=frozenset(path for method, path, *_ in _ROUTES if method == "GET"),
    guarded=(),
    elsewhere=(elsewhere, (404, 405)),
    malformed=f"Expecting to find valid JSON in request body. {MALFORMED}",
    not_found={
        "application_credential": ("Could not find Application Credential: {}.", ""),
        "trust": ("Could not find trust: {}.", ""),
    },
)
