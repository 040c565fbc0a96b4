"""What the API says that it is and serves."""

from __future__ import annotations

from tests.contract.kubernetes.client import Told

_BUILD = ("buildDate", "gitCommit", "gitTreeState", "goVersion")


def test_version(told: Told) -> None:
    version = told.call("GET", "/version", leave=_BUILD).body
    assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor']}.")
