"""The nightly check: whether users of a site can work, and if not, why and what to do."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State

from flows.naming import run_name
from flows.outcome import ended_health
from magnumhub.domain.conclusion import busy, conclude, untold
from magnumhub.domain.errors import BusyError
from magnumhub.domain.health import Health
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
from tasks.endpoints import find_endpoints
from tasks.find import find_site, within_reach
from tasks.history import recall
from tasks.kubernetes import holding_if_reached
from tasks.live import live_progress
from tasks.notify import announce
from tasks.overrides import wanted_site
from tasks.progress import hiding
from tasks.report import publish, publish_skipped
from tasks.secrets import secrets_of
from tasks.sites import SiteName
from tasks.users import check_users

_STAGES = (
    *("endpoints", "check releases", "check workloads", "check addresses", "check hub", "check gateway"),
    *("check expiry", "check quota", "check leftovers", "check as a user"),
)


@flow(name="check_health", flow_run_name=run_name)
def check_health(site: SiteName) -> Health | State[Health]:
    """Look at a site from the Kubernetes API to a computation in a notebook, and say what to do about what is wrong.

    Safe to repeat: what it starts it stops; what a killed check left is stopped first. A site on which another run
    works is skipped.

    Args:
        site: the site, by its name in deployments/sites; from a command line or Python also the path of its file.
    """
    spec, started_at = load_site(site), datetime.now(UTC)
    recalled = recall(spec.name)
    history = recalled or []
    before = history[0].memory if history else None
    try:
        found = find_site(spec)
        kubernetes = check_kubernetes(spec, found)
        place = within_reach(found, kubernetes)
        spec = wanted_site(spec, place)  # what redeploys asked for is what is checked
        secrets = secrets_of(spec, place)
        with live_progress(_STAGES), hiding(secrets), holding_if_reached(spec, place):
            where = find_endpoints(spec, place, before)
            releases = check_releases(spec, place)
            side_by_side = [
                check_workloads.submit(spec, place, before),
                check_addresses.submit(spec, place),
                check_hub.submit(spec, where, releases.facts.get("jupyterhub")),
                check_gateway.submit(spec, where, releases.facts.get("dask_gateway")),
                check_expiry.submit(spec, found, where.jupyterhub),
                check_quota.submit(spec),
                check_leftovers.submit(spec, place, started_at),
            ]
            checks = [kubernetes, releases, *(check.result() for check in side_by_side)]
            users = check_users(spec, place, where, checks, history)
    except BusyError as error:
        publish_skipped()
        return ended_health(busy(spec.name, started_at=started_at, ended_at=datetime.now(UTC), why=error.message))
    record, decision = conclude(
        spec.name,
        started_at=started_at,
        ended_at=datetime.now(UTC),
        checks=checks,
        users=users,
        endpoints=where.model_dump(include={"jupyterhub", "dask_gateway"}),
        history=history,
        secrets=secrets,
    )
    if decision.event and recalled is not None and not announce(decision.event, record.health, history):
        record = untold(record, history)
    publish(record, recalled)
    return ended_health(record.health)
