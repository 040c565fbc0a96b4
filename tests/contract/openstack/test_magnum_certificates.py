"""A cluster's authority and what it signs: certificates are compared by what is in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.contract.openstack.cloud import Answer, Told
from tests.contract.openstack.magnum_side import UNKNOWN, Built, Magnum, error

CERTIFICATES = "/v1/certificates"


@pytest.fixture
def names(magnum_names: dict[str, str]) -> dict[str, str]:
    return magnum_names


@pytest.fixture
def authority(magnum: Magnum, built: Built) -> x509.Certificate:
    magnum.complete(built.full)
    answer = magnum.project.call("magnum", "GET", f"{CERTIFICATES}/{built.full}")
    return x509.load_pem_x509_certificate(answer.body["pem"].encode())


def comparable(body: Any) -> Any:
    """The certificate's content in the place of its PEM text, the request left out."""
    if "pem" not in body:
        return body
    return {**body, "pem": content(x509.load_pem_x509_certificate(body["pem"].encode())), "csr": "csr" in body}


def content(certificate: x509.Certificate) -> dict[str, Any]:
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "days": lifetime.days,
        "signed with": certificate.signature_algorithm_oid._name,
        "extensions": {extension.oid._name: _extension(extension) for extension in certificate.extensions},
    }


def _extension(extension: x509.Extension[Any]) -> list[Any]:
    value = "<key>" if isinstance(extension.value, x509.SubjectKeyIdentifier) else str(extension.value)
    return [extension.critical, value]


def csr(*extensions: tuple[x509.ExtensionType, bool]) -> str:
    """A request as magnumhub makes it for an administrator, with extensions besides."""
    subject = [
        x509.NameAttribute(NameOID.COMMON_NAME, "admin"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"),
    ]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def sign(told: Told, uuid: str, request: str) -> Answer:
    body = {"cluster_uuid": uuid, "csr": request}
    answer = told.project.call("magnum", "POST", CERTIFICATES, body)
    told.tell("magnum", f"POST {CERTIFICATES}", answer, comparable)
    return answer


def test_authority(told: Told, magnum: Magnum, built: Built) -> None:
    magnum.complete(built.full)
    answer = told.call("magnum", "GET", f"{CERTIFICATES}/{built.full}", comparable=comparable)
    authority = x509.load_pem_x509_certificate(answer.body["pem"].encode())
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert authority.not_valid_before_utc < datetime.now(UTC) - timedelta(hours=23)
    authority.verify_directly_issued_by(authority)
    by_name = magnum.project.call("magnum", "GET", f"{CERTIFICATES}/contract-full")
    assert by_name.body == answer.body


def test_signed(told: Told, built: Built, authority: x509.Certificate) -> None:
    answer = sign(told, built.full, csr())
    assert answer.status == 201
    signed = x509.load_pem_x509_certificate(answer.body["pem"].encode())
    signed.verify_directly_issued_by(authority)
    assert signed.subject.rfc4514_string() == "O=system:masters,CN=admin"
    with pytest.raises(x509.ExtensionNotFound):
        signed.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert timedelta(days=1800) < signed.not_valid_after_utc - datetime.now(UTC) < timedelta(days=1830)


def test_extensions_are_kept(told: Told, built: Built, authority: x509.Certificate) -> None:
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    names = x509.SubjectAlternativeName([x509.DNSName("contract.example.org")])
    answer = sign(told, built.full, csr((usage, False), (names, False)))
    assert answer.status == 201
    signed = x509.load_pem_x509_certificate(answer.body["pem"].encode())
    assert signed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value == usage
    assert signed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == names


def test_no_request(told: Told, built: Built, authority: x509.Certificate) -> None:
    answer = sign(told, built.full, "contract-none")
    assert (answer.status, error(answer)) == (400, "Received invalid csr b'contract-none'.")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"cluster_uuid": UNKNOWN, "csr": "x"}, 400),
        ({"cluster_uuid": "contract-none", "csr": "x"}, 400),
        ({}, 404),
        (None, 400),
    ],
    ids=["uuid", "name", "empty", "none"],
)
def test_of_no_cluster(told: Told, body: Any, status: int) -> None:
    assert told.call("magnum", "POST", CERTIFICATES, body).status == status
