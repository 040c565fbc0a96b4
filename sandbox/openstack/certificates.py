"""A cluster's certificate authority, as Magnum's x509keypair keeps it.

Valid from yesterday on for five years from today; with a subject key identifier, without an authority's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_LIFETIME = timedelta(days=5 * 365)
_KEPT = (x509.SubjectAlternativeName, x509.ExtendedKeyUsage, x509.KeyUsage, x509.BasicConstraints)


def make_ca(name: str) -> tuple[bytes, bytes]:
    """A new authority as PEM: certificate and private key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    usage = x509.KeyUsage(
        key_cert_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(subject, subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def sign(csr_pem: str, ca_certificate: bytes, ca_key: bytes) -> str:
    """The certificate for a signing request: subject and the usual extensions are kept, as Magnum does.

    Raises:
        ValueError: the request cannot be read.
    """
    request = x509.load_pem_x509_csr(csr_pem.encode())
    authority = x509.load_pem_x509_certificate(ca_certificate)
    key = serialization.load_pem_private_key(ca_key, password=None)
    builder = _builder(request.subject, authority.subject).public_key(request.public_key())
    for extension in request.extensions:
        if isinstance(extension.value, _KEPT):
            builder = builder.add_extension(extension.value, extension.critical)
    identifier = x509.SubjectKeyIdentifier.from_public_key(request.public_key())
    builder = builder.add_extension(identifier, critical=False)
    certificate = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _builder(subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
    )
