"""The nightly check: whether users of a site can work, and if not, why and what to do."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State

from flows.outcome import ended_health
from magnumhub.domain.checking import skipped
from magnumhub.domain.conclusion import busy, conclude
from magnumhub.domain.errors import BusyError
from magnumhub.domain.health import Checked, Health
from magnumhub.domain.spec_file import load_site
from tasks.checks import (
    check_addresses,
    check_expiry,
    check_gateway,
    check_hub,
    check_kubernetes,
    check_leftovers,
    check_quota,
    check_releases,
    check_workloads,
)
from tasks.find import find_site
from tasks.history import recall
from tasks.kubernetes import BUSY_S, holding_site
from tasks.notify import announce
from tasks.report import publish
from tasks.sites import SiteName
from tasks.users import check_users, find_endpoints


@flow(name="check_health", flow_run_name="check_health {site}")
def check_health(site: SiteName) -> Health | State[Health]:
    """Look at a site from the Kubernetes API to a computation in a notebook, and say what to do about what is wrong.

    Safe to repeat: what it starts it stops; what a killed check left is stopped first. A site on which another run
    works is skipped.

    Args:
        site: the site's name in deployments/sites, or the path of its file.
    """
    spec = load_site(site)
    started_at, started_s = datetime.now(UTC), time.monotonic()
    since = {"started_at": started_at.isoformat(timespec="seconds")}
    history = recall(spec.name)
    before = history[0].memory if history else None
    found = find_site(spec)
    kubernetes = check_kubernetes(spec, found)
    with ExitStack() as held:
        if found.place is not None and "version" in kubernetes.facts:
            try:
                held.enter_context(holding_site(spec, found.place.magnum_cluster, found.place.way, wait_s=BUSY_S))
            except BusyError as error:
                return ended_health(
                    busy(spec.name, **since, duration_s=time.monotonic() - started_s, why=error.message)
                )
        where = find_endpoints(spec, found, kubernetes, before)
        beside = [check_quota.submit(spec), check_expiry.submit(spec, found, where.jupyterhub)]
        releases: list[Checked] = []
        if found.place is not None and "version" in kubernetes.facts:
            inside = (spec, found.place)
            releases = [check_releases(*inside)]
            beside += [
                check_workloads.submit(*inside, before),
                check_addresses.submit(*inside),
                check_leftovers.submit(*inside, started_at),
            ]
        else:
            names = ("releases", "workloads", "addresses", "leftovers")
            releases = [skipped(name, "Kubernetes does not answer") for name in names]
        known = releases[0].facts
        beside += [
            check_hub.submit(spec, where.jupyterhub, known.get("jupyterhub")),
            check_gateway.submit(spec, where.dask_gateway, known.get("dask_gateway")),
        ]
        checks = [kubernetes, *releases, *(future.result() for future in beside)]
        users = check_users(spec, found, where, checks)
    record, decision = conclude(
        spec.name,
        **since,
        duration_s=time.monotonic() - started_s,
        checks=checks,
        users=users,
        endpoints=where.model_dump(include={"jupyterhub", "dask_gateway"}),
        history=history,
    )
    publish(record, history)
    if decision.event:
        announce(decision.event, record.health)
    return ended_health(record.health)
