"""The runner's own files that a site names: looked at before an hour is spent on what needs them."""

from __future__ import annotations

from pathlib import Path

from magnumhub.domain.errors import RefusedError
from magnumhub.domain.facts import RunnerFacts
from magnumhub.domain.spec import HelmSpec, Site
from magnumhub.domain.spec_forms import block_name
from magnumhub.remote.helm_binary import local_executable


def look_at_runner(site: Site) -> RunnerFacts:
    """Whether the ssh key's file can be read, and whether helm.path is the Helm that the site asks for.

    Safe to repeat: reads only; nothing is fetched.
    """
    key = site.access.ssh_key
    return RunnerFacts(ssh_key=_key_problem(key) if block_name(key) is None else "", helm=_helm_problem(site.helm))


def _key_problem(path: str | None) -> str:
    if path is None:
        return ""
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8", errors="replace")
    except (OSError, RuntimeError) as error:  # RuntimeError: ~somebody has no home
        return f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
    return "" if "PRIVATE KEY" in text else f"{path} is no private key"


def _helm_problem(spec: HelmSpec) -> str:
    if spec.path is None:
        return ""
    try:
        local_executable(spec, report=lambda line: None)
    except RefusedError as error:
        return error.message
    return ""
