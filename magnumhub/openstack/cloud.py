"""The one door to a cloud: a session, the clients on it, and every library's errors turned into ours.

Three libraries speak to OpenStack here (keystoneauth1, openstacksdk, python-magnumclient), each with its own
exceptions, and the reason a service gave is often only in the reply's body. Nobody above this module needs to know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import keystoneauth1.exceptions as keystone_errors
import magnumclient.exceptions as magnum_errors
import openstack.exceptions as sdk_errors
import requests
from magnumclient.v1.client import Client as MagnumClient
from openstack import config as sdk_config
from openstack.connection import Connection
from openstack.proxy import Proxy

from magnumhub.domain.errors import AuthenticationError, MagnumhubError, RefusedError, ServiceError, TransientError

T = TypeVar("T")

MAGNUM_MICROVERSION = "1.6"
"""Asynchronous creation (1.2), statistics (1.4) and quotas (1.6), and no later: from 1.10 a node_count of 0 is taken.

Source: Magnum's REST API version history; `latest`, the client's default, would change with the cloud.
"""

_BUSY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})

# Words of answers that turn into good ones by themselves within a second (measured on Magnum 23): a cluster whose row
# is written before its node groups, and a cluster whose certificates are not made yet.
_NOT_READY_YET = ("Invalid input for field/attribute master_count", "A key pair None could not be found")

_USED_UP = re.compile("quota|limit exceeded", re.IGNORECASE)  # Neutron and Nova; Magnum

_WORDS_LIMIT = 500  # a proxy answers with whole pages

_NO_ANSWER = (keystone_errors.ConnectionError, requests.ConnectionError, requests.Timeout)

_CREDENTIAL_HINT = (
    "check that entry's auth_url, user, password or application credential, project and domains"
    " (OS_CLIENT_CONFIG_FILE says which clouds.yaml is read)"
)
_BLOCK_HINT = (
    "correct the block in Prefect's UI: its Auth URL, user and password or application credential, project and domains"
)


@dataclass(frozen=True)
class Answer:
    """What a service said: HTTP status (None = no HTTP answer) and its own words."""

    status: int | None
    words: str


def connect(cloud: str | Mapping[str, Any], *, where: str = "", timeout_s: float) -> Connection:
    """Open a session with a cloud and authenticate at once.

    Safe to repeat: only a token is made; it renews itself when it expires.

    Args:
        cloud: the name of an entry in clouds.yaml (OS_CLIENT_CONFIG_FILE is honoured), or such an entry itself
            (auth_type, auth, region_name, …), as a block hands it over.
        where: the entry is, when it is given itself: block:NAME.
        timeout_s: limit of every single request, in seconds.

    Raises:
        AuthenticationError: the entry is unknown, incomplete or not accepted; the hint says where to look.
        TransientError: Keystone does not answer.
    """
    named = isinstance(cloud, str)
    chosen: Mapping[str, Any] = {"cloud": cloud} if isinstance(cloud, str) else cloud
    doing = f"logging in to cloud {where or chosen.get('cloud', '')!r}"
    if not named:
        doing += f" at {chosen.get('auth', {}).get('auth_url')}"
    try:
        # A block's entry is complete; the machine's own files and OS_* variables must not mix into it.
        loader = sdk_config.OpenStackConfig(load_yaml_config=named, load_envvars=named, app_name="magnumhub")
        conn = Connection(config=loader.get_one(**{**chosen, "api_timeout": timeout_s}))
        conn.session.get_token()
    except Exception as error:  # an incomplete entry raises a bare Exception in keystoneauth
        ours = error_for(doing, error)
        if ours.hint and ours.hint != _CREDENTIAL_HINT:
            raise ours from error
        raise AuthenticationError(ours.message, _CREDENTIAL_HINT if named else _BLOCK_HINT) from error
    return conn


def close(conn: Connection) -> None:
    """End a session, and let go of it.

    Safe to repeat.

    openstacksdk remembers of 256 requests how it called them, and with each the whole connection: a worker that lives
    for months would hold hundreds. Measured with 4.22: 0.05 MiB each.
    """
    conn.close()
    Proxy._extract_name.cache_clear()


def magnum_client(conn: Connection, *, microversion: str = MAGNUM_MICROVERSION) -> MagnumClient:
    """Give Magnum's own client on the same session, so that it re-authenticates by itself.

    Safe to repeat: nothing is asked of Magnum.

    Args:
        microversion: for calls that came later than what everything else needs.

    Raises:
        RefusedError: the cloud's catalog has no Magnum.
    """
    try:
        return MagnumClient(
            session=conn.session,
            region_name=conn.config.get_region_name("container-infra"),
            interface=conn.config.get_interface("container-infra"),
            endpoint_override=conn.config.get_endpoint("container-infra"),
            api_version=microversion,
        )
    except RuntimeError as error:  # how the client says that the catalog lacks it
        raise RefusedError(
            f"this cloud's catalog has no Magnum: {error}",
            "ask the cloud's support whether Magnum is offered, and check region_name in clouds.yaml",
        ) from error


def refuse_other_project(conn: Connection, project: str) -> None:
    """Stop unless the credentials belong to the site's project (its name or id).

    Safe to repeat: it only reads the token.

    Raises:
        RefusedError: another project; a site never works in two.
    """
    access = conn.session.auth.get_access(conn.session)
    if project not in (access.project_name, access.project_id):
        raise RefusedError(
            f"the credentials are for project {access.project_name!r}, the site is for {project!r}",
            "set project_name in clouds.yaml, or make the application credential in that project",
        )


@contextmanager
def translated(doing: str, *, hint: str = "") -> Iterator[None]:
    """Turn any error of the client libraries into one of ours.

    Args:
        doing: what was being done, the start of the message.
        hint: what to do when the service refuses; empty = a general one by kind.
    """
    try:
        yield
    except MagnumhubError:
        raise
    except (
        keystone_errors.ClientException,
        sdk_errors.SDKException,
        magnum_errors.ClientException,
        requests.RequestException,
    ) as error:
        raise error_for(doing, error, hint) from error


def looked_at(what: str, look: Callable[[], T], unseen: dict[str, str]) -> T | None:
    """What was seen; None where the cloud refuses to show it, and then `unseen` says why: the rest is looked at still.

    Raises:
        TransientError: the service does not answer.
    """
    try:
        with translated(f"looking at {what}"):
            return look()
    except MagnumhubError as error:
        if error.transient:
            raise
        unseen[what] = error.message
        return None


def error_for(doing: str, error: Exception, hint: str = "") -> MagnumhubError:
    """Judge a library's error: whose fault, and whether asking again helps."""
    answer = answer_of(error)
    message = f"{doing}: {answer.words}" + (f" (HTTP {answer.status})" if answer.status else "")
    match answer.status:
        case None:
            return _without_answer(message, error, hint)
        case 401:
            return AuthenticationError(message, _CREDENTIAL_HINT)
        case status if status in _BUSY_STATUS or any(words in answer.words for words in _NOT_READY_YET):
            return TransientError(message, "the service is busy; try again in a minute")
        case 403 | 409 | 413 if _USED_UP.search(answer.words):
            return RefusedError(message, hint or "free something in the project or ask the cloud for a higher quota")
        case 403:
            return AuthenticationError(message, hint or "the credentials may not do this; ask for the role it needs")
        case _:
            return RefusedError(message, hint)


def answer_of(error: BaseException) -> Answer:
    """Find what the service itself said in a library's error: the detail is often only in the body."""
    status = getattr(error, "status_code", None) or getattr(error, "http_status", None)
    response = getattr(error, "response", None)
    if status is None and response is not None:
        status = response.status_code
    details = getattr(error, "details", None)
    # magnumclient puts the detail here and overwrites its response's json()
    words = (details if isinstance(details, str) else "") or _words_of_body(response) or str(error)
    if status is None and isinstance(error.__context__, keystone_errors.HttpError):
        # openstacksdk wraps Keystone's own error in a bare SDKException
        return answer_of(error.__context__)
    return Answer(status, " ".join(words.split())[:_WORDS_LIMIT])


def _words_of_body(response: Any) -> str:
    try:
        body = response.json()
    except (AttributeError, ValueError):
        return ""
    if not isinstance(body, dict):
        return ""
    for value in body.values():  # Keystone, Nova, Neutron: one key naming the error
        if isinstance(value, dict) and value.get("message"):
            return str(value["message"])
    return str(body.get("faultstring") or "")  # Octavia


def _without_answer(message: str, error: BaseException, hint: str) -> MagnumhubError:
    chain = list(_causes(error))
    if any(isinstance(cause, keystone_errors.SSLError) for cause in chain):
        return RefusedError(message, "set cacert in clouds.yaml to the cloud's CA, or correct the address")
    if any(isinstance(cause, _NO_ANSWER) for cause in chain):
        # The libraries nest three of each other's texts; the outermost names the address, the innermost the reason.
        message = f"{re.split(r': (?:HTTP|[(])', message)[0]}: {chain[-1]}"
        return TransientError(message, "no answer from the service: check the network and the address it is asked at")
    return ServiceError(message, hint)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
