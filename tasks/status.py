"""What there is of a site right now: read-only, without a flow run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from blocks.cloud import cloud_of
from magnumhub.domain.results import FloatingIP, MagnumCluster, Release, Report, Result
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import service_names
from magnumhub.kube.releases import installed_releases
from magnumhub.kube.services import external_ip
from magnumhub.openstack import clusters, floating_ips
from magnumhub.remote.session import Reached
from tasks.inside import look_into


class Status(Result):
    """A site as it stands: None or empty where there is nothing yet.

    external_ips: role to the EXTERNAL-IP that Kubernetes shows, None also where there is no Service.
    unseen: why the cluster's inside could not be looked at.
    """

    site: str
    magnum_cluster: MagnumCluster | None
    floating_ips: tuple[FloatingIP, ...]
    releases: tuple[Release, ...] = ()
    external_ips: dict[str, str | None] = Field(default_factory=dict)
    unseen: str = ""

    def document(self) -> dict[str, Any]:
        """The JSON document of `status --json`."""
        return self.model_dump(mode="json")

    def rows(self) -> Iterator[tuple[str, str]]:
        """Name and text of each line that a person reads."""
        found = self.magnum_cluster
        yield "cluster", f"{found.name} {found.status} ({found.template}, {found.uuid})" if found else "none yet"
        for address in self.floating_ips:
            firewall = f", firewall {address.firewall}" if address.firewall else ""
            yield f"address {address.role}", f"{address.address} ({address.origin}{firewall})"
        for release in self.releases:
            yield f"release {release.name}", f"chart {release.version}, revision {release.revision}, {release.status}"
        for role, external in self.external_ips.items():
            yield f"EXTERNAL-IP {role}", external or "none yet"
        if self.unseen:
            yield "not seen", self.unseen


def look(site: Site, report: Report) -> Status:
    """Look at the site's addresses, its cluster, and what is installed on it.

    Safe to repeat: reads only; a master without an address is not given one.
    """

    def inside(there: Reached) -> dict[str, Any]:
        return {
            "releases": tuple(installed_releases(there.kube)),
            "external_ips": {
                role: external_ip(there.kube, service.namespace, service.name)
                for role, service in service_names(site).items()
            },
        }

    with cloud_of(site) as cloud:
        ours = tuple(floating_ips.find_marked(cloud.connection, site.name))
        found = clusters.find(cloud.magnum, site.name)
        outside = Status(site=site.name, magnum_cluster=found, floating_ips=ours)
        if found is None:
            return outside
        seen, unseen = look_into(site, cloud, found, inside, report)
    return outside.model_copy(update=seen if seen is not None else {"unseen": unseen})
