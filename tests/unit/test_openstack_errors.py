from __future__ import annotations

import json

import keystoneauth1.exceptions as keystone_errors
import magnumclient.exceptions as magnum_errors
import openstack.exceptions as sdk_errors
import pytest
import requests

from magnumhub.domain.errors import (
    AuthenticationError,
    MagnumhubError,
    NotOursError,
    RefusedError,
    ServiceError,
    TransientError,
)
from magnumhub.openstack.cloud import error_for, translated

NETWORK_URL = "http://neutron/v2.0/floatingips"


def answer(status: int, body: object) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.headers["Content-Type"] = "application/json"
    response._content = json.dumps(body).encode()
    response.request = requests.Request("POST", NETWORK_URL).prepare()
    return response


def neutron(status: int, message: str) -> Exception:
    response = answer(status, {"NeutronError": {"type": "Some", "message": message, "detail": ""}})
    with pytest.raises(sdk_errors.HttpException) as caught:
        sdk_errors.raise_from_response(response)
    return caught.value


def magnum(status: int, detail: str) -> Exception:
    return magnum_errors.from_response(answer(status, {}), detail.split(". ")[0], detail, "POST", "/clusters")


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (neutron(409, "Quota exceeded for resources: ['floatingip']."), RefusedError, "Quota exceeded"),
        (neutron(404, "Network x could not be found."), RefusedError, "Network x could not be found. (HTTP 404)"),
        (neutron(403, "rule:create_floatingip is disallowed by policy"), AuthenticationError, "disallowed by policy"),
        (neutron(503, "busy"), TransientError, "busy (HTTP 503)"),
        (magnum(403, "Resource limit exceeded: You have reached the maximum"), RefusedError, "maximum (HTTP 403)"),
        (magnum(404, "Unable to find keypair nope."), RefusedError, "Unable to find keypair nope."),
        (magnum(400, "Invalid input. Value: '0'. Must be 1"), RefusedError, "Value: '0'. Must be 1"),
        (magnum(400, "Invalid input for field/attribute master_count. Value: 'None'"), TransientError, "master_count"),
        (magnum(404, "A key pair None could not be found."), TransientError, "A key pair None"),
        (keystone_errors.Unauthorized("requires authentication"), AuthenticationError, "requires authentication"),
        (keystone_errors.ConnectFailure("Unable to establish connection to http://x"), TransientError, "http://x"),
        (keystone_errors.ConnectTimeout("Request to http://x timed out"), TransientError, "timed out"),
        (keystone_errors.SSLError("certificate verify failed"), RefusedError, "certificate verify failed"),
        (sdk_errors.SDKException("something odd"), ServiceError, "something odd"),
    ],
)
def test_each_librarys_error_becomes_ours(error: Exception, kind: type[MagnumhubError], says: str) -> None:
    ours = error_for("doing it", error)
    assert type(ours) is kind
    assert ours.message.startswith("doing it: ")
    assert says in ours.message


def test_a_bad_password_is_seen_through_the_generic_error_that_the_sdk_makes_of_it() -> None:
    try:
        try:
            raise keystone_errors.Unauthorized("The request you have made requires authentication.")
        except keystone_errors.ClientException as inner:
            raise sdk_errors.SDKException(str(inner))  # noqa: B904 - as openstacksdk does
    except sdk_errors.SDKException as outer:
        assert type(error_for("listing", outer)) is AuthenticationError


def test_a_refusal_carries_the_callers_remedy() -> None:
    with pytest.raises(RefusedError) as caught, translated("allocating", hint="release some"):
        raise neutron(409, "Quota exceeded for resources: ['floatingip'].")
    assert caught.value.hint == "release some"
    assert isinstance(caught.value.__cause__, sdk_errors.ConflictException)


def test_our_own_errors_pass_unchanged() -> None:
    mine = NotOursError("not ours", "leave it")
    with pytest.raises(NotOursError) as caught, translated("doing it"):
        raise mine
    assert caught.value is mine
