"""A private key from its text, as a form or a block holds it: read in memory, so that no file of it is ever written."""

from __future__ import annotations

import io
import re
from typing import Any

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from magnumhub.domain.errors import RefusedError

_KINDS: tuple[tuple[type, type[paramiko.PKey]], ...] = (
    (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
    (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
    (rsa.RSAPrivateKey, paramiko.RSAKey),
)
_PEM = re.compile(r"(-----BEGIN (?P<kind>[A-Z ]*PRIVATE KEY)-----)(?P<body>.*?)(-----END (?P=kind)-----)", re.DOTALL)
_PUBLIC = re.compile(r"\s*(?:ssh-|ecdsa-|sk-|-----BEGIN [A-Z ]*PUBLIC KEY)")


def private_key(text: str, passphrase: str = "") -> paramiko.PKey:
    """The key that ssh logs in with.

    Args:
        text: as ssh-keygen, OpenSSL or Nova write it. Line breaks may be spaces: a one-line field makes them so.
        passphrase: empty where the key has none.

    Raises:
        RefusedError: it is no private key, or the passphrase is missing or wrong. Nothing of either is in the message.
    """
    found = _PEM.search(text)
    if found is None:
        what = "a public key" if _PUBLIC.match(text) else "not a private key"
        hint = "give the whole text, from -----BEGIN … PRIVATE KEY----- to -----END …-----"
        raise RefusedError(f"it is {what}", hint)
    # Only a body with headers of its own, as OpenSSL's oldest format has them, says something by its line breaks.
    pem = found[0] if ":" in found["body"] else "\n".join([found[1], *found["body"].split(), found[4], ""])
    load = serialization.load_ssh_private_key if "OPENSSH" in found["kind"] else serialization.load_pem_private_key
    try:
        key = load(pem.encode(), passphrase.encode() or None)
    except TypeError as error:  # how the library says that a passphrase is missing, or is one too many
        if passphrase:
            raise RefusedError("it has no passphrase, and one is given", "leave the passphrase empty") from error
        raise RefusedError("it is encrypted, and its passphrase is missing", "give the passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise RefusedError(*_unreadable(passphrase)) from error
    return _for_ssh(key)


def _unreadable(passphrase: str) -> tuple[str, str]:
    if passphrase:
        return "the passphrase does not open it, or it is damaged", "give the key's own passphrase and its whole text"
    return "it is damaged, or of a kind that is not known here", "give the whole text of an RSA, ECDSA or Ed25519 key"


def _for_ssh(key: Any) -> paramiko.PKey:
    """The same key for ssh's library, which reads only one format for every kind of key."""
    kind = next((ours for theirs, ours in _KINDS if isinstance(key, theirs)), None)
    if kind is None:
        raise RefusedError("it is of a kind that ssh does not use", "give an RSA, ECDSA or Ed25519 key")
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return kind.from_private_key(io.StringIO(plain.decode()))
