"""Who is told of what: the automations of deployments/automations on a Prefect server.

Prefect's own `automation create` makes doubles when it is run again, and wants a notification block's id, which is
another on each server. Run it after `prefect deploy`, and whenever a file changed: python -m flows.automations
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound

from magnumhub.domain.errors import MagnumhubError, RefusedError, TransientError
from magnumhub.domain.results import Action
from tasks.history import NO_SERVER

AUTOMATIONS_DIR = Path("deployments/automations")


def align_automations(folder: Path = AUTOMATIONS_DIR) -> dict[str, Action]:
    """Make the server's automations what the files say; they are known by their names.

    Safe to repeat: does only what is missing. An automation that was disabled in the UI stays disabled; one of another
    name is left alone, also when its file is gone.

    Returns:
        what was done, by name.

    Raises:
        RefusedError: a notification block that a file names is not there; the message says how to make it.
        TransientError: the Prefect server does not answer, or refuses; see PREFECT_API_URL.
    """
    described = [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))]
    try:
        with get_client(sync_client=True) as client:
            wanted = [_with_blocks(client, each) for each in described]  # all of them, before anything is changed
            return {automation.name: _align(client, automation) for automation in wanted}
    except NO_SERVER as error:
        message = f"Prefect's server did not take the automations: {error}"
        raise TransientError(message, "see PREFECT_API_URL") from error


def main() -> int:
    """Align the automations and say what was done; 1 when a block is missing or the server does not answer."""
    try:
        done = align_automations()
    except MagnumhubError as error:
        sys.stderr.write(f"magnumhub: {error}\n")
        return 1
    for name, action in done.items():
        sys.stdout.write(f"{action:<10}  {name}\n")
    return 0


def _with_blocks(client: SyncPrefectClient, described: dict[str, Any]) -> AutomationCore:
    """The automation of a file, with the ids that this server has for the blocks named in it."""
    for action in described["actions"]:
        action["block_document_id"] = _block_id(client, action["block_document_id"])
    return AutomationCore.model_validate(described)


def _block_id(client: SyncPrefectClient, slug: str) -> UUID:
    kind, name = slug.split("/")
    try:
        return client.read_block_document_by_name(name, kind, include_secrets=False).id
    except ObjectNotFound as error:
        raise RefusedError(
            f"there is no notification block {slug} on this Prefect server",
            f"make a block of the type {kind} with the name {name} under Blocks in its UI, or name one that is there in"
            f" {AUTOMATIONS_DIR} (docs/health.md)",
        ) from error


def _align(client: SyncPrefectClient, wanted: AutomationCore) -> Action:
    present = next(iter(client.read_automations_by_name(wanted.name)), None)
    if present is None:
        client.create_automation(wanted)
        return "created"
    kept_on = wanted.model_copy(update={"enabled": present.enabled})
    if _told(present) == _told(kept_on):
        return "kept"  # an update would begin the wait for a silence anew
    client.update_automation(present.id, kept_on)
    return "changed"


def _told(automation: Automation | AutomationCore) -> AutomationCore:
    return AutomationCore.model_validate(automation.model_dump())


if __name__ == "__main__":
    sys.exit(main())
