"""What a plan tells of a chart's values."""

from __future__ import annotations

import pytest

from magnumhub.domain.value_changes import content_digest, value_changes

BEFORE = {"proxy": {"service": {"loadBalancerIP": "192.0.2.1"}}, "hub": {"services": {"x": {"apiToken": "abcdef"}}}}


def test_each_value_that_differs_has_a_line() -> None:
    after = {"proxy": {"service": {"loadBalancerIP": "192.0.2.9"}}, "hub": BEFORE["hub"], "cull": {"every": 60.0}}
    assert value_changes(BEFORE, after, secrets=()) == (
        'cull: (none) -> {"every":60}',
        'proxy.service.loadBalancerIP: "192.0.2.1" -> "192.0.2.9"',
    )


def test_what_helm_would_render_the_same_is_no_change() -> None:
    assert value_changes({"a": 1, "b": [1.0]}, {"b": [1], "a": 1.0}, secrets=()) == ()


def test_secrets_are_masked_under_their_keys_and_wherever_they_stand() -> None:
    after = {
        "proxy": BEFORE["proxy"],
        "hub": {
            "services": {"x": {"apiToken": "012345"}},
            "extraEnv": {"NOTE": "it is hunter22", "new": {"password": "p"}},
        },
    }
    lines = value_changes(BEFORE, after, secrets=["hunter22"])
    assert lines == (
        'hub.extraEnv: (none) -> {"NOTE":"it is ***","new":{"password":"***"}}',
        "hub.services.x.apiToken: *** -> ***",
    )


def test_the_digest_tells_versions_and_values_apart() -> None:
    digest = content_digest("4.4.0", {"a": 1})
    assert digest == content_digest("4.4.0", {"a": 1.0})
    assert digest not in (content_digest("4.1.0", {"a": 1}), content_digest("4.4.0", {"a": 2}))


def test_what_a_secret_was_before_is_one_too() -> None:
    before = {"hub": {"extraEnv": {"DB_URL": "mysql://u:old@h"}}}
    after = {"hub": {"extraEnv": {"DB_URL": "mysql://u:new@h"}}}
    assert value_changes(before, after, secrets=["mysql://u:new@h"]) == ("hub.extraEnv.DB_URL: *** -> ***",)


@pytest.mark.parametrize("secret", ["s3cr3t" * 20, 'with "quotes"\nand lines', "sécret-ünd"])
def test_neither_a_part_nor_another_form_of_a_secret_shows(secret: str) -> None:
    (line,) = value_changes({}, {"files": [f"{'x' * 60} {secret}"]}, secrets=[secret])
    assert line.endswith('***"]')
