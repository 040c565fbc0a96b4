"""Where a site is, without touching it: its cluster, the way in, its marked addresses."""

from __future__ import annotations

from contextlib import AbstractContextManager

from prefect import task
from pydantic import Field

from blocks.cloud import cloud_of
from magnumhub.domain.checking import Checking, run_check
from magnumhub.domain.errors import BusyError
from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.health import Checked
from magnumhub.domain.results import FloatingIP, MagnumCluster, Report, Result
from magnumhub.domain.spec import Site
from magnumhub.openstack import clusters, floating_ips
from magnumhub.remote.access import access_for
from magnumhub.remote.session import Reached
from tasks.access import Way, reached
from tasks.policy import OBSERVE
from tasks.progress import stage

_LIMIT_S = 60.0
PATIENCE_S = 20.0
"""For ssh, and for one answer of the API."""


_COMING_OR_GOING = ("CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS")


class Place(Result):
    """Where a site's services are. addresses: by role, as their marks say."""

    magnum_cluster: MagnumCluster
    way: Way
    addresses: dict[str, FloatingIP] = Field(default_factory=dict)


class Found(Result):
    """The place, or the check that failed because it could not be found."""

    place: Place | None = None
    problem: Checked | None = None


def within_reach(found: Found, kubernetes: Checked) -> Place | None:
    """The place, if its Kubernetes answered: what cannot be looked into is no use to the other checks."""
    return found.place if "version" in kubernetes.facts else None


def inside(site: Site, place: Place, report: Report) -> AbstractContextManager[Reached]:
    """The way into the site's cluster, with the patience of a check: what fails is tried once more, and no longer."""
    return reached(site, place.magnum_cluster, place.way, report, patience_s=PATIENCE_S)


@task(name="find site", **OBSERVE)
def find_site(site: Site) -> Found:
    """Ask the cloud for the site's cluster, its first master and its addresses.

    Safe to repeat: reads only; a master without an address is not given one.

    Raises:
        BusyError: the cluster is just being made or deleted; whoever does that will say how it ends.
    """
    places: list[Place] = []

    def look(check: Checking) -> None:
        place = place_of(site)
        if place is None:
            check.findings.append(_no_cluster(site))
        else:
            places.append(place)

    with stage("site") as report:
        seen = run_check("kubernetes", look, limit_s=_LIMIT_S, report=report)
    if places and places[-1].magnum_cluster.status in _COMING_OR_GOING:
        raise BusyError(f"Magnum says {places[-1].magnum_cluster.status} of cluster {site.name}")
    return Found(place=places[-1]) if places else Found(problem=seen)


def place_of(site: Site) -> Place | None:
    """Where a site is; None where it has no cluster.

    Safe to repeat: reads only.

    Raises:
        MagnumhubError: its cluster has no way in (yet); says why.
    """
    with cloud_of(site) as cloud:
        found = clusters.find(cloud.magnum, site.name)
        if found is None:
            return None
        master = next(iter(clusters.masters(cloud.connection, found)), None)
        marked = floating_ips.find_marked(cloud.connection, site.name)
    addresses = {str(ip.role): ip for ip in marked if ip.role != "spare"}
    way = Way(access=access_for(site.access, site.helm, found, master), address=addresses.get("master"))
    return Place(magnum_cluster=found, way=way, addresses=addresses)


def _no_cluster(site: Site) -> Finding:
    return Finding(
        check="kubernetes",
        level="Unhealthy",
        category=Category.NOT_FOUND,
        summary=f"there is no Magnum cluster {site.name} in project {site.project} of cloud {site.cloud}",
        remedy=f"magnumhub provision {site.name} makes it; if it was there, somebody has deleted it.",
    )
