"""A cluster administrator's client certificate, signed through Magnum with a key that never leaves this process."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from magnumclient.v1.client import Client as MagnumClient

from magnumhub.openstack.cloud import translated


@dataclass(frozen=True)
class ClusterCertificates:
    """PEM texts: the cluster's CA, our certificate, and our key, which must not be written anywhere others can read."""

    ca_pem: str = field(repr=False)
    certificate_pem: str = field(repr=False)
    key_pem: str = field(repr=False)


def issue(magnum: MagnumClient, cluster_uuid: str) -> ClusterCertificates:
    """Have Magnum sign a certificate for `admin` in the group `system:masters`.

    Safe to repeat: every call makes a key of its own; Magnum keeps none of it.

    Raises:
        TransientError: the cluster's CA is not made yet.
    """
    # RSA: Magnum's older signers and the tools on older masters know nothing else.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = [
        x509.NameAttribute(NameOID.COMMON_NAME, "admin"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"),
    ]
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject)).sign(key, hashes.SHA256())
    csr = request.public_bytes(serialization.Encoding.PEM).decode()
    with translated(f"having Magnum sign a certificate for cluster {cluster_uuid}"):
        ca = magnum.certificates.get(cluster_uuid)
        signed = magnum.certificates.create(cluster_uuid=cluster_uuid, csr=csr)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ClusterCertificates(ca_pem=ca.pem, certificate_pem=signed.pem, key_pem=key_pem.decode())
