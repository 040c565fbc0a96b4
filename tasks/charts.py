"""Which version of each chart a site runs, and what the charts themselves have to say to its values."""

from __future__ import annotations

from collections.abc import Mapping

from prefect import task

from blocks.secrets import resolve
from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.compat import ChartChoice, ChartName, choose_chart, refuse_without_roles
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.ground import Ground
from magnumhub.domain.results import MagnumCluster, Part, Result
from magnumhub.domain.spec import NEWEST, ChartSpec, Site
from magnumhub.domain.wiring import RELEASES, ChartPair, Tokens, compose_values, is_inside_only, secret_refs
from magnumhub.remote import charts
from magnumhub.remote.charts import ChartArchive
from magnumhub.remote.helm import prepare_helm
from magnumhub.remote.releases import list_releases
from tasks.access import Way, reached
from tasks.kubernetes import still_holding
from tasks.policy import OBSERVE
from tasks.progress import stage

_CHARTS: dict[Part, ChartName] = {"jupyterhub": "jupyterhub", "dask_gateway": "dask-gateway"}


class Charts(Result):
    """The version of each chart that this site runs, and why that one."""

    jupyterhub: ChartChoice
    dask_gateway: ChartChoice


@task(name="ensure Helm", **OBSERVE)
def ensure_helm(site: Site, magnum_cluster: MagnumCluster, way: Way) -> Charts:
    """Have the pinned Helm where it is to run, and settle which charts fit this cluster's Kubernetes.

    Safe to repeat: a Helm of that version and digest stays; a chart that is installed keeps its version.

    Raises:
        RefusedError: no version of a chart runs on this Kubernetes; says which would, and what to move to. Or a chart's
            schema refuses the site's values.
    """
    with stage("helm") as report, reached(site, magnum_cluster, way, report) as there:
        still_holding(site)
        helm = prepare_helm(there, site.helm, report=report)
        report.action = helm.action
        installed = {release.name: release.version for release in list_releases(helm)}
        chosen = chosen_charts(site, installed, magnum_cluster.kubernetes_version)
        check_charts(site, by_part(chosen))
        return chosen


def chosen_charts(site: Site, installed: Mapping[str, str], kubernetes_version: str | None) -> Charts:
    """What the site pins; else what is installed, which only a redeploy moves; else the newest that fits.

    Safe to repeat: reads the charts' repositories only.

    Args:
        installed: chart version by the release's name.
        kubernetes_version: of the cluster; None: unknown yet.

    Raises:
        RefusedError: no version of a chart runs on this Kubernetes; says which would, and what to move to.
    """

    def choose(part: Part) -> ChartChoice:
        spec: ChartSpec = getattr(site, part).chart
        keep = installed.get(RELEASES[part]) if spec.version == NEWEST else None
        return choose_chart(
            _CHARTS[part],
            charts.versions(spec.repo, _CHARTS[part], timeout_s=site.limits_s.api),
            kubernetes_version=kubernetes_version,
            wanted=keep or spec.version,
        )

    return Charts(jupyterhub=choose("jupyterhub"), dask_gateway=choose("dask_gateway"))


@task(name="check values", **OBSERVE)
def check_values(site: Site, ground: Ground) -> None:
    """Have the charts that the site pins judge Kubernetes and its values, before anything is made anywhere.

    Safe to repeat: reads these charts only. One that is not pinned stops nobody here: it is chosen by the cluster's
    Kubernetes, or kept as it is installed, and asked before anything is installed.

    Raises:
        RefusedError: a chart is not to be had, does not run on this Kubernetes by its own word, or its schema refuses
            values; says every key.
    """
    pinned: list[Part] = [part for part in _CHARTS if getattr(site, part).chart.version != NEWEST]
    if not pinned:
        return
    with stage("values"):
        chosen = {}
        for part in pinned:
            spec: ChartSpec = getattr(site, part).chart
            offered = charts.versions(spec.repo, _CHARTS[part], timeout_s=site.limits_s.api)
            chosen[part] = choose_chart(
                _CHARTS[part], offered, kubernetes_version=ground.kubernetes_version, wanted=spec.version
            )
        check_charts(site, chosen)


def check_charts(site: Site, chosen: Mapping[Part, ChartChoice]) -> None:
    """Have charts look at the site's values before anything is installed: their keys, and their schemas.

    Safe to repeat: reads these charts only. What is made later (addresses, tokens) is stood in for.

    Raises:
        RefusedError: a chart lacks what the composed values are built on, or says every key that a schema refuses.
    """
    archives = archives_of(site, chosen)
    for part, archive in archives.items():
        refuse_without_roles(_CHARTS[part], archive.keys())
    values = compose_values(
        site,
        addresses={
            "jupyterhub": "192.0.2.1",
            "dask_gateway": None if is_inside_only(site) else "192.0.2.2",
        },
        secrets=resolve(secret_refs(site)),
        tokens=Tokens(gateway="0" * 64, check="1" * 64),
        charts=pair_of(archives),
        storage_class="standard",
    )
    refused: dict[str, list[str]] = {}
    for part, archive in archives.items():
        if lines := archive.refused(getattr(values, part)):
            refused[f"{part}.values"] = [f"{archive.name} {archive.version}: {line}" for line in lines]
    if refused:
        told = "\n".join(line for lines in refused.values() for line in lines)
        raise RefusedError(
            f"the charts' schemas refuse values of site {site.name}:\n{told}",
            f"correct these keys in {' and '.join(refused)} of the site; nothing was installed or changed",
        )


def by_part(chosen: Charts) -> dict[Part, ChartChoice]:
    """The choices by part."""
    return {"jupyterhub": chosen.jupyterhub, "dask_gateway": chosen.dask_gateway}


def archives_of(site: Site, chosen: Mapping[Part, ChartChoice]) -> dict[Part, ChartArchive]:
    """The chosen charts themselves, from the cache where they are there."""
    specs: dict[Part, ChartSpec] = {part: getattr(site, part).chart for part in chosen}
    return {
        part: charts.fetch(spec.repo, _CHARTS[part], chosen[part].version, timeout_s=site.limits_s.api)
        for part, spec in specs.items()
    }


def pair_of(archives: Mapping[Part, ChartArchive]) -> ChartPair:
    """The keys that each chart's values are built on: one that nobody looks at may have none."""
    keys = {part: archives[part].keys() if part in archives else ChartKeys("", own={}) for part in _CHARTS}
    return ChartPair(hub=keys["jupyterhub"], gateway=keys["dask_gateway"])
