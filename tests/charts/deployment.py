"""A chart and a partner rendered for one site, as provision would install them side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.compat import ChartName
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import GATEWAY_RELEASE, HUB_RELEASE, Values
from tests.charts.archives import Given
from tests.charts.rendering import Rendered, render
from tests.charts.site import ADDRESSES, composed, values_of

RELEASES: dict[ChartName, str] = {"jupyterhub": HUB_RELEASE, "dask-gateway": GATEWAY_RELEASE}


@dataclass(frozen=True)
class Deployed:
    """Both releases of a site."""

    site: Site
    keys: Mapping[ChartName, ChartKeys]
    values: Values
    hub: Rendered
    gateway: Rendered


def deploy(site: Site, chart: Given, partner: Given, *, addresses: Mapping[str, str | None] = ADDRESSES) -> Deployed:
    """Compose a chart's and its partner's values and render both, each for a Kubernetes that it runs on."""
    pair = {each.chart: each for each in (chart, partner)}
    keys = keys_of(chart, partner)
    values = composed(site, keys, addresses=addresses)

    def rendered(name: ChartName) -> Rendered:
        kubernetes = pair[name].own_kubernetes
        return render(
            pair[name].path, RELEASES[name], namespace_of(site, name), values_of(name, values), kubernetes=kubernetes
        )

    return Deployed(site, keys, values, hub=rendered("jupyterhub"), gateway=rendered("dask-gateway"))


def keys_of(*charts: Given) -> dict[ChartName, ChartKeys]:
    return {each.chart: each.archive.keys() for each in charts}


def namespace_of(site: Site, chart: ChartName) -> str:
    return site.jupyterhub.namespace if chart == "jupyterhub" else site.dask_gateway.namespace
