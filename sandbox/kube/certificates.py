"""Certificates of one cluster: what its authority signs for the server and for clients."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class Authority:
    """The cluster's certificate authority."""

    def __init__(self, certificate: bytes, key: bytes) -> None:
        self.certificate = certificate
        self._issuer = x509.load_pem_x509_certificate(certificate)
        self._key = serialization.load_pem_private_key(key, None)

    def sign(
        self, name: str, groups: list[str], sans: list[str] | None = None, valid: timedelta = timedelta(days=365)
    ) -> tuple[bytes, bytes]:
        """Certificate and key in PEM: of a server when `sans` are given, else of a client (CN = user, O = groups).

        It is valid from five minutes ago; with a negative `valid` it ended that long ago.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if sans is None else ExtendedKeyUsageOID.SERVER_AUTH
        now = datetime.now(UTC)
        start = now - timedelta(minutes=5) + min(valid, timedelta()) * 2
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(now + valid)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            # Python 3.13 refuses certificates that do not say whose key signed them.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._issuer.public_key()), critical=False
            )
        )
        if sans:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(san) for san in sans]), critical=False
            )
        certificate = builder.sign(self._key, hashes.SHA256())
        encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return certificate.public_bytes(encoding), key.private_bytes(encoding, kind, serialization.NoEncryption())

    def server_context(self, sans: list[str]) -> ssl.SSLContext:
        """TLS of the API: a client may show a certificate, and then this authority must have signed it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=self.certificate.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
        # Certificates that Magnum signs lack the authority key identifier, which Python 3.13 asks for by default.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self.renew_server(context, sans)
        return context

    def renew_server(self, context: ssl.SSLContext, sans: list[str], valid: timedelta = timedelta(days=365)) -> None:
        """Give the API another certificate; connections that are open keep the one they know."""
        _load(context, *self.sign("kube-apiserver", [], sans, valid))

    def kubelet_context(self) -> ssl.SSLContext:
        """TLS towards nodes: shows who asks; as in a real API server's default, a node's certificate is not checked."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        _load(context, *self.sign("kube-apiserver-kubelet-client", ["system:masters"]))
        return context

    def kubeconfig(self, cluster: str, server: str, user: str, groups: list[str]) -> str:
        """A kubeconfig with a client certificate for this user."""
        certificate, key = self.sign(user, groups)
        reached = {"server": server, "certificate-authority-data": _base64(self.certificate)}
        shown = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": cluster, "cluster": reached}],
            "users": [{"name": user, "user": shown}],
            "contexts": [{"name": "default", "context": {"cluster": cluster, "user": user}}],
            "current-context": "default",
        }
        return yaml.safe_dump(document, sort_keys=False)


def _general_name(san: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(san))
    return x509.DNSName(san)


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Give a context its certificate; the ssl module reads it from a file only."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pair.pem"
        file.write_bytes(certificate + key)
        context.load_cert_chain(file)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
