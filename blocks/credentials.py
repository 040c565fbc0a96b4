"""The block that holds an OpenStack credential on the Prefect server, encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, HttpUrl, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from blocks.credential_kinds import ApplicationCredential, CloudsYaml, Kind, Password
from blocks.loading import DOCUMENTATION, LOGOS, problems_of
from magnumhub.domain.errors import RefusedError

if TYPE_CHECKING:
    from magnumhub.domain.connection import Connection

_TIMEOUT_S = 60


class OpenStackCredentials(Block):
    """A credential for one OpenStack project. A site names it as `cloud: block:NAME`.

    Example:
        ```python
        from blocks import OpenStackCredentials

        OpenStackCredentials(
            credential={
                "auth_url": "https://keystone.example.org:5000/v3",
                "application_credential_id": "21dced0fd20347869b93710d2b98aae0",
                "application_credential_secret": "...",
            }
        ).save("iris", overwrite=True)

        print(OpenStackCredentials.load("iris").test_connection().markdown)
        ```
    """

    _block_type_name = "OpenStack Credentials"
    _block_type_slug = "openstack-credentials"
    _logo_url = HttpUrl(f"{LOGOS}/openstack-credentials.png")
    _documentation_url = HttpUrl(DOCUMENTATION)
    _description = (
        "A credential for one OpenStack project: a clouds.yaml, a password or an application credential. A site names"
        " it as `cloud: block:NAME`; the deployment test_connection says what it may and may not do."
    )

    model_config = ConfigDict(hide_input_in_errors=True)

    # The kinds stand here bare: within Annotated, Prefect does not find which of their fields are secret.
    credential: CloudsYaml | Password | ApplicationCredential = Field(
        description="One of three kinds. Magnum makes a trust for each cluster, so that an application credential has "
        "to be unrestricted."
    )

    @field_validator("credential", mode="before")
    @classmethod
    def _one_kind(cls, given: Any) -> Any:
        """Judged as the kind that it is meant to be: all three would tell of fields that nobody filled in."""
        if not isinstance(given, Mapping):
            return given
        kind = _kind_of(given)
        try:
            return kind.model_validate(given)
        except ValidationError as error:
            raise PydanticCustomError(
                "kind", "{kind}: {words}", {"kind": kind.model_config["title"], "words": problems_of(error)}
            ) from None

    @property
    def name(self) -> str:
        """As it was saved."""
        return self._block_document_name or "unsaved"

    def as_cloud(self) -> dict[str, Any]:
        """The same as an entry of clouds.yaml.

        Raises:
            RefusedError: a pasted file has no such entry.
        """
        try:
            return self.credential.as_cloud()
        except RefusedError as error:
            raise RefusedError(f"block:{self.name}: {error.message}", error.hint) from None

    def test_connection(self) -> Connection:
        """Log in and say what this credential may and may not do.

        Safe to repeat: reads only.

        Raises:
            AuthenticationError: it is not accepted; says by which Keystone, and why.
            RefusedError: a pasted file has no such entry, the cloud has no Magnum, or its certificate is not trusted.
            TransientError: a service that every site needs does not answer.
        """
        # OpenStack's libraries take a second, and registering a block needs none of them.
        from blocks.cloud import opened
        from magnumhub.openstack.connection import look_at_connection

        where = f"block:{self.name}"
        with opened(self.as_cloud(), where=where, timeout_s=_TIMEOUT_S) as cloud:
            return look_at_connection(cloud.connection, cloud.magnum, name=where)


def _kind_of(given: Mapping[str, Any]) -> type[Kind]:
    if "clouds_yaml" in given:
        return CloudsYaml
    return ApplicationCredential if any(key.startswith("application_credential") for key in given) else Password
