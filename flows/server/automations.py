"""Who is told of what: the automations of deployments/automations on a Prefect server.

Prefect's own `automation create` makes doubles when it is run again, and wants a notification block's id, which is
another on each server.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound

from blocks.prefect_server import asking_prefect
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.results import Action

AUTOMATIONS_DIR = Path("deployments/automations")


def align_automations(folder: Path = AUTOMATIONS_DIR) -> dict[str, Action]:
    """Make the server's automations what the files say; they are known by their names.

    Safe to repeat: does only what is missing. An automation that was disabled in the UI stays disabled; one of another
    name is left alone, also when its file is gone.

    Returns:
        what was done, by name: skipped where the server has not the notification block that the file names.

    Raises:
        RefusedError: several blocks have the name that a file gives; it has to say the type as well. Or there is no
            such deployment.
        AuthenticationError: the Prefect server wants its own password first.
        TransientError: it does not answer, or refuses; see PREFECT_API_URL.
    """
    described = [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))]
    asking = asking_prefect("Prefect's server did not take the automations")
    with asking, get_client(sync_client=True) as client:
        wanted = {each["name"]: _with_ids(client, each) for each in described}  # before anything is changed
        return {name: _align(client, each) if each else "skipped" for name, each in wanted.items()}


def _with_ids(client: SyncPrefectClient, described: dict[str, Any]) -> AutomationCore | None:
    """The automation of a file, with the ids that this server has for what is named in it; None without the block."""
    for action in described["actions"]:
        if named := action.get("deployment_id"):
            action["deployment_id"] = _deployment_id(client, named)
        if named := action.get("block_document_id"):
            action["block_document_id"] = _block_id(client, named)
            if action["block_document_id"] is None:
                return None
    return AutomationCore.model_validate(described)


def _deployment_id(client: SyncPrefectClient, named: str) -> UUID:
    try:
        return client.read_deployment_by_name(named).id
    except ObjectNotFound as error:
        raise RefusedError(f"there is no deployment {named}", "make it: magnumhub deploy") from error


def _block_id(client: SyncPrefectClient, named: str) -> UUID | None:
    """Of the notification block NAME, or TYPE/NAME where several types have one of that name."""
    kind, _, name = named.rpartition("/")
    notifying = {"block_capabilities": {"all_": ["notify"]}}
    answer = client.request("POST", "/block_documents/filter", json={"block_schemas": notifying})
    found = [
        block for block in answer.json() if block["name"] == name and (not kind or block["block_type"]["slug"] == kind)
    ]
    if len(found) > 1:
        ways = " or ".join(f"{block['block_type']['slug']}/{name}" for block in found)
        raise RefusedError(
            f"several notification blocks are called {name}", f"say {ways} in the files of {AUTOMATIONS_DIR}"
        )
    return UUID(found[0]["id"]) if found else None


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
