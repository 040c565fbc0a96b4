"""Neutron and Octavia over httpx, as one project's user; openstacksdk would cost this small process 60 MB."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import yaml

Object = dict[str, Any]
NETWORK = "network"  # Neutron's type in the catalog
_TIMEOUT_S = 60.0
_DOMAIN_FIELDS = {"user_domain_name": "name", "user_domain_id": "id"}
_PROJECT_FIELDS = {"project_domain_name": "name", "project_domain_id": "id"}


class OpenStackError(Exception):
    """A service refused; the text is what gophercloud, and so cloud-provider-openstack, makes of it."""


def cloud_config(name: str) -> Object:
    """An entry of the clouds.yaml that OS_CLIENT_CONFIG_FILE names."""
    clouds = yaml.safe_load(Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text(encoding="utf-8"))["clouds"]
    config: Object = clouds[name]
    return config


class OpenStack:
    """A session: a token, renewed when it is refused, and the catalog that came with it.

    Args:
        config: a clouds.yaml entry with a password or an application credential.
    """

    def __init__(self, config: Object) -> None:
        self._config = config
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S, verify=config.get("cacert") or config.get("verify", True))
        self._token = ""
        self._endpoints: dict[str, str] = {}

    async def get(self, service: str, path: str, **query: str) -> Object:
        """Read; `service` is the catalog's type."""
        return await self._call("GET", service, path, query=query)

    async def post(self, service: str, path: str, body: Object) -> Object:
        """Create."""
        return await self._call("POST", service, path, body)

    async def put(self, service: str, path: str, body: Object) -> Object:
        """Change."""
        return await self._call("PUT", service, path, body)

    async def delete(self, service: str, path: str, **query: str) -> None:
        """Delete; what is gone already is no error."""
        await self._call("DELETE", service, path, query=query)

    async def _call(
        self, method: str, service: str, path: str, body: Object | None = None, query: dict[str, str] | None = None
    ) -> Object:
        try:
            if not self._token:
                await self._authenticate()
            answer = await self._send(method, service, path, body, query)
            if answer.status_code == 401:
                await self._authenticate()
                answer = await self._send(method, service, path, body, query)
        except httpx.HTTPError as error:
            raise OpenStackError(f"{method} {path}: {error!r}") from error
        if answer.is_success:
            result: Object = answer.json() if answer.content else {}
            return result
        if method == "DELETE" and answer.status_code == 404:
            return {}
        expected = {"POST": 201, "DELETE": 204}.get(method, 200)
        raise OpenStackError(
            f"Expected HTTP response code [{expected}] when accessing [{method} {answer.url}], "
            f"but got {answer.status_code} instead: {answer.text.strip()}"
        )

    async def _send(
        self, method: str, service: str, path: str, body: Object | None, query: dict[str, str] | None
    ) -> httpx.Response:
        if service not in self._endpoints:
            raise OpenStackError(f"the catalog has no service of type {service}")
        url = self._endpoints[service].rstrip("/") + path
        return await self._http.request(method, url, json=body, params=query, headers={"X-Auth-Token": self._token})

    async def _authenticate(self) -> None:
        auth = self._config["auth"]
        url = auth["auth_url"].rstrip("/").removesuffix("/v3") + "/v3/auth/tokens"
        answer = await self._http.post(url, json={"auth": _identity(auth)})
        if answer.is_error:
            raise OpenStackError(f"POST {url}: {answer.status_code} {answer.text.strip()}")
        self._token = answer.headers["X-Subject-Token"]
        region = self._config.get("region_name")
        self._endpoints = {
            service["type"]: endpoint["url"]
            for service in answer.json()["token"]["catalog"]
            for endpoint in service["endpoints"]
            if endpoint["interface"] == "public" and region in (None, endpoint["region"])
        }


def _identity(auth: Object) -> Object:
    if "application_credential_id" in auth:
        credential = {"id": auth["application_credential_id"], "secret": auth["application_credential_secret"]}
        return {"identity": {"methods": ["application_credential"], "application_credential": credential}}
    domain = {new: auth[old] for old, new in _DOMAIN_FIELDS.items() if old in auth}
    user = {"name": auth["username"], "password": auth["password"], "domain": domain}
    project: Object = {"id": auth["project_id"]} if "project_id" in auth else {"name": auth["project_name"]}
    if "name" in project:
        project["domain"] = {new: auth[old] for old, new in _PROJECT_FIELDS.items() if old in auth}
    return {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": project}}
