"""Whose credential a connection was opened with, and what it may do there."""

from __future__ import annotations

from datetime import UTC, datetime

from magnumclient.v1.client import Client as MagnumClient
from openstack.connection import Connection as Cloud

from magnumhub.domain.connection import Connection, judge_connection
from magnumhub.openstack.cloud import translated
from magnumhub.openstack.expiry import observe_credential
from magnumhub.openstack.survey import survey


def look_at_connection(conn: Cloud, magnum: MagnumClient, *, name: str) -> Connection:
    """Ask the cloud who we are, until when, what it offers and how much of it is free, and judge that.

    Safe to repeat: reads only.

    Args:
        name: of the credential, as a site's `cloud` says it.

    Raises:
        TransientError: a service that every site needs does not answer.
        AuthenticationError: the credential is not accepted any more.
    """
    facts = survey(conn, magnum, cluster_name="")
    ends = observe_credential(conn)
    with translated("reading whose the credential is"):
        access = conn.session.auth.get_access(conn.session)
        auth_url = conn.config.get_auth_args()["auth_url"]
    seen = Connection(
        name=name, auth_url=auth_url, user=access.username, domain=access.user_domain_name or "", ends=ends, facts=facts
    )
    return judge_connection(seen, now=datetime.now(UTC))
