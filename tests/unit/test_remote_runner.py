"""The runner's files: what is said of a key or a Helm that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from magnumhub.domain.facts import RunnerFacts
from magnumhub.domain.spec_file import load_site
from magnumhub.remote.runner import look_at_runner

EXAMPLE = load_site("deployments/example-site.yaml")


def looked(ssh_key: Path | None = None, helm: Path | None = None) -> RunnerFacts:
    access = EXAMPLE.access.model_copy(update={"ssh_key": ssh_key and str(ssh_key)})
    spec = EXAMPLE.helm.model_copy(update={"path": helm and str(helm)})
    return look_at_runner(EXAMPLE.model_copy(update={"access": access, "helm": spec}))


def test_nothing_named_nothing_wrong() -> None:
    assert looked() == RunnerFacts()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", ""),
        ("ssh-ed25519 AAAA me@here\n", "is no private key"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_the_ssh_key(tmp_path: Path, text: str | None, said: str) -> None:
    key = tmp_path / "key"
    if text is not None:
        key.write_text(text)

    problem = looked(ssh_key=key).ssh_key

    assert problem == (f"{key} {said}" if said else "")


@pytest.mark.parametrize(
    ("version", "said"),
    [("4.1.4", ""), ("4.0.0", "is Helm 4.0.0, helm.version is 4.1.4"), (None, "is not a Helm")],
)
def test_the_helm_of_the_path(tmp_path: Path, version: str | None, said: str) -> None:
    helm = tmp_path / "helm"
    if version is not None:
        helm.write_text(f"#!/bin/sh\necho v{version}\n")
        helm.chmod(0o700)

    problem = looked(helm=helm).helm

    assert said in problem and bool(said) is bool(problem)
