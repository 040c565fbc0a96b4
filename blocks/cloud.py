"""OpenStack credentials as a Prefect block, and the one way to a client that tasks use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from magnumhub.domain.errors import RefusedError
from magnumhub.domain.spec import Site
from magnumhub.openstack.cloud import close, connect, magnum_client, refuse_other_project

BLOCK_PREFIX = "block:"


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
    connection = connect(_credentials(name), timeout_s=timeout_s)
    try:
        yield Cloud(connection, magnum_client(connection))
    finally:
        close(connection)


def _credentials(cloud: str) -> str | dict[str, Any]:
    """The name of a clouds.yaml entry, or what a block holds in the shape of such an entry."""
    if not cloud.startswith(BLOCK_PREFIX):
        return cloud
    from blocks.credentials import OpenStackCredentials

    name = cloud.removeprefix(BLOCK_PREFIX)
    try:
        block = cast("OpenStackCredentials", OpenStackCredentials.load(name))
    except ValueError as error:
        raise RefusedError(
            f"the site's cloud is {cloud}, and Prefect has no such block: {error}",
            "create it in Prefect's UI (Blocks, OpenStack Credentials), or name an entry of clouds.yaml",
        ) from error
    return block.as_cloud()
