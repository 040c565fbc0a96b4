"""The three forms in which a cloud hands out a credential; each becomes an entry as clouds.yaml has it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from blocks.clouds_yaml import entry_of
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.spec_forms import Matching, Text

AuthUrl = Annotated[
    str,
    Matching(r"https?://[^\s/]\S*/v3/?", "Keystone's address with its version, as https://HOST:5000/v3"),
    Field(title="Auth URL", description="Keystone's address with its version: https://HOST:5000/v3"),
]
Region = Annotated[str, Field(title="Region", description="Needed only where the cloud has several regions.")]
Interface = Annotated[
    Literal["public", "internal", "admin"],
    Field(description="Which of each service's addresses is used; public, unless the workers are inside the cloud."),
]
CaFile = Annotated[
    str,
    Field(
        title="CA file",
        description="Path, on the machines of the workers, of the CA that signed the cloud's certificate; "
        "empty: one that every machine knows.",
    ),
]


class Kind(BaseModel):
    """What all three have in common: a message about a wrong one quotes nothing of it."""

    model_config = ConfigDict(hide_input_in_errors=True)

    def as_cloud(self) -> dict[str, Any]:
        """The same as an entry of clouds.yaml.

        Raises:
            RefusedError: a pasted file has no such entry; says what is wrong with it, and shows nothing of it.
        """
        raise NotImplementedError


def many_lines(schema: dict[str, Any]) -> None:
    """Let the form offer a field of many lines: a masked one has a single line, and loses line breaks.

    Encryption and masking of what is saved follow the field's type, and stay.
    """
    schema.pop("format")


class CloudsYaml(Kind):
    """A whole clouds.yaml, as Horizon offers it for download (API Access, or Application Credentials)."""

    model_config = ConfigDict(title="clouds.yaml")

    clouds_yaml: SecretStr = Field(
        title="clouds.yaml",
        description="The file's text, with its line breaks. A password that Horizon left out has to be filled in.",
        json_schema_extra=many_lines,
    )
    entry: str = Field(default="", description="Name of the entry under `clouds`; empty: the only one that there is.")

    def as_cloud(self) -> dict[str, Any]:
        # Not judged before it is used: of a block that is invalid Prefect tells a flow only that it cannot be loaded.
        try:
            return entry_of(self.clouds_yaml.get_secret_value(), self.entry)
        except ValueError as error:
            raise RefusedError(f"clouds_yaml: {error}", "correct the block in Prefect's UI") from None


class Password(Kind):
    """A user's name and password."""

    model_config = ConfigDict(title="Password")

    auth_url: AuthUrl
    username: Text = Field(description="Name of the user.")
    password: SecretStr = Field(description="The user's password.")
    project_name: Text = Field(title="Project", description="Name of the project that sites work in.")
    user_domain_name: Text = Field(default="Default", title="User domain", description="Domain of the user.")
    project_domain_name: Text = Field(default="Default", title="Project domain", description="Domain of the project.")
    region_name: Region = ""
    interface: Interface = "public"
    cacert: CaFile = ""

    def as_cloud(self) -> dict[str, Any]:
        auth = {
            "auth_url": self.auth_url,
            "username": self.username,
            "password": self.password.get_secret_value(),
            "project_name": self.project_name,
            "user_domain_name": self.user_domain_name,
            "project_domain_name": self.project_domain_name,
        }
        return {"auth_type": "password", "auth": auth} | _whereabouts(self)


class ApplicationCredential(Kind):
    """An application credential, made with --unrestricted: only with such a one Magnum may make a cluster's trust."""

    model_config = ConfigDict(title="Application credential")

    auth_url: AuthUrl
    application_credential_id: Text = Field(title="Id", description="As Horizon or the openstack command showed it.")
    application_credential_secret: SecretStr = Field(
        title="Secret", description="It was shown once, when the credential was made."
    )
    region_name: Region = ""
    interface: Interface = "public"
    cacert: CaFile = ""

    def as_cloud(self) -> dict[str, Any]:
        auth = {
            "auth_url": self.auth_url,
            "application_credential_id": self.application_credential_id,
            "application_credential_secret": self.application_credential_secret.get_secret_value(),
        }
        return {"auth_type": "v3applicationcredential", "auth": auth} | _whereabouts(self)


def _whereabouts(kind: Password | ApplicationCredential) -> dict[str, str]:
    said = {"region_name": kind.region_name, "interface": kind.interface, "cacert": kind.cacert}
    return {key: value for key, value in said.items() if value}
