"""The project's automations on a real Prefect server: applied again they are the same ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import Automation
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.server.automations import align_automations
from magnumhub.domain.errors import RefusedError, TransientError
from tests.support.notifications import deploy_mark_crashed
from tests.support.prefect_client import using_server

ROOT = Path(__file__).parents[2]
NAMES = {
    "magnumhub: a change of a site failed",
    "magnumhub: a check did not run",
    "magnumhub: a site has recovered",
    "magnumhub: a site is unhealthy",
    "magnumhub: a site waits for its firewall",
    "magnumhub: no checks",
    "magnumhub: no worker",
    "magnumhub: sites without a report",
    "magnumhub: the worker of a run died",
}


@pytest.fixture(autouse=True)
def client(prefect_server: str, tmp_path: Path) -> Iterator[SyncPrefectClient]:
    with using_server(prefect_server, tmp_path / "prefect"), get_client(sync_client=True) as opened:
        deploy_mark_crashed(opened)
        yield opened
        for automation in opened.read_automations():
            opened.delete_automation(automation.id)


@pytest.fixture
def block_id() -> Iterator[UUID]:
    block = CustomWebhookNotificationBlock(name="magnumhub", url="http://127.0.0.1:9/", json_data={"text": "{{body}}"})
    made: UUID = block.save("magnumhub", overwrite=True)
    yield made
    CustomWebhookNotificationBlock.delete("magnumhub")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An operator's copy of deployments/automations."""
    return Path(shutil.copytree(ROOT / "deployments/automations", tmp_path / "deployments/automations"))


def automations(client: SyncPrefectClient) -> dict[str, Automation]:
    found = client.read_automations()
    assert len({automation.name for automation in found}) == len(found)
    return {automation.name: automation for automation in found}


def test_every_file_becomes_one_automation_that_notifies(
    client: SyncPrefectClient, folder: Path, block_id: UUID
) -> None:
    assert align_automations(folder) == dict.fromkeys(NAMES, "created")
    made = automations(client)
    assert set(made) == NAMES
    assert all(automation.enabled for automation in made.values())
    notifying = [action for each in made.values() for action in each.actions if action.type == "send-notification"]
    assert {action.block_document_id for action in notifying} == {block_id}
    assert align_automations(folder) == dict.fromkeys(NAMES, "kept")
    assert {each.id for each in automations(client).values()} == {each.id for each in made.values()}


def test_a_changed_file_changes_its_automation_and_leaves_it_disabled(
    client: SyncPrefectClient, folder: Path, block_id: UUID
) -> None:
    align_automations(folder)
    before = automations(client)["magnumhub: no checks"]
    client.pause_automation(before.id)
    assert align_automations(folder)["magnumhub: no checks"] == "kept"
    path = folder / "no-checks.yaml"
    path.write_text(path.read_text().replace("within: 93600", "within: 180000"))
    done = align_automations(folder)
    assert {name for name, action in done.items() if action == "changed"} == {"magnumhub: no checks"}
    after = automations(client)["magnumhub: no checks"]
    assert (after.id, after.enabled, after.trigger.within.total_seconds()) == (before.id, False, 180000)


def test_without_the_block_nobody_is_told_and_all_else_is_made(client: SyncPrefectClient, folder: Path) -> None:
    done = align_automations(folder)
    assert {name for name, action in done.items() if action == "created"} == {"magnumhub: the worker of a run died"}
    assert {name for name, action in done.items() if action == "skipped"} == set(automations(client)) ^ NAMES
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(TransientError):
        align_automations(folder)


def test_of_two_blocks_with_one_name_the_file_has_to_say_the_type(
    client: SyncPrefectClient, folder: Path, block_id: UUID
) -> None:
    SlackWebhook(url="http://127.0.0.1:9/").save("magnumhub")
    try:
        with pytest.raises(RefusedError, match="several notification blocks are called magnumhub") as refused:
            align_automations(folder)
        assert "custom-webhook/magnumhub or slack-webhook/magnumhub" in refused.value.hint
        assert automations(client) == {}
        for path in folder.glob("*.yaml"):
            path.write_text(path.read_text().replace("block_document_id: m", "block_document_id: custom-webhook/m"))
        assert align_automations(folder) == dict.fromkeys(NAMES, "created")
    finally:
        SlackWebhook.delete("magnumhub")


def test_without_the_deployment_that_a_file_names_it_says_what_to_do(client: SyncPrefectClient, folder: Path) -> None:
    client.delete_deployment(deploy_mark_crashed(client))
    with pytest.raises(RefusedError, match="no deployment mark_crashed/mark_crashed") as refused:
        align_automations(folder)
    assert "magnumhub deploy" in refused.value.hint
