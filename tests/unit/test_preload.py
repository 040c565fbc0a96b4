"""The Kubernetes client is loaded while a cluster is built, and not when nobody waits."""

from __future__ import annotations

import pytest

from magnumhub.domain.results import MagnumCluster
from tasks.cluster import preload_meanwhile


def cluster(status: str) -> MagnumCluster:
    return MagnumCluster(uuid="u", name="iris-dask", template="t", driver="heat", status=status)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "CREATE_FAILED"])
def test_nothing_is_loaded_where_there_is_nothing_to_wait_for(status: str) -> None:
    assert preload_meanwhile(cluster(status)) is None


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", ""])
def test_it_is_loaded_beside_the_wait(status: str) -> None:
    thread = preload_meanwhile(cluster(status))

    assert thread is not None
    assert (thread.name, thread.daemon) == ("preload", True)
    thread.join(60)
    assert not thread.is_alive()
