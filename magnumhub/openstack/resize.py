"""Another number of nodes for a cluster that is there: asked of Magnum, watched by its own word.

`POST /clusters/ID/actions/resize` (microversion 1.7, Magnum 8 of 2019) and not the older PATCH of node_count: only it
takes the servers that are to go, works on a cluster whose last update failed, and is there in every driver (one of
Cluster API's has no PATCH). Which of the servers really go is up to the driver: Heat and magnum-cluster-api take those
that are named, magnum-capi-helm ignores the list.
Source: cluster_update and cluster_resize in magnum/conductor/handlers/cluster_conductor.py; resize_cluster and
update_cluster in the drivers of magnum, magnum-cluster-api and magnum-capi-helm.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import magnumclient.exceptions as magnum_errors
from magnumclient.v1.client import Client as MagnumClient
from openstack.connection import Connection

from magnumhub.domain.errors import DeadlineError, FailedError, RefusedError, TransientError
from magnumhub.domain.results import MagnumCluster, Report
from magnumhub.openstack import cluster_rules as rules
from magnumhub.openstack import clusters
from magnumhub.openstack.cloud import magnum_client, translated

RESIZE_MICROVERSION = "1.7"

_BEGINS_WITHIN_S = 10.0
"""How long a request may be unseen. Its answer is a promise: what the conductor then refuses is told to nobody."""

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0


def resize(
    magnum: MagnumClient,
    conn: Connection,
    magnum_cluster: MagnumCluster,
    node_count: int,
    *,
    nodes_to_remove: Sequence[str] = (),
    deadline_s: float,
    report: Report,
) -> MagnumCluster:
    """Give the cluster another number of nodes, and wait until Magnum calls that complete.

    Safe to repeat: an update that is under way is waited for, one that is done is kept. A request whose answer was lost
    is looked for and never repeated blindly.

    Args:
        nodes_to_remove: ids of the servers to go where there are to be fewer.
        deadline_s: how long to wait from now, in seconds.

    Raises:
        FailedError: Magnum's reason, and one line for each node group that failed.
        RefusedError: Magnum refuses, knows no resize, or the cluster is being deleted.
        TransientError: the answer was lost, and Magnum does not seem to have got the request; calling again is safe.
        DeadlineError: the time is over; says what was last seen.
    """
    started_s = time.monotonic()
    before: dict[str, Any] | None = None
    lost: TransientError | None = None
    asked_s, said = 0.0, ""
    while True:
        seen, word = clusters.look(magnum, conn, magnum_cluster.uuid)
        elapsed_s = time.monotonic() - started_s
        step = rules.resize_step(seen, node_count, before)
        if step == "done":
            return clusters.result(magnum, seen, "changed" if before else "kept")
        if step in ("failed", "leaving"):
            raise _failure(seen, node_count)
        if step == "ask":
            before, asked_s = seen, elapsed_s
            report(f"asking Magnum for {node_count} nodes instead of {seen['node_count']}")
            lost = _ask(conn, seen, node_count, nodes_to_remove)
            continue
        is_at_rest = rules.judge(seen.get("status")) == "ready"
        if before is not None and is_at_rest and elapsed_s - asked_s > _BEGINS_WITHIN_S:
            if seen["node_count"] != node_count or seen["status"] == "UPDATE_FAILED":
                raise lost or _not_begun(seen)
            return clusters.result(magnum, seen, "changed")  # begun and ended within one second of Magnum's clock
        if word != said:
            report(f"{magnum_cluster.name}: {word}, after {elapsed_s:.0f} s")
            said = word
        pause_s = min(max(_SHORTEST_PAUSE_S, elapsed_s / 10), _LONGEST_PAUSE_S)
        if elapsed_s + pause_s > deadline_s:
            raise DeadlineError(
                f"cluster {magnum_cluster.name} has not come to {node_count} nodes after {elapsed_s:.0f} s;"
                f" last seen: {word}",
                "look at the servers in Horizon; run again to wait on, or raise cluster.create_timeout_min",
            )
        time.sleep(pause_s)


def _ask(
    conn: Connection, seen: dict[str, Any], node_count: int, nodes_to_remove: Sequence[str]
) -> TransientError | None:
    """Ask; a lost answer is returned, as it is no sign that the request was lost too."""
    magnum = magnum_client(conn, microversion=RESIZE_MICROVERSION)
    try:
        with translated(f"asking for {node_count} nodes of cluster {seen['name']}"):
            try:
                magnum.clusters.resize(seen["uuid"], node_count, nodes_to_remove=list(nodes_to_remove))
            except magnum_errors.NotAcceptable as error:
                raise RefusedError(
                    f"this cloud's Magnum knows no resize (microversion {RESIZE_MICROVERSION}, of 2019)",
                    f"`openstack coe cluster update {seen['name']} replace node_count={node_count}`, then run again",
                ) from error
    except TransientError as error:
        return error
    return None


def _not_begun(seen: dict[str, Any]) -> TransientError:
    return TransientError(
        f"Magnum took the request to resize cluster {seen['name']} and has not begun after {_BEGINS_WITHIN_S:.0f} s;"
        f" the cluster is {seen['status']}",
        "Magnum is busy, or refuses it in this state without telling: run again, then ask the cloud's support",
    )


def _failure(seen: dict[str, Any], node_count: int) -> FailedError | RefusedError:
    if rules.judge(seen["status"]) == "leaving":
        return RefusedError(f"cluster {seen['name']} is {seen['status']}", "run again when it is gone")
    reasons = "; ".join(rules.faults_of(seen)) or f"it has {seen.get('node_count')}, and Magnum gives no reason"
    return FailedError(
        f"Magnum could not bring cluster {seen['name']} to {node_count} nodes ({seen['status']}): {reasons}",
        f"{rules.cause_remedy(reasons)}; then run again: what is there goes on working meanwhile",
    )
