"""Private keys from text: every form in which they are handed out, and what is said of what is none."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from magnumhub.domain.errors import RefusedError
from magnumhub.remote.ssh_key import private_key

ED25519 = ed25519.Ed25519PrivateKey.generate()
KEYS = {
    "ssh-ed25519": ED25519,
    "ecdsa-sha2-nistp256": ec.generate_private_key(ec.SECP256R1()),
    "ssh-rsa": rsa.generate_private_key(65537, 2048),
}
OPENSSH, PKCS8 = serialization.PrivateFormat.OpenSSH, serialization.PrivateFormat.PKCS8


def written(key: object, form: serialization.PrivateFormat = OPENSSH, passphrase: str = "") -> str:
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, lock).decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize("passphrase", ["", "open sesame"])
@pytest.mark.parametrize("form", [OPENSSH, PKCS8])
@pytest.mark.parametrize("kind", KEYS)
def test_every_form_of_every_kind_is_read(kind: str, form: serialization.PrivateFormat, passphrase: str) -> None:
    text = written(KEYS[kind], form, passphrase)
    public = KEYS[kind].public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    for given in (text, text.replace("\n", " "), text.replace("\n", "\r\n"), f"  {text}\n"):
        key = private_key(given, passphrase)
        assert f"{key.get_name()} {key.get_base64()}" == public.decode()


def test_openssls_oldest_form_has_headers() -> None:
    lock = serialization.BestAvailableEncryption(b"open sesame")
    form = serialization.PrivateFormat.TraditionalOpenSSL
    text = KEYS["ssh-rsa"].private_bytes(serialization.Encoding.PEM, form, lock).decode()
    assert "DEK-Info:" in text
    assert private_key(text, "open sesame").get_name() == "ssh-rsa"


@pytest.mark.parametrize(
    ("text", "passphrase", "said"),
    [
        ("", "", "it is not a private key"),
        ("ssh-ed25519 AAAAC3Nz me@here", "", "it is a public key"),
        (written(ED25519, passphrase="open sesame"), "", "encrypted, and its passphrase is missing"),
        (written(ED25519, PKCS8, "open sesame"), "", "encrypted, and its passphrase is missing"),
        (written(ED25519, passphrase="open sesame"), "s3cret", "the passphrase does not open it"),
        (written(ED25519), "s3cret", "it has no passphrase, and one is given"),
        (written(ED25519)[:80] + written(ED25519)[90:], "", "it is damaged"),
        (written(x25519.X25519PrivateKey.generate(), PKCS8), "", "of a kind that ssh does not use"),
    ],
)
def test_what_cannot_be_used_is_said(text: str, passphrase: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as error:
        private_key(text, passphrase)
    assert "s3cret" not in str(error.value)
    assert error.value.hint
