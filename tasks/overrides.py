"""What redeploys asked for, kept in the cluster, where every flow on every machine finds it."""

from __future__ import annotations

from prefect import task

from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.overrides import Override, laid_over, read, written
from magnumhub.domain.results import MagnumCluster
from magnumhub.domain.spec import Site
from magnumhub.kube.client import Kube
from magnumhub.kube.secrets import read_secret, write_secret
from tasks.access import Way, reached
from tasks.find import Place, inside
from tasks.kubernetes import still_holding
from tasks.policy import OBSERVE
from tasks.progress import stage

_SECRET, _KEY = "magnumhub-redeployed", "overrides"
"""In the hub's namespace. A Secret, as chart values may hold what nobody should see."""


def read_overrides(site: Site, kube: Kube) -> tuple[Override, ...]:
    """What redeploys of this site asked for; nothing where there was none.

    Safe to repeat: reads only.
    """
    kept = read_secret(kube, site.jupyterhub.namespace, _SECRET)
    return read(kept[_KEY]) if kept else ()


@task(name="remember redeploy", **OBSERVE)
def remember_overrides(site: Site, magnum_cluster: MagnumCluster, way: Way, overrides: tuple[Override, ...]) -> None:
    """Keep what was asked for, so that every later run of every flow agrees.

    Safe to repeat: written only where it differs.
    """
    with stage("remember") as report, reached(site, magnum_cluster, way, report) as there:
        still_holding(site)
        if not overrides and not read_overrides(site, there.kube):
            return
        data = {_KEY: written(overrides)}
        report.action = write_secret(there.kube, site.jupyterhub.namespace, _SECRET, data, site=site.name)


@task(name="what is wanted", **OBSERVE)
def wanted_site(site: Site, place: Place | None) -> Site:
    """The site file with what redeploys asked for over it; the file alone where that cannot be read.

    Safe to repeat: reads only.
    """
    if place is None:
        return site
    with stage("wanted") as report:
        try:
            with inside(site, place, report) as there:
                return laid_over(site, read_overrides(site, there.kube))
        except MagnumhubError as error:  # the checks will say what is wrong with the cluster
            report.remark(f"what redeploys asked for could not be read: {error.message}")
            return site
