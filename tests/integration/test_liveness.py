"""Which silent runs are marked on a real Prefect server: also one that has given no sign of life yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.states import AwaitingRetry, Pending, Running, Scheduled, Suspended

from tasks.liveness import crash_if_dead
from tests.support.notifications import provision
from tests.support.prefect_client import using_server


@pytest.fixture(scope="module")
def client(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncPrefectClient]:
    home = tmp_path_factory.mktemp("prefect-client")
    with using_server(prefect_server, home), get_client(sync_client=True) as opened:
        yield opened


@pytest.mark.parametrize(
    ("state", "limit_s", "marked"),
    [
        (Pending(), 0, True),
        (Pending(name="Submitting"), 0, True),
        (Running(), 0, True),
        (Pending(), 60, False),
        (Running(), 60, False),
        (Scheduled(), 0, False),
        (AwaitingRetry(), 0, False),
        (Suspended(timeout_seconds=60), 0, False),
    ],
    ids=lambda value: value.name if isinstance(value, State) else None,
)
def test_a_run_is_marked_where_nobody_carries_it(
    client: SyncPrefectClient, state: State[None], limit_s: float, marked: bool
) -> None:
    run = client.create_flow_run(provision)
    client.set_flow_run_state(run.id, state, force=True)
    assert crash_if_dead(run.id, limit_s) is marked
    now = client.read_flow_run(run.id).state
    assert now
    assert now.name == ("Crashed" if marked else state.name)
