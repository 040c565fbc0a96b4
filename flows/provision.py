"""The runbook, end to end: from a site file to a hub where a notebook computes on Dask."""

from __future__ import annotations

import time

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.futures import wait

from flows.approval import asking, await_ingress
from flows.outcome import ended
from magnumhub.domain.deployment import Deployment
from magnumhub.domain.spec_file import load_site
from tasks.access import open_master
from tasks.charts import check_values, ensure_helm
from tasks.cluster import start_cluster, wait_for_cluster
from tasks.dask_gateway import ensure_dask_gateway
from tasks.jupyterhub import ensure_jupyterhub
from tasks.kubernetes import ensure_storage, holding_site, wait_for_kubernetes
from tasks.network import reserve_addresses, settle_addresses
from tasks.nodes import ensure_node_count
from tasks.plan import ground_to_act, make_plan
from tasks.progress import recording
from tasks.sites import SiteName
from tasks.verify import endpoints_of, verify_site


@flow(name="provision", flow_run_name="provision {site}")
def provision(site: SiteName, replace_failed: bool = False) -> Deployment | State[Deployment]:
    """Bring a site from nothing to a working JupyterHub with Dask, or from wherever it is to what its file says.

    Safe to repeat: it finds what is there and does only what is missing. It never deletes or replaces a cluster, but
    for one that Magnum failed to create, and that only when asked.

    Args:
        site: the site's name in deployments/sites, or the path of its file.
        replace_failed: delete a cluster of this site that Magnum failed to create, and make a new one.
    """
    spec = load_site(site)
    started_s = time.monotonic()
    with asking(spec), recording() as stages:
        prepared = make_plan(spec, replace_failed=replace_failed)
        spec, plan, ground = prepared.site, prepared.plan, ground_to_act(prepared)
        check_values(spec, ground)
        addresses = reserve_addresses(spec, ground, plan)
        magnum_cluster = start_cluster(spec, ground, plan, replace_failed=replace_failed)
        addresses = settle_addresses(spec, addresses)
        await_ingress(spec, addresses)  # the cluster goes on being created while somebody opens the firewall
        magnum_cluster = wait_for_cluster(spec, magnum_cluster)
        way = open_master(spec, magnum_cluster, addresses)
        magnum_cluster = wait_for_kubernetes(spec, magnum_cluster, way)
        with holding_site(spec, magnum_cluster, way):
            magnum_cluster = ensure_node_count(spec, magnum_cluster, way, plan)
            storage_class = ensure_storage(spec, magnum_cluster, way, plan)
            charts = ensure_helm(spec, magnum_cluster, way)
            there = (spec, magnum_cluster, way, addresses, charts, storage_class, plan)
            side_by_side = ensure_jupyterhub.submit(*there), ensure_dask_gateway.submit(*there)
            wait(list(side_by_side))  # both, also when one fails: neither is left half-way by the other's failure
            hub, gateway = (installed.result() for installed in side_by_side)
            endpoints = endpoints_of(spec, addresses, hub, gateway)
            health = verify_site(spec, magnum_cluster, way, endpoints, hub, gateway)
    return ended(
        Deployment(
            site=spec.name,
            magnum_cluster=magnum_cluster,
            addresses={
                "master": way.address.address if way.address else None,
                "jupyterhub": hub.address,
                "dask_gateway": gateway.address,
            },
            endpoints=endpoints.model_dump(),
            releases={release.name: release for release in (hub.release, gateway.release)},
            stages=tuple(stages),
            duration_s=round(time.monotonic() - started_s, 3),
            health=health,
        )
    )
