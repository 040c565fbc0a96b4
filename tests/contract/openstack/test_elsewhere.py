"""What the services have not: other paths, other methods, HEAD; and who is told so without a token."""

from __future__ import annotations

import pytest

from tests.contract import claims
from tests.contract.openstack.cloud import TYPES, Told
from tests.contract.openstack.comparable import by_type
from tests.contract.openstack.network import SOMETHING

NOWHERE = {
    "keystone": ["/contract", "/v3/contract-none"],
    "magnum": ["/contract", "/v1/contract-none", "/v1/contract-none/x"],
    "neutron": ["/contract", "/v2.0/contract-none", "/v2.0/contract-none/x"],
    "nova": ["/contract", "/v2.1/contract-none", f"/v2.1/servers/{SOMETHING}/contract-none"],
    "glance": ["/contract", "/v2/contract-none"],
}
WRONG_METHODS = {
    "keystone": ["PATCH /v3/auth/tokens", "PUT /v3/auth/catalog", "DELETE /v3", "POST /"],
    "magnum": ["PUT /v1/clusters", "POST /v1/stats", "POST /", "POST /v1", "HEAD /", "HEAD /v1/clusters"],
    "neutron": [f"POST /v2.0/networks/{SOMETHING}", "PATCH /v2.0/ports", "POST /", "HEAD /", "HEAD /v2.0/networks"],
    "nova": ["PUT /v2.1/servers", "POST /v2.1/limits", "POST /", "POST /v2.1", "HEAD /v2.1/servers"],
    "glance": ["PUT /v2/images", f"POST /v2/images/{SOMETHING}", "POST /", "HEAD /v2/images"],
}
NEWEST = by_type("version.version", "versions[].version", "versions[].updated")
HEADS = [
    (service.name, path)
    for service in claims.OPENSTACK
    if service.name in TYPES
    for path in sorted(service.heads)
    if "{" not in path
]


@pytest.mark.parametrize("service", TYPES)
@pytest.mark.parametrize("token", [None, ""], ids=["known", "unknown"])
def test_nowhere(told: Told, service: str, token: str | None) -> None:
    for path in NOWHERE[service]:
        answer = told.call(service, "GET", path, token=token, comparable=NEWEST)
        assert answer.status in (300, 401, 404)


@pytest.mark.parametrize("service", TYPES)
@pytest.mark.parametrize("token", [None, ""], ids=["known", "unknown"])
def test_wrong_method(told: Told, service: str, token: str | None) -> None:
    for request in WRONG_METHODS[service]:
        method, path = request.split()
        assert told.call(service, method, path, token=token, comparable=NEWEST).status in (200, 300, 401, 404, 405)


@pytest.mark.parametrize("service", ["neutron", "nova", "glance"])
def test_as_json(told: Told, service: str) -> None:
    """The framework below these three asks what is read."""
    headers = {"Accept": "application/json"}
    method, path = WRONG_METHODS[service][0].split()
    assert told.call(service, "GET", NOWHERE[service][1], headers=headers).body
    assert told.call(service, method, path, headers=headers).body


@pytest.mark.parametrize(("service", "path"), HEADS)
def test_head_is_get_without_a_body(told: Told, service: str, path: str) -> None:
    headers = {"X-Subject-Token": told.project.token} if path == "/v3/auth/tokens" else {}
    got = told.project.call(service, "GET", path, headers=headers)
    head = told.call(service, "HEAD", path, headers=headers)
    assert (head.status, head.body) == (got.status, "")
