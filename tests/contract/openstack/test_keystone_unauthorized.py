"""Without a token no service tells anything: every route of the sandbox's tables, on both sides."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sandbox.openstack.service import ELSEWHERE, Service, answers
from tests.contract.claims import OPENSTACK
from tests.contract.openstack.cloud import TYPES, Told
from tests.contract.openstack.test_keystone import wanted_trust

KNOWN = [service for service in OPENSTACK if service.name in TYPES]
SOMETHING = "7d1a3b3e-0000-4000-8000-000000000000"


@pytest.mark.parametrize("service", KNOWN, ids=[service.name for service in KNOWN])
def test_without_a_token(told: Told, service: Service) -> None:
    elsewhere = ("POST /v3/auth/tokens", ELSEWHERE)  # tested at their own places
    routes = [route for route, status in answers(service) if status == 401 and route not in elsewhere]
    refusals = set()
    for route in routes:
        method, path = route.split()
        # Keystone looks at the shape of these first.
        body: Any = (
            wanted_trust(SOMETHING, SOMETHING) if "trusts" in route else {"application_credential": {"name": "x"}}
        )
        body = body if method in ("POST", "PUT", "PATCH") else None
        path = re.sub(r"\{[a-z_]+\}", SOMETHING, path)
        answer = told.project.call(service.name, method, path, body, token="")
        assert (route, answer.status) == (route, 401)
        assert answer.headers["www-authenticate"].startswith('Keystone uri="')
        refusals.add(json.dumps(answer.body, sort_keys=True))
    assert len(refusals) == 1
    first = next(route.split()[1] for route in routes if route.startswith("GET") and "{" not in route)
    assert told.call(service.name, "GET", first, token="").status == 401
