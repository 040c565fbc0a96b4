"""What Kubernetes' refusals become: our errors, with the words of the API's Status object kept.

Adapters wrap every call in `translated`, so that nobody above them needs to know the client library.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from kubernetes.client.exceptions import ApiException

from magnumhub.domain.errors import AuthenticationError, MagnumhubError, RefusedError, ServiceError, TransientError

_BUSY = frozenset({408, 429, 500, 502, 503, 504})


class NotFoundError(ServiceError):
    """The API has no object of that kind, namespace and name."""


class ConflictError(TransientError):
    """Somebody else made or changed the object in between; look again, then decide again."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the client library's errors into ours.

    Args:
        doing: what is being done and to what, as in "reading Service jhub/hub".
    """
    try:
        yield
    except ApiException as error:
        raise _from_status(doing, error) from error
    except urllib3.exceptions.HTTPError as error:
        raise _from_transport(doing, error) from error


def _from_status(doing: str, error: ApiException) -> MagnumhubError:
    message = f"{doing}: Kubernetes said {error.status}: {_status_message(error)}"
    if error.status == 401:
        return AuthenticationError(message, "the cluster's client certificate is not accepted; was its CA rotated?")
    if error.status == 403:
        return RefusedError(message, "give the cluster's credentials the right to do this")
    if error.status == 404:
        return NotFoundError(message)
    if error.status == 409:
        return ConflictError(message)
    if error.status in _BUSY:
        return TransientError(message, "the Kubernetes API is busy or restarting; run again")
    if not error.status:
        return _from_transport(doing, error)
    return ServiceError(message)


def _from_transport(doing: str, error: Exception) -> MagnumhubError:
    reason = str(getattr(error, "reason", None) or error)
    message = f"{doing}: no answer from the Kubernetes API: {reason}"
    if "CERTIFICATE_VERIFY_FAILED" in reason or "doesn't match" in reason:
        return RefusedError(message, "the API's certificate is not the cluster's: something else answers there")
    return TransientError(message, "is the API's address reachable from this machine (firewall, VPN)?")


def _status_message(error: ApiException) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason or error.body or "no reason given").strip()
