"""When what the cloud gave us ends: the cluster's authority, and the credential that we come with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from magnumclient.v1.client import Client as MagnumClient
from openstack.connection import Connection

from magnumhub.domain.checks.expiry import Expiry
from magnumhub.domain.errors import RefusedError
from magnumhub.openstack.cloud import translated
from magnumhub.openstack.survey import own_token


def observe_cluster_ca(magnum: MagnumClient, cluster_uuid: str) -> Expiry:
    """When the authority of a cluster ends, which signed all its certificates.

    Safe to repeat: reads only.

    Raises:
        TransientError: Magnum does not answer, or has no certificates for the cluster yet.
        RefusedError: Magnum does not show it.
    """
    with translated(f"reading the certificate authority of cluster {cluster_uuid}"):
        pem = magnum.certificates.get(cluster_uuid).pem
    authority = x509.load_pem_x509_certificate(pem.encode())
    return Expiry(what="cluster_ca", begins_at=authority.not_valid_before_utc, ends_at=authority.not_valid_after_utc)


def observe_credential(conn: Connection) -> Expiry:
    """When the credential ends that the site's cloud is asked with; one that has ended lets nobody in.

    Safe to repeat: reads only.

    Raises:
        AuthenticationError: Keystone does not accept it any more.
        TransientError: Keystone does not answer.
    """
    with translated("reading what the credential is"):
        token = own_token(conn)
    user = token["user"]
    if "application_credential" in token:
        return _application_credential(conn, user["id"], token["application_credential"])
    # A token made from another one keeps that one's end, and names both methods.
    if "token" in token["methods"]:
        return Expiry(what="token", ends_at=moment_of(token["expires_at"]))
    # Keystone tells it where the cloud has an age for passwords; None where it has none.
    return Expiry(what="password", name=user["name"], ends_at=moment_of(user.get("password_expires_at")))


def moment_of(stamp: str | None) -> datetime | None:
    """A time as Keystone writes it: UTC, with a Z in tokens and without one in credentials."""
    if stamp is None:
        return None
    moment = datetime.fromisoformat(stamp)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _application_credential(conn: Connection, user_id: str, told: Mapping[str, Any]) -> Expiry:
    """Keystone shows it to its owner, unless its access rules forbid to ask."""
    name = str(told["name"])
    try:
        with translated(f"looking at the application credential {name}"):
            answer = conn.identity.get(f"/users/{user_id}/application_credentials/{told['id']}")
            answer.raise_for_status()
    except RefusedError as error:
        return Expiry(what="application_credential", name=name, unknown=error.message)
    ends_at = moment_of(answer.json()["application_credential"]["expires_at"])
    return Expiry(what="application_credential", name=name, ends_at=ends_at)
