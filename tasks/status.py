"""What there is of a site right now: read-only, without a flow run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from blocks.cloud import Cloud, cloud_of
from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.results import FloatingIP, MagnumCluster, Master, Release, Report, Result
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import service_names
from magnumhub.kube.releases import installed_releases
from magnumhub.kube.services import external_ip
from magnumhub.openstack import clusters, floating_ips
from magnumhub.remote.access import access_for
from tasks.access import Way, reached


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
    with cloud_of(site) as cloud:
        ours = tuple(floating_ips.find_marked(cloud.connection, site.name))
        found = clusters.find(cloud.magnum, site.name)
        outside = Status(site=site.name, magnum_cluster=found, floating_ips=ours)
        if found is None or not found.status.endswith("_COMPLETE"):
            return outside
        master = _first_master(cloud, found)
    if _is_yet_to_get_an_address(site, master):
        return outside.model_copy(update={"unseen": "the master has no floating IP yet; provision gives it one"})
    try:
        way = Way(access=access_for(site.access, site.helm, found, master))
        with reached(site, found, way, report) as there:
            return outside.model_copy(
                update={
                    "releases": tuple(installed_releases(there.kube)),
                    "external_ips": {
                        role: external_ip(there.kube, service.namespace, service.name)
                        for role, service in service_names(site).items()
                    },
                }
            )
    except MagnumhubError as error:
        return outside.model_copy(update={"unseen": str(error)})


def _is_yet_to_get_an_address(site: Site, master: Master | None) -> bool:
    """Whether the way in is one that provision makes: told at once, where to try it would take its time."""
    return (
        master is not None
        and master.floating_address is None
        and site.access.via != "kubeconfig"
        and site.access.jump_host is None
        and site.network.floating_ips.master != "none"
    )


def _first_master(cloud: Cloud, magnum_cluster: MagnumCluster) -> Master | None:
    return next(iter(clusters.masters(cloud.connection, magnum_cluster)), None)
