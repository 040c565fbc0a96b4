"""The one way to a cloud's clients that tasks use, whether an entry of clouds.yaml or a block holds the credential."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from magnumhub.domain.spec import Site
from magnumhub.domain.spec_forms import block_name
from magnumhub.openstack.cloud import close, connect, magnum_client, refuse_other_project


@dataclass(frozen=True)
class Cloud:
    """Clients of one cloud, authenticated, for the project that the site names."""

    connection: Any
    magnum: Any


@contextmanager
def cloud_of(site: Site) -> Iterator[Cloud]:
    """Open the site's cloud and refuse any project but the site's own.

    Safe to repeat: reads only. Each task opens its own, since sessions are not to be shared between threads for
    writing.

    Raises:
        AuthenticationError: the credential was not accepted; the hint says where it came from.
        RefusedError: the credential belongs to another project, or the block does not exist.
    """
    with open_cloud(site.cloud, timeout_s=site.limits_s.api) as cloud:
        refuse_other_project(cloud.connection, site.project)
        yield cloud


@contextmanager
def open_cloud(name: str, *, timeout_s: float) -> Iterator[Cloud]:
    """Open a cloud by the name of its entry or block, whatever project its credential is for.

    Raises:
        AuthenticationError: the credential was not accepted.
        RefusedError: there is no such entry or block.
    """
    with opened(_credentials(name), where=name, timeout_s=timeout_s) as cloud:
        yield cloud


@contextmanager
def opened(credentials: str | Mapping[str, Any], *, where: str, timeout_s: float) -> Iterator[Cloud]:
    """The same with the credentials themselves, or the name of an entry.

    Args:
        where: they are, for whoever has to correct them.
    """
    connection = connect(credentials, where=where, timeout_s=timeout_s)
    try:
        yield Cloud(connection, magnum_client(connection))
    finally:
        close(connection)


def _credentials(cloud: str) -> str | dict[str, Any]:
    """The name of a clouds.yaml entry, or what a block holds in the shape of such an entry."""
    name = block_name(cloud)
    if name is None:
        return cloud
    from blocks.credentials import OpenStackCredentials
    from blocks.loading import load_block

    return load_block(OpenStackCredentials, name, field="cloud").as_cloud()
