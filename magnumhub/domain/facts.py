"""What a cloud says of a site's project, as plain values: filled by looking, judged by preflight, compared by plan.

None means that it could not be seen: `unknown yet` is an answer, and `CloudFacts.unseen` has the reason.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from magnumhub.domain.results import Result
from magnumhub.domain.templates import Template


class Credential(Result):
    """What the token was made from, and what it may do.

    unrestricted: whether an application credential may make trusts, which Magnum needs for each cluster.
    expires_at: of the token, ISO 8601.
    """

    kind: Literal["password", "application_credential", "token", "other"]
    unrestricted: bool | None = None
    roles: tuple[str, ...] = ()
    expires_at: str | None = None


class ProjectFacts(Result):
    """The project that the credential works in."""

    id: str
    name: str


class Quota(Result):
    """How much of something is used and allowed; limit -1: no limit."""

    used: int | None
    limit: int | None

    @property
    def free(self) -> int | None:
        """What is left; None where it is unknown or without a limit."""
        if self.used is None or self.limit is None or self.limit < 0:
            return None
        return max(0, self.limit - self.used)


class QuotaFacts(Result):
    """The project's quotas, by the names that CloudFacts uses; unseen: what could not be looked at, and why."""

    quotas: dict[str, Quota] = Field(default_factory=dict)
    unseen: dict[str, str] = Field(default_factory=dict)


class Named(Result):
    """Something with an id and a name."""

    id: str
    name: str


class Flavor(Result):
    """A size of server."""

    id: str
    name: str
    vcpus: int
    ram_mib: int
    disk_gib: int


class AddressFacts(Result):
    """A floating IP of the project.

    serves: in words what its port belongs to; None: nothing. site, role: what its mark says.
    """

    id: str
    address: str
    port_id: str | None = None
    serves: str | None = None
    status: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    site: str | None = None
    role: str | None = None


class ClusterFacts(Result):
    """A Magnum cluster of the site's name, whoever made it."""

    uuid: str
    name: str
    status: str
    status_reason: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    template: str | None = None
    node_count: int | None = None
    created_at: str | None = None
    faults: dict[str, str] = Field(default_factory=dict)


class RunnerFacts(Result):
    """What is wrong with the files of the runner that a site names, in words; empty: nothing, or none is named."""

    ssh_key: str = ""
    helm: str = ""


class CloudFacts(Result):
    """All that was seen.

    services: the types in the catalog. quotas: clusters, instances, cores, ram_mib, volumes, gigabytes, floating_ips,
    load_balancers; only those that could be seen. magnum_clusters: those of the site's name. unseen: what could not be
    looked at, and why. runner: this machine, from where the cloud was looked at. kubernetes_version: what the site's
    own cluster says of itself.
    """

    project: ProjectFacts
    credential: Credential | None = None
    services: tuple[str, ...] | None = None
    quotas: dict[str, Quota] = Field(default_factory=dict)
    templates: tuple[Template, ...] | None = None
    keypairs: tuple[str, ...] | None = None
    external_networks: tuple[Named, ...] | None = None
    flavors: tuple[Flavor, ...] | None = None
    floating_ips: tuple[AddressFacts, ...] | None = None
    magnum_clusters: tuple[ClusterFacts, ...] | None = None
    unseen: dict[str, str] = Field(default_factory=dict)
    runner: RunnerFacts = RunnerFacts()
    kubernetes_version: str | None = None
