"""Day two: the same site at other addresses, with other charts, values or another image."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.approval import asking, await_ingress
from flows.naming import run_name
from flows.outcome import ended, refusable, timed
from flows.rollout import STAGES, roll_out
from magnumhub.domain.deployment import Deployment
from magnumhub.domain.overrides import laid_over, overrides_asked
from magnumhub.domain.plan import Plan
from magnumhub.domain.plan_rows import Moves, OldAddresses
from magnumhub.domain.results import Part
from magnumhub.domain.spec_file import load_site
from magnumhub.openstack.moves import refuse_pinned
from tasks.access import open_master
from tasks.charts import check_values
from tasks.cluster import start_cluster, wait_for_cluster
from tasks.kubernetes import holding_site, wait_for_kubernetes
from tasks.live import live_progress
from tasks.moves import commit_moves, confirm_addresses, reserve_moves
from tasks.network import reserve_addresses
from tasks.overrides import remember_overrides
from tasks.plan import ground_to_act, make_plan, refuse_nothing_there, tell
from tasks.progress import recording
from tasks.report import publish_deployment, publish_plan
from tasks.sites import SiteName

# The form says of what does not match only that it does not: what would match stands in the title.
Wish = (
    Annotated[Literal["keep"], Field(title="Keep the address")]
    | Annotated[Literal["fresh"], Field(title="A fresh one")]
    | Annotated[str, Field(title="This one, such as 192.0.2.7", pattern=r"^\d{1,3}(\.\d{1,3}){3}$")]
)
ChartVersion = Annotated[str, Field(title="Version: N.N.N", pattern=r"^v?\d+\.\d+\.\d+\S*$")]
Image = Annotated[str, Field(title="Image: NAME:TAG", pattern=r"^\S+:\w[\w.-]*$")]

Values = Annotated[dict[str, Any], Field(title="Values, as JSON")]


@flow(name="redeploy", flow_run_name=run_name)
@refusable
def redeploy(
    site: SiteName,
    hub_floating_ip: Wish = "keep",
    dask_floating_ip: Wish = "keep",
    old_addresses: OldAddresses = "keep",
    hub_chart_version: ChartVersion | None = None,
    dask_chart_version: ChartVersion | None = None,
    image: Image | None = None,
    hub_values: Values | None = None,
    dask_values: Values | None = None,
    dry_run: bool = False,
) -> Deployment | Plan | State[Deployment]:
    """Move a site to other addresses, charts, values or another image, and go back where users cannot work then.

    Safe to repeat: an interrupted one goes on with the addresses that it reserved. Users' homes, the hub's database
    and running notebooks stay. What is asked for holds in every later run until the site's file says something new.

    Args:
        site: the site, by its name in deployments/sites; from a command line or Python also the path of its file.
        hub_floating_ip: where users reach the hub. keep: as it is; fresh: an address that is allocated for it; or
            a floating IP of the project that serves nothing else, such as 192.0.2.7.
        dask_floating_ip: the same for the gateway. Hub and gateway may change places.
        old_addresses: what becomes of addresses that are moved away from. keep: they stay reserved, as spare;
            release: the cloud gets them back, but for those that the site was given.
        hub_chart_version: of the jupyterhub chart, such as 4.4.0. None: as it is.
        dask_chart_version: of the dask-gateway chart, such as 2026.3.0. None: as it is.
        image: for notebooks, Dask schedulers and workers: NAME:TAG, such as pangeo/pangeo-notebook:2026.10.02.
            None: as it is.
        hub_values: of the jupyterhub chart, laid over the site's own, such as {"cull": {"timeout": 7200}}.
            No secret itself, but where it is: {"env": "NAME"}, {"file": "PATH"} or {"block": "NAME"}.
        dask_values: the same for the dask-gateway chart.
        dry_run: on: say what would be done, as the artifact plan-SITE, and change nothing.
    """
    spec, started_s = load_site(site), time.monotonic()
    wishes: dict[Part, str] = {"jupyterhub": hub_floating_ip, "dask_gateway": dask_floating_ip}
    refuse_pinned(spec, wishes)
    asked = overrides_asked(
        spec,
        chart_versions={"jupyterhub": hub_chart_version, "dask_gateway": dask_chart_version},
        values={"jupyterhub": hub_values or {}, "dask_gateway": dask_values or {}},
        image=image,
    )
    laid_over(spec, asked)  # together they have to be a site, which is known before anything is asked of anybody
    with asking(spec), live_progress((*STAGES, "remember", "marks")), recording() as stages:
        prepared = make_plan(spec, asked=asked, moves=Moves(wishes, old_addresses))
        publish_plan(prepared.plan)
        if dry_run:
            return prepared.plan
        spec, plan, ground = prepared.site, prepared.plan, ground_to_act(prepared)
        refuse_nothing_there(spec, plan)
        check_values(spec, ground)
        tell(plan)
        addresses = reserve_addresses(spec, ground, plan)
        moves = reserve_moves(spec, wishes, plan)
        await_ingress(spec, {move.part: move.new for move in moves})
        magnum_cluster = wait_for_cluster(spec, start_cluster(spec, ground, plan))
        way = open_master(spec, magnum_cluster, addresses)
        magnum_cluster = wait_for_kubernetes(spec, magnum_cluster, way)
        with holding_site(spec, magnum_cluster, way):
            addresses, moves = confirm_addresses(spec, addresses, moves)
            deployment = roll_out(spec, plan, magnum_cluster, way, addresses, moves)
            if not deployment.undone:
                remember_overrides(spec, magnum_cluster, way, prepared.overrides)
                commit_moves(spec, moves, old_addresses)
    deployment = timed(deployment, stages, started_s)
    publish_deployment(spec, deployment)
    return ended(deployment)
