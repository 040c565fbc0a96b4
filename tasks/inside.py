"""A look into a site's cluster, where there is one that can be looked into: for those who only look."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from blocks.cloud import Cloud
from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.results import MagnumCluster, Master, Report
from magnumhub.domain.spec import Site
from magnumhub.openstack import clusters
from magnumhub.openstack.cluster_rules import judge
from magnumhub.remote.access import access_for
from magnumhub.remote.session import Reached
from tasks.access import Way, reached

T = TypeVar("T")


def look_into(
    site: Site, cloud: Cloud, magnum_cluster: MagnumCluster, look: Callable[[Reached], T], report: Report
) -> tuple[T | None, str]:
    """What was seen, or None and why nothing was.

    Safe to repeat: reads only; a master without an address is not given one.
    """
    if judge(magnum_cluster.status) != "ready":
        return None, f"cluster {magnum_cluster.name} is {magnum_cluster.status}"
    try:
        master = next(iter(clusters.masters(cloud.connection, magnum_cluster)), None)
        if _is_yet_to_get_an_address(site, master):
            return None, "the master has no floating IP yet; provision gives it one"
        way = Way(access=access_for(site.access, site.helm, magnum_cluster, master))
        with reached(site, magnum_cluster, way, report) as there:
            return look(there), ""
    except MagnumhubError as error:
        return None, str(error)


def _is_yet_to_get_an_address(site: Site, master: Master | None) -> bool:
    """Whether the way in is one that provision makes: told at once, where to try it would take its time."""
    return (
        master is not None
        and master.floating_address is None
        and site.access.via != "kubeconfig"
        and site.access.jump_host is None
        and site.network.floating_ips.master != "none"
    )
