"""Secrets are taken out of text and values, whatever they stand in."""

from __future__ import annotations

import pytest

from magnumhub.domain.redaction import is_secret_key, masked, redact


def test_every_secret_goes_the_longest_first() -> None:
    assert redact("token abcd-efgh and abcd", ["abcd", "abcd-efgh"]) == "token *** and ***"


def test_very_short_secrets_are_not_looked_for() -> None:
    assert redact("a banana", ["a", ""]) == "a banana"


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "apiToken",
        "secretToken",
        "client_secret",
        "cookieSecret",
        "API_KEY",
        "CryptKeeperKeys",
        "passphrase",
    ],
)
def test_keys_of_secrets(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "secretName",
        "existingSecret",
        "imagePullSecret",
        "token_url",
        "tokens",
        "automount",
        "keypair",
        "secret_name",
        "",
    ],
)
def test_keys_that_only_speak_of_secrets(key: str) -> None:
    assert not is_secret_key(key)


def test_values_are_shown_without_their_secrets() -> None:
    values = {
        "hub": {"services": {"x": {"apiToken": "abc"}}, "config": {"Dummy": {"password": "p"}}},
        "list": [{"api_token": "abc"}, "keep", "has hidden inside"],
        "where": {"secretToken": {"env": "NAME"}},
        "serviceAccount": {"automountToken": False, "token": None, "count": 3},
    }

    assert masked(values, ["hidden"]) == {
        "hub": {"services": {"x": {"apiToken": "***"}}, "config": {"Dummy": {"password": "***"}}},
        "list": [{"api_token": "***"}, "keep", "has *** inside"],
        "where": {"secretToken": {"env": "NAME"}},
        "serviceAccount": {"automountToken": False, "token": None, "count": 3},
    }
