"""Secrets are taken out of text and values, whatever they stand in."""

from __future__ import annotations

import pytest

from magnumhub.domain.errors import DeadlineError, FailedError, ServiceError
from magnumhub.domain.redaction import is_secret_key, redact, redacted, without_secrets


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


def test_an_error_leaves_without_secrets() -> None:
    with pytest.raises(DeadlineError) as caught, without_secrets(["s3cr3t", "t0k3n"]):
        raise DeadlineError("hub-1 ended:\n    Bad token s3cr3t", "look for t0k3n")
    assert str(caught.value) == "hub-1 ended:\n    Bad token ***\n  -> look for ***"
    assert caught.value.args == ("hub-1 ended:\n    Bad token ***",)


def test_neither_do_the_errors_behind_it() -> None:
    with pytest.raises(FailedError) as caught, without_secrets(["s3cr3t"]):
        try:
            raise ValueError("the body was s3cr3t")
        except ValueError as error:
            raise FailedError("it failed") from error
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    with pytest.raises(FailedError) as caught, without_secrets(["s3cr3t"]):
        raise FailedError("it failed") from ValueError("harmless")
    assert str(caught.value.__cause__) == "harmless"


def test_an_error_of_a_library_is_told_in_other_words() -> None:
    with pytest.raises(ServiceError, match=r"KeyError: '\*\*\*'"), without_secrets(["s3cr3t"]):
        raise KeyError("s3cr3t")
    with pytest.raises(KeyError), without_secrets(["s3cr3t"]):
        raise KeyError("name")


def test_progress_is_told_without_secrets() -> None:
    told: list[str] = []
    redacted(told.append, ["s3cr3t"])("hub-1: login with s3cr3t")
    assert told == ["hub-1: login with ***"]
