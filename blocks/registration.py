"""The block types of magnumhub on Prefect's server, so that its UI offers them."""

from __future__ import annotations

from blocks.credentials import OpenStackCredentials
from blocks.ssh_key import SshKey


def register_block_types() -> None:
    """Tell Prefect's server of both block types, as `prefect block register -m blocks` does.

    Safe to repeat: a type that is known is brought up to date; blocks of it stay.
    """
    for kind in (OpenStackCredentials, SshKey):
        kind.register_type_and_schema(_sync=True)  # type: ignore[call-arg]
