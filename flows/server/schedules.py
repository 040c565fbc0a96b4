"""The nightly checks' schedules, from the sites' files: `health.cron` and `health.timezone` are the one source.

Prefect's own deploy takes schedules from prefect.yaml, and leaves those that are gone from it on the server.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound

from blocks.prefect_server import asking_prefect
from magnumhub.domain.errors import InputError, RefusedError
from magnumhub.domain.schedules import Nightly, ScheduleChange, decide_schedules, other_sites
from magnumhub.domain.spec_file import load_site, site_names
from tasks.fleet import CHECK_DEPLOYMENT


def refuse_other_sites(sites_dir: Path | None = None) -> None:
    """Stop at a server whose checks are all of other sites: ours would take its deployments and its schedules over.

    Safe to repeat: reads only.

    Raises:
        RefusedError: it has none of the sites in this folder; says what to do where these are gone for good.
        AuthenticationError: the Prefect server wants its own password first.
        TransientError: it does not answer; see PREFECT_API_URL.
    """
    asking = asking_prefect("Prefect's server did not tell its schedules")
    with asking, get_client(sync_client=True) as client:
        address = client.api_url
        try:
            schedules = client.read_deployment_by_name(CHECK_DEPLOYMENT).schedules
        except ObjectNotFound:
            return
    if others := other_sites(site_names(sites_dir), {schedule.slug for schedule in schedules if schedule.slug}):
        raise RefusedError(
            f"the Prefect server at {address} checks other sites, and none of this folder's: {', '.join(others)}",
            "take another server (PREFECT_API_URL, --port), or end the one that is there. Where those sites are gone"
            " for good, delete their schedules first: Deployments, check_health, in the UI",
        )


def align_schedules(sites_dir: Path | None = None) -> list[ScheduleChange]:
    """Give the deployment of check_health one schedule a site, with the site's name as slug, as the files say.

    Safe to repeat: does only what is missing. A schedule that was paused in the UI stays paused, also when its time
    changes; one without a slug was made by hand and is left alone.

    Returns:
        what was done about each site's schedule. That of a site whose file is wrong stays as it is: `unreadable`.

    Raises:
        RefusedError: there is no such deployment; deploy it.
        AuthenticationError: the Prefect server wants its own password first.
        TransientError: it does not answer, or refuses; see PREFECT_API_URL.
    """
    wanted, unreadable = _wanted(sites_dir)
    asking = asking_prefect("Prefect's server did not take the schedules")
    try:
        with asking, get_client(sync_client=True) as client:
            deployment_id = client.read_deployment_by_name(CHECK_DEPLOYMENT).id
            present = {s.slug: s for s in client.read_deployment_schedules(deployment_id) if s.slug}
            nightly = {slug: _nightly(schedule) for slug, schedule in present.items()}
            changes = decide_schedules(wanted, nightly, unreadable)
            for change in changes:
                _carry_out(client, deployment_id, change, present.get(change.site))
    except ObjectNotFound as error:
        raise RefusedError(f"there is no deployment {CHECK_DEPLOYMENT}", "make it: prefect deploy --all") from error
    return changes


def _wanted(sites_dir: Path | None) -> tuple[dict[str, Nightly], set[str]]:
    """When each site is to be checked, and the sites whose files are wrong."""
    wanted, unreadable = {}, set()
    for name in site_names(sites_dir):
        try:
            health = load_site(name, sites_dir).health
            wanted[name] = Nightly(cron=health.cron, timezone=health.timezone)
        except InputError:
            unreadable.add(name)
    return wanted, unreadable


def _nightly(schedule: DeploymentSchedule) -> Nightly | None:
    at = schedule.schedule
    return Nightly(cron=at.cron, timezone=at.timezone or "UTC") if isinstance(at, CronSchedule) else None


def _carry_out(
    client: SyncPrefectClient, deployment_id: UUID, change: ScheduleChange, present: DeploymentSchedule | None
) -> None:
    if change.action == "removed" and present is not None:
        client.delete_deployment_schedule(deployment_id, present.id)
    elif change.action in ("created", "changed") and change.nightly is not None:
        at = CronSchedule(cron=change.nightly.cron, timezone=change.nightly.timezone)
        parameters = {"site": change.site}
        if present is None:
            made = DeploymentScheduleCreate(schedule=at, active=True, parameters=parameters, slug=change.site)
            client.create_deployment_schedules(deployment_id, [made])
        else:  # without a word on `active`: what was paused stays paused
            client.update_deployment_schedule(deployment_id, present.id, schedule=at, parameters=parameters)
