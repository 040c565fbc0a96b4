"""A first site file, written after a look at the cloud."""

from __future__ import annotations

from pathlib import Path

from blocks.cloud import open_cloud
from magnumhub.domain.draft import draft_site
from magnumhub.domain.errors import InputError
from magnumhub.domain.spec_file import check_site_name
from magnumhub.openstack.survey import survey

_TIMEOUT_S = 60


def write_site_file(name: str, cloud: str, directory: Path) -> Path:
    """Look at the cloud and write `directory`/NAME.yaml; returns its path.

    Safe to repeat: reads only, and never writes over a file that is there.

    Raises:
        InputError: no site can have this name, or the file exists; choose another.
        AuthenticationError: the credential was not accepted.
    """
    check_site_name(name)
    path = directory / f"{name}.yaml"
    if path.exists():
        raise InputError(f"{path} exists already", [], "remove it, or choose another name")
    with open_cloud(cloud, timeout_s=_TIMEOUT_S) as opened:
        facts = survey(opened.connection, opened.magnum, cluster_name=name)
    directory.mkdir(parents=True, exist_ok=True)
    path.write_text(draft_site(name, cloud, facts), encoding="utf-8")
    return path
