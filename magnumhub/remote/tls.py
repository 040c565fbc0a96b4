"""The certificates that services really show, read without believing them: an expired one is what is looked for."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from cryptography import x509

from magnumhub.domain.checks.expiry import Expiry, What
from magnumhub.domain.spec import Site
from magnumhub.remote.session import Reached


def observe_api_certificate(there: Reached, *, timeout_s: float) -> Expiry:
    """When the certificate ends that the Kubernetes API shows, through the tunnel where there is one.

    Safe to repeat: a handshake and nothing more. Works when the certificate has ended: opening the way asks the API
    nothing, and this does not verify. Never raises: what does not answer is unknown, with the reason.

    Args:
        timeout_s: longest wait for connecting, and for each answer of the handshake, in seconds.
    """
    return _observe("kubernetes_api", there.credentials.server, there.access.api_server, timeout_s)


def observe_hub_certificate(site: Site, hub_url: str, *, timeout_s: float) -> Expiry | None:
    """When the certificate ends that users of the hub meet, whoever ends https for it; None where the hub has none.

    Safe to repeat: a handshake and nothing more. Never raises: what does not answer is unknown, with the reason.

    Args:
        hub_url: as users type it.
        timeout_s: longest wait for connecting, and for each answer of the handshake, in seconds.
    """
    if site.jupyterhub.https.kind == "off":
        return None
    return _observe("hub", hub_url, hub_url, timeout_s)


def _observe(what: What, url: str, name: str, timeout_s: float) -> Expiry:
    name = f"at {urlsplit(name).netloc}"
    try:
        certificate = x509.load_der_x509_certificate(_shown(url, timeout_s))
    except (OSError, ValueError) as error:
        return Expiry(what=what, name=name, unknown=str(error) or type(error).__name__)
    return Expiry(
        what=what, name=name, begins_at=certificate.not_valid_before_utc, ends_at=certificate.not_valid_after_utc
    )


def _shown(url: str, timeout_s: float) -> bytes:
    """The server's own certificate, as DER.

    Raises:
        OSError: no connection, or no TLS there.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, parts.port or 443), timeout_s) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
    if shown is None:
        raise OSError("no certificate was shown")
    return shown
