"""The block that holds the private key of a site's keypair on the Prefect server, encrypted."""

from __future__ import annotations

import paramiko
from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, HttpUrl, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from blocks.credential_kinds import many_lines
from blocks.loading import DOCUMENTATION, LOGOS, load_block
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_forms import block_name
from magnumhub.remote.ssh_key import private_key

_FIELD = "access.ssh_key"


class SshKey(Block):
    """The private key that opens ssh to a cluster's masters. A site names it as `access: {ssh_key: block:NAME}`.

    Example:
        ```python
        from pathlib import Path

        from blocks import SshKey

        SshKey(private_key=Path("~/.ssh/iris.pem").expanduser().read_text()).save("iris", overwrite=True)
        ```
    """

    _block_type_name = "SSH Key"
    _block_type_slug = "ssh-key"
    _logo_url = HttpUrl(f"{LOGOS}/ssh-key.png")
    _documentation_url = HttpUrl(DOCUMENTATION)
    _description = (
        "The private key of a Nova keypair, which opens ssh to a cluster's masters. A site names it as"
        " `access: {ssh_key: block:NAME}`; no file of it is written on any machine."
    )

    model_config = ConfigDict(hide_input_in_errors=True)

    private_key: SecretStr = Field(
        description="The whole text, from -----BEGIN … PRIVATE KEY----- to -----END …-----: RSA, ECDSA or Ed25519.",
        json_schema_extra=many_lines,
    )
    passphrase: SecretStr = Field(default=SecretStr(""), description="Of an encrypted key; else empty.")

    @model_validator(mode="after")
    def _can_be_used(self) -> SshKey:
        try:
            self.key()
        except RefusedError as error:
            about = f"private_key: {error.message}: {error.hint}"
            raise PydanticCustomError("ssh_key", "{about}", {"about": about}) from None
        return self

    def key(self) -> paramiko.PKey:
        """The key as ssh takes it, in memory."""
        return private_key(self.private_key.get_secret_value(), self.passphrase.get_secret_value())


def ssh_key_of(site: Site) -> paramiko.PKey | None:
    """The key that the site's block holds; None where the site names no block.

    Safe to repeat: reads only.

    Raises:
        RefusedError: there is no such block, or no usable key in it.
    """
    name = block_name(site.access.ssh_key)
    return None if name is None else load_block(SshKey, name, field=_FIELD).key()
