"""All that a Prefect server has to know of us: block types, work pool, deployments, schedules, automations."""

from __future__ import annotations

import subprocess
import sys

import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists

from blocks.prefect_server import asking_prefect
from blocks.registration import register_block_types
from flows.server import DEPLOYMENTS, WORK_POOL, refuse_other_folder
from flows.server.automations import align_automations
from flows.server.schedules import align_schedules, refuse_other_sites
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.results import Action
from tasks.progress import stage


def deploy() -> None:
    """Let the server know everything, as the files in this folder say it.

    Safe to repeat: does only what is missing. What was paused, disabled or changed in the UI and is not in the files
    stays as it is; schedules of sites that are gone go.

    Raises:
        RefusedError: there is no prefect.yaml in this folder, Prefect refuses what it says, or the server has other
            sites' checks alone.
        AuthenticationError: the Prefect server wants its own password first.
        TransientError: it does not answer; see PREFECT_API_URL.
    """
    refuse_other_folder()
    refuse_other_sites()
    with asking_prefect("Prefect's server did not answer"):
        with stage("block types") as report:
            register_block_types()
        with stage("work pool") as report:
            report.action = _ensure_pool()
    with stage("deployments") as report:
        _deploy_all()
        report.action = "changed"
        report.remark(", ".join(each["name"] for each in yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]))
    _schedules()
    _automations()


def _ensure_pool() -> Action:
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        except ObjectAlreadyExists:
            return "kept"
    return "created"


def _deploy_all() -> None:
    """By Prefect's own command: the file is Prefect's, and what it says is what Prefect's users expect of it."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if ran.returncode:
        raise RefusedError(f"prefect deploy --all failed:\n{(ran.stdout + ran.stderr)[-2000:]}", f"see {DEPLOYMENTS}")


def _schedules() -> None:
    with stage("schedules") as report:
        for change in align_schedules():
            at = f"{change.nightly.cron} {change.nightly.timezone}" if change.nightly else ""
            if change.action == "unreadable":
                report.remark(f"the file of {change.site} is wrong; magnumhub plan {change.site} says what")
            elif change.action != "kept":
                report.action = "changed"
                report.remark(f"{change.action} {change.site} {at}".rstrip())


def _automations() -> None:
    with stage("automations") as report:
        done = align_automations()
        report.action = "changed" if {"created", "changed"} & set(done.values()) else "kept"
        if skipped := [name for name, action in done.items() if action == "skipped"]:
            report.remark(
                f"nobody is notified yet: {len(skipped)} automations name a notification block that is not there. Make"
                " one called magnumhub, of any type that notifies, under Blocks in Prefect's UI, then: magnumhub deploy"
            )
