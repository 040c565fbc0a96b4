"""The block that holds an OpenStack credential on the Prefect server, encrypted."""

from __future__ import annotations

from typing import Any

from prefect.blocks.core import Block
from pydantic import Field, SecretStr


class OpenStackCredentials(Block):
    """An application credential for one OpenStack project.

    A site names it as `cloud: block:NAME`. The credential must be unrestricted: Magnum makes a trust for each cluster,
    and Keystone refuses trusts to restricted application credentials.
    """

    _block_type_name = "OpenStack Credentials"
    _block_type_slug = "openstack-credentials"

    auth_url: str = Field(description="Keystone's address, as in clouds.yaml: https://HOST:5000/v3")
    application_credential_id: str = Field(description="the id that Horizon or the openstack command showed")
    application_credential_secret: SecretStr = Field(description="the secret that was shown once, at creation")
    region_name: str | None = Field(default=None, description="needed only where the cloud has several regions")

    def as_cloud(self) -> dict[str, Any]:
        """The same as an entry of clouds.yaml."""
        return {
            "auth_type": "v3applicationcredential",
            "auth": {
                "auth_url": self.auth_url,
                "application_credential_id": self.application_credential_id,
                "application_credential_secret": self.application_credential_secret.get_secret_value(),
            },
            **({"region_name": self.region_name} if self.region_name else {}),
        }
